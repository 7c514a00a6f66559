//! Changes of titles, for the API and for forms. A change that takes access away ends running playback in the same call.

use axum::extract::State;
use catalogue::Edit;
use http_face::{ApiError, take};
use model::TitleId;
use model::title::Visibility;
use pipeline::{Purge, SourceFile};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Found, Title};
use crate::answer::Fresh;
use crate::{Api, Caller, refused, schema};

/// Result of an action.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Did {
    /// The title that was changed, if it is about one.
    #[schema(schema_with = schema::id_or_null)]
    pub title: Option<TitleId>,
    /// Jobs that were stopped or queued.
    pub jobs: u64,
}

impl Did {
    pub(crate) fn to(title: Option<TitleId>, jobs: u64) -> Fresh<Self> {
        Fresh(Self { title, jobs })
    }
}

/// How a title is deleted.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// The title's name, as a protection against mistakes. Required except on the command line.
    #[serde(default)]
    pub name: Option<String>,
    /// Permanently, instead of restorable for a while.
    #[serde(default)]
    pub now: bool,
    /// Whether the original file stays in its bucket.
    #[serde(default)]
    pub keep_source: bool,
}

impl Delete {
    /// Whether the title's name was typed. Spaces at its ends cannot be seen.
    pub fn names(&self, title: &catalogue::Title) -> bool {
        self.name.as_ref().is_some_and(|name| name.trim() == title.name.trim())
    }
}

/// How an original file is deleted.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DropSource {
    /// Permanently, instead of restorable for a while.
    #[serde(default)]
    pub now: bool,
}

/// Changed details of a title; absent ones stay as they are.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// 1 to 200 characters.
    pub name: Option<String>,
    /// At most 5000 characters.
    pub description: Option<String>,
    /// The audience that may watch it.
    #[schema(schema_with = schema::visibility)]
    pub visibility: Option<Visibility>,
}

impl Details {
    pub(crate) fn edit(&self) -> Edit<'_> {
        Edit {
            name: self.name.as_deref(),
            description: self.description.as_deref(),
            visibility: self.visibility,
        }
    }
}

fn purge(now: bool) -> Purge {
    if now { Purge::Now } else { Purge::Later }
}

/// Changes the name, description or audience of a title; with `seen`, only if it is still at that version. Viewers who
/// lost access stop watching now, the players of the others renew by themselves.
///
/// # Errors
/// Those of [`catalogue::Catalogue::edit`]; then nothing is changed.
pub async fn edit(
    api: &Api,
    title: TitleId,
    seen: Option<u64>,
    edit: &Edit<'_>,
) -> Result<(), catalogue::Error> {
    api.parts().catalogue.edit(title, seen, edit).await?;
    api.enforce().await;
    Ok(())
}

/// Deletes a title and ends its playbacks.
///
/// # Errors
/// Those of [`pipeline::Pipeline::delete`] in words; then nothing is deleted.
pub async fn delete(
    api: &Api,
    caller: &Caller,
    title: &catalogue::Title,
    how: &Delete,
) -> Result<(), ApiError> {
    let file = if how.keep_source { SourceFile::Stays } else { SourceFile::Goes };
    let pipeline = &api.parts().pipeline;
    pipeline.delete(title.id, purge(how.now), file, caller.by(title)).await.map_err(refused)?;
    api.enforce().await;
    Ok(())
}

/// Stops all work for a title; answers how many jobs were stopped.
///
/// # Errors
/// Those of [`pipeline::Pipeline::cancel`] in words.
pub async fn cancel(api: &Api, caller: &Caller, title: &catalogue::Title) -> Result<u64, ApiError> {
    api.parts().pipeline.cancel(title.id, caller.by(title)).await.map_err(refused)
}

/// Tries again what failed of a title; answers how many jobs were queued.
///
/// # Errors
/// Those of [`pipeline::Pipeline::retry`] in words.
pub async fn retry(api: &Api, title: TitleId) -> Result<u64, ApiError> {
    api.parts().pipeline.retry(title).await.map_err(refused)
}

