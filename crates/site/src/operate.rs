//! What people do to titles and jobs: forms of the pages and the same as JSON.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use catalogue::Title;
use http::HeaderMap;
use http_face::{ApiError, take};
use model::{JobId, TitleId};
use pipeline::{By, Error, Purge, SourceFile};
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::answer::{Items, fresh};
use crate::titles::Found;
use crate::visitor::{Visitor, referer};

/// What was done.
#[derive(Serialize)]
struct Did {
    /// Jobs that were stopped or queued.
    jobs: u64,
}

/// Back to the list of jobs, where the form was on it; `to` otherwise.
fn back(headers: &HeaderMap, to: &str) -> Response {
    let jobs = referer(headers).is_some_and(|page| page.path() == "/jobs");
    Redirect::to(if jobs { "/jobs" } else { to }).into_response()
}

/// Who does something to a title: nobody else may but operators.
fn by(visitor: &Visitor, title: &Title) -> By {
    match visitor.who.account() {
        Some(account) if title.owner == Some(account) => By::Owner,
        _ => By::Operator,
    }
}

/// A refusal in words that say what to do.
pub(crate) fn refused(error: Error) -> ApiError {
    match error {
        Error::Idle { .. } => ApiError::conflict("idle", "Nothing is queued or runs for this title."),
        Error::UnderWay { .. } => ApiError::conflict(
            "under_way",
            "This title is being worked on. Wait until that is done, or cancel it first.",
        ),
        Error::NothingFailed { .. } => {
            ApiError::conflict("nothing_failed", "This title is published and nothing of it failed.")
        }
        Error::SourceGone { .. } => {
            ApiError::conflict("source_gone", "The uploaded file is gone. Upload it again.")
        }
        Error::Jobs(jobs::Error::State { state, what, .. }) => {
            ApiError::conflict("job_state", format!("This job is {state}: you cannot {what}."))
        }
        Error::Jobs(jobs::Error::NotFound { .. }) => {
            ApiError::not_found("job_not_found", "There is no such job.")
        }
        Error::Catalogue(catalogue::Error::NoTitle { .. }) => {
            ApiError::not_found("title_not_found", "There is no such title.")
        }
        other => ApiError::internal(other),
    }
}

/// `POST /title/{title}/cancel`
pub(crate) async fn cancel(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    site.pipeline().cancel(title.id, by(&visitor, &title)).await.map_err(refused)?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /title/{title}/retry`
pub(crate) async fn retry(
    State(site): State<Site>,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    site.pipeline().retry(title.id).await.map_err(refused)?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /title/{title}/reencode`
pub(crate) async fn reencode(
    State(site): State<Site>,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    site.pipeline().reencode(title.id).await.map_err(refused)?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /title/{title}/drop-source`
pub(crate) async fn drop_source(
    State(site): State<Site>,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    site.pipeline().drop_source(title.id).await.map_err(refused)?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /api/titles/{title}/cancel`
pub(crate) async fn api_cancel(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
) -> Result<Response, ApiError> {
    let jobs = site.pipeline().cancel(title.id, by(&visitor, &title)).await.map_err(refused)?;
    Ok(fresh(&Did { jobs }))
}

/// `POST /api/titles/{title}/retry`
pub(crate) async fn api_retry(State(site): State<Site>, Found(title): Found) -> Result<Response, ApiError> {
    let jobs = site.pipeline().retry(title.id).await.map_err(refused)?;
    Ok(fresh(&Did { jobs }))
}

/// `POST /api/titles/{title}/reencode`
pub(crate) async fn api_reencode(
    State(site): State<Site>,
    Found(title): Found,
) -> Result<Response, ApiError> {
    site.pipeline().reencode(title.id).await.map_err(refused)?;
    Ok(fresh(&Did { jobs: 1 }))
}

/// `POST /api/jobs/{job}/cancel`
pub(crate) async fn api_cancel_job(
    State(site): State<Site>,
    Path(job): Path<String>,
) -> Result<Response, ApiError> {
    let jobs = site.pipeline().cancel_job(named(&job)?, By::Operator).await.map_err(refused)?;
    Ok(fresh(&Did { jobs }))
}

/// `POST /api/jobs/{job}/retry`
pub(crate) async fn api_retry_job(
    State(site): State<Site>,
    Path(job): Path<String>,
) -> Result<Response, ApiError> {
    let jobs = site.pipeline().retry_job(named(&job)?).await.map_err(refused)?;
    Ok(fresh(&Did { jobs }))
}

/// A line of a log.
#[derive(Serialize)]
struct Line {
    n: u64,
    attempt: u32,
    line: String,
}

/// `GET /api/jobs/{job}/log`
pub(crate) async fn api_log(State(site): State<Site>, Path(job): Path<String>) -> Result<Response, ApiError> {
    let id = named(&job)?;
    if site.jobs().get(id).await.map_err(ApiError::internal)?.is_none() {
        return Err(refused(jobs::Error::NotFound { job: id }.into()));
    }
    let lines = site.jobs().log_lines(id).await.map_err(ApiError::internal)?;
    let items = lines.into_iter().map(|l| Line { n: l.n, attempt: l.attempt, line: l.line }).collect();
    Ok(fresh(&Items::<Line>::all(items)))
}

fn named(job: &str) -> Result<JobId, ApiError> {
    job.parse().map_err(|_| ApiError::not_found("job_not_found", "There is no such job."))
}

/// How a title is deleted; its name is typed to confirm it.
#[derive(Deserialize)]
pub(crate) struct Delete {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) now: Option<String>,
    #[serde(default)]
    pub(crate) keep_source: Option<String>,
}

impl Delete {
    /// Whether the title's name was typed. Spaces at its ends cannot be seen.
    pub(crate) fn names(&self, title: &Title) -> bool {
        self.name.trim() == title.name.trim()
    }
}

/// Deletes a title and tells everybody who delivers it.
pub(crate) async fn delete(site: &Site, id: TitleId, how: &Delete) -> Result<(), ApiError> {
    let bytes = if how.now.is_some() { Purge::Now } else { Purge::Later };
    let file = if how.keep_source.is_some() { SourceFile::Stays } else { SourceFile::Goes };
    site.pipeline().delete(id, bytes, file).await.map_err(refused)?;
    site.playback().settle(site.now()).await.map_err(ApiError::internal)
}

/// `POST /api/titles/{title}/delete`
pub(crate) async fn api_delete(
    State(site): State<Site>,
    Found(title): Found,
    take::Json(how): take::Json<Delete>,
) -> Result<Response, ApiError> {
    if !how.names(&title) {
        return Err(ApiError::conflict("other_name", "This is not the title's name. Nothing was deleted."));
    }
    delete(&site, title.id, &how).await?;
    Ok(http::StatusCode::NO_CONTENT.into_response())
}

/// `POST /deleted/{id}/restore`
pub(crate) async fn restore(State(site): State<Site>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let gone = || ApiError::not_found("title_not_found", "There is no such title, or its bytes are gone.");
    let id: TitleId = id.parse().map_err(|_| gone())?;
    match site.pipeline().restore(id).await {
        Err(Error::Catalogue(catalogue::Error::NoTitle { .. })) => return Err(gone()),
        other => other.map_err(refused)?,
    }
    site.playback().refresh(site.now()).await.map_err(ApiError::internal)?;
    Ok(Redirect::to(&format!("/title/{id}")).into_response())
}
