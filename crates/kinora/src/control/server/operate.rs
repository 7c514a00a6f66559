//! What operators do to titles and jobs.

use axum::Json;
use axum::extract::{Path, State};
use model::TitleId;
use pipeline::{Purge, SourceFile};

use super::titles::view;
use super::{Answer, Parts, Refused, now};
use crate::control::{Delete, Did, Title};

/// Who acts, in reasons that pages show.
const BY: &str = "the command line";

fn did(title: Option<TitleId>, jobs: u64) -> Json<Did> {
    Json(Did { title, jobs })
}

pub(super) async fn cancel(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = parts.title(&wanted).await?.id;
    Ok(did(Some(title), parts.pipeline.cancel(title, BY).await?))
}

pub(super) async fn retry(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = parts.title(&wanted).await?.id;
    Ok(did(Some(title), parts.pipeline.retry(title).await?))
}

pub(super) async fn reencode(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = parts.title(&wanted).await?.id;
    parts.pipeline.reencode(title).await?;
    Ok(did(Some(title), 1))
}

pub(super) async fn drop_source(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = parts.title(&wanted).await?.id;
    parts.pipeline.drop_source(title).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn delete(
    State(parts): State<Parts>,
    Path(wanted): Path<String>,
    Json(how): Json<Delete>,
) -> Answer<Did> {
    let title = match parts.title(&wanted).await {
        Ok(title) => title.id,
        // One that is deleted already may go sooner.
        Err(_) if how.now => parts.deleted(&wanted).await?,
        Err(refused) => return Err(refused),
    };
    let bytes = if how.now { Purge::Now } else { Purge::Later };
    let file = if how.keep_source { SourceFile::Stays } else { SourceFile::Goes };
    parts.pipeline.delete(title, bytes, file).await?;
    parts.playback.revoke_title(title, now()).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn deleted(State(parts): State<Parts>) -> Answer<Vec<Title>> {
    Ok(Json(parts.catalogue.restorable().await?.iter().map(view).collect()))
}

pub(super) async fn restore(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = parts.deleted(&wanted).await?;
    parts.pipeline.restore(title).await?;
    parts.playback.refresh(now()).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn cancel_job(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<Did> {
    let job = parts.job(&id).await?;
    Ok(did(job.title, parts.pipeline.cancel_job(job.id, BY).await?))
}

pub(super) async fn retry_job(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<Did> {
    let job = parts.job(&id).await?;
    Ok(did(job.title, parts.pipeline.retry_job(job.id).await?))
}

impl Parts {
    /// A deleted title by id, or the one of that name that was deleted last.
    async fn deleted(&self, wanted: &str) -> Result<TitleId, Refused> {
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
