//! What people mean by a name or an id.

use catalogue::Title;
use model::TitleId;

use super::Refused;
use crate::house::House;

impl House {
    /// A title by id, or the newest of that name.
    pub(super) async fn title(&self, wanted: &str) -> Result<Title, Refused> {
        if let Ok(id) = wanted.parse() {
            return Ok(self.catalogue.title(id).await?);
        }
        let mut named = self.catalogue.titles_named(wanted).await?;
        if named.is_empty() {
            return Err(Refused::not_found(format!("there is no title `{wanted}`; see `kinora title ls`")));
        }
        Ok(named.swap_remove(0))
    }

    /// A deleted title by id, or the one of that name that was deleted last.
    pub(super) async fn deleted(&self, wanted: &str) -> Result<TitleId, Refused> {
        let all = self.catalogue.restorable().await?;
        let found = all.iter().find(|t| t.id.to_string() == wanted || t.name == wanted).map(|t| t.id);
        found.ok_or_else(|| {
            Refused::not_found(format!(
                "there is no deleted title `{wanted}` that can be restored; see `kinora title ls --deleted`"
            ))
        })
    }

    /// A job by its id.
    pub(super) async fn job(&self, id: &str) -> Result<jobs::Job, Refused> {
        let id = id
            .parse()
            .map_err(|_| Refused::bad(format!("`{id}` is not the id of a job; see `kinora job ls`")))?;
        let job = self.jobs.get(id).await?;
        job.ok_or_else(|| Refused::not_found(format!("there is no job {id}; see `kinora job ls`")))
    }
}
