//! Deleted titles, until their bytes are deleted, too.

use std::fmt;

use axum::extract::{Path, State};
use http_face::{ApiError, take};
use identity::Action;
use model::{AccountId, Timestamp, TitleId};
use pipeline::{By, Error, Purge, SourceFile};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{Fresh, Items};
use crate::titles::Title;
use crate::titles::change::Did;
use crate::{Api, Caller, refused};

/// The last row of a page that is ordered by time, since ids do not order it: `1700000000000.id`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Moment(pub Timestamp, pub String);

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let parts = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id)));
        let (at, id) = parts.ok_or("`after` is a moment in ms, a dot, and an id")?;
        Ok(Self(Timestamp(at), id.to_owned()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.0, self.1)
    }
}

/// Which deleted titles to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub struct Wanted {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    pub after: Option<Moment>,
}

/// A page of deleted titles that the caller may restore, the last deleted first, and the `after` of the next page, if there
/// may be one.
///
/// # Errors
/// If `after` is none of a page; if the database cannot be read.
pub async fn list(
    api: &Api,
    caller: &Caller,
    wanted: &Wanted,
) -> Result<(Vec<catalogue::Title>, Option<Moment>), ApiError> {
    let bad = |_| ApiError::bad_request("bad_request", "`after` is the `next` of the page before.");
    let after = wanted.after.as_ref();
    let after =
        after.map(|Moment(at, id)| id.parse().map(|id: TitleId| (*at, id))).transpose().map_err(bad)?;
    let found = api.parts().catalogue.restorable(owner(caller), after).await;
    let titles = found.map_err(ApiError::internal)?;
    let last = titles.last().filter(|_| titles.len() >= catalogue::DELETED_PAGE as usize);
    let next = last.and_then(|last| Some(Moment(last.deleted_at?, last.id.to_string())));
    Ok((titles, next))
}

/// The account whose deleted titles the caller may restore: `None`, for operators, is everybody's.
pub fn owner(caller: &Caller) -> Option<AccountId> {
    caller.who.account().filter(|_| !caller.may(Action::ManageJobs))
}

/// Restores a deleted title; the command line may name it by its name.
///
/// # Errors
/// 404 if it cannot be restored by the caller.
pub async fn restore(api: &Api, caller: &Caller, wanted: &str) -> Result<TitleId, ApiError> {
    let id = find(api, caller, wanted).await?;
    match api.parts().pipeline.restore(id, owner(caller)).await {
        Err(Error::Catalogue(catalogue::Error::NoTitle { .. })) => return Err(gone(caller, wanted)),
        other => other.map_err(refused)?,
    }
    api.enforce().await;
    Ok(id)
}

async fn find(api: &Api, caller: &Caller, wanted: &str) -> Result<TitleId, ApiError> {
    if !caller.is_host() {
        return wanted.parse().map_err(|_| gone(caller, wanted));
    }
    let found = api.parts().catalogue.restorable_named(wanted).await.map_err(ApiError::internal)?;
    found.map(|title| title.id).ok_or_else(|| gone(caller, wanted))
}

fn gone(caller: &Caller, wanted: &str) -> ApiError {
    let said = match caller.is_host() {
        true => format!(
            "There is no deleted title `{wanted}` that can be restored; see `kinora title ls --deleted`."
        ),
        false => "Title not found, or it was permanently deleted.".into(),
    };
    ApiError::not_found("title_not_found", said)
}

/// `GET /api/deleted`
pub(crate) async fn all(
    State(api): State<Api>,
    caller: Caller,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Fresh<Items<Title>>, ApiError> {
    let (titles, next) = list(&api, &caller, &wanted).await?;
    Ok(Fresh(Items::page(titles.iter().map(|title| Title::of(title, &caller, None)).collect(), next)))
}

/// `POST /api/deleted/{id}/restore`
pub(crate) async fn api_restore(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Fresh<Did>, ApiError> {
    Ok(Did::to(Some(restore(&api, &caller, &id).await?), 0))
}

/// How a deleted title is deleted permanently.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct How {
    /// Whether the original file stays in its bucket.
    #[serde(default)]
    keep_source: bool,
}

/// `DELETE /api/deleted/{id}`
pub(crate) async fn purge(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    take::Query(how): take::Query<How>,
) -> Result<Fresh<Did>, ApiError> {
    let found = api.parts().catalogue.restorable_named(&id).await.map_err(ApiError::internal)?;
    let known = |title: &catalogue::Title| caller.is_host() || title.id.to_string() == id;
    let title = found.filter(known).ok_or_else(|| gone(&caller, &id))?;
    let file = if how.keep_source { SourceFile::Stays } else { SourceFile::Goes };
    let by = if caller.is_host() { By::CommandLine } else { By::Operator };
    api.parts().pipeline.delete(title.id, Purge::Now, file, by).await.map_err(refused)?;
    api.enforce().await;
    Ok(Did::to(Some(title.id), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        let moment = Moment(Timestamp(17), "a.b".into());
        assert_eq!(Moment::try_from(moment.to_string()).unwrap(), moment);
        for bad in ["", "17", "a.b", ".b"] {
            assert!(Moment::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