/// Encodes a title anew.
///
/// # Errors
/// Those of [`pipeline::Pipeline::reencode`] in words.
pub async fn reencode(api: &Api, title: TitleId) -> Result<(), ApiError> {
    api.parts().pipeline.reencode(title).await.map_err(refused)
}

/// Deletes the original file of a title.
///
/// # Errors
/// Those of [`pipeline::Pipeline::drop_source`] in words.
pub async fn drop_source(api: &Api, title: TitleId, how: &DropSource) -> Result<(), ApiError> {
    api.parts().pipeline.drop_source(title, purge(how.now)).await.map_err(refused)
}

/// Keeps an original file whose deletion can still be undone.
///
/// # Errors
/// Those of [`pipeline::Pipeline::restore_source`] in words.
pub async fn restore_source(api: &Api, title: TitleId) -> Result<(), ApiError> {
    api.parts().pipeline.restore_source(title).await.map_err(refused)
}

impl Api {
    /// Has a committed change take effect on what is being watched. The change stands whatever fails here.
    pub(crate) async fn enforce(&self) {
        self.parts().playback.enforce(self.now()).await;
    }
}

/// `PATCH /api/titles/{title}`
pub(crate) async fn api_edit(
    State(api): State<Api>,
    caller: Caller,
    Found(title): Found,
    take::Json(details): take::Json<Details>,
) -> Result<Fresh<Title>, ApiError> {
    let bad = |code, message| ApiError::new(http::StatusCode::UNPROCESSABLE_ENTITY, code, message);
    edit(&api, title.id, None, &details.edit()).await.map_err(|error| match error {
        catalogue::Error::Name => bad("bad_name", "A name has 1 to 200 characters."),
        catalogue::Error::Description => bad("bad_description", "A description has at most 5000 characters."),
        catalogue::Error::NoTitle { .. } => ApiError::not_found("title_not_found", "Title not found."),
        other => ApiError::internal(other),
    })?;
    let title = api.find(&caller, &title.id.to_string()).await?;
    Ok(Fresh(Title::of(&title, &caller, None)))
}

/// `POST /api/titles/{title}/cancel`
pub(crate) async fn api_cancel(
    State(api): State<Api>,
    caller: Caller,
    Found(title): Found,
) -> Result<Fresh<Did>, ApiError> {
    Ok(Did::to(Some(title.id), cancel(&api, &caller, &title).await?))
}

/// `POST /api/titles/{title}/retry`
pub(crate) async fn api_retry(State(api): State<Api>, Found(title): Found) -> Result<Fresh<Did>, ApiError> {
    Ok(Did::to(Some(title.id), retry(&api, title.id).await?))
}

/// `POST /api/titles/{title}/reencode`
pub(crate) async fn api_reencode(
    State(api): State<Api>,
    Found(title): Found,
) -> Result<Fresh<Did>, ApiError> {
    reencode(&api, title.id).await?;
    Ok(Did::to(Some(title.id), 1))
}

/// `POST /api/titles/{title}/drop-source`
pub(crate) async fn api_drop_source(
    State(api): State<Api>,
    Found(title): Found,
    take::Json(how): take::Json<DropSource>,
) -> Result<Fresh<Did>, ApiError> {
    drop_source(&api, title.id, &how).await?;
    Ok(Did::to(Some(title.id), 0))
}

/// `POST /api/titles/{title}/restore-source`
pub(crate) async fn api_restore_source(
    State(api): State<Api>,
    Found(title): Found,
) -> Result<Fresh<Did>, ApiError> {
    restore_source(&api, title.id).await?;
    Ok(Did::to(Some(title.id), 0))
}

/// `POST /api/titles/{title}/delete`
pub(crate) async fn api_delete(
    State(api): State<Api>,
    caller: Caller,
    Found(title): Found,
    take::Json(how): take::Json<Delete>,
) -> Result<Fresh<Did>, ApiError> {
    // The command line asks the user by itself.
    let asked = caller.is_host() && how.name.is_none();
    if !asked && !how.names(&title) {
        return Err(ApiError::conflict("other_name", "That isn't the title's name. Nothing was deleted."));
    }
    delete(&api, &caller, &title, &how).await?;
    Ok(Did::to(Some(title.id), 0))
}
