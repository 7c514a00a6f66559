//! Forms that act on titles.

use api::titles::Found;
use api::titles::change::{self, DropSource};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http_face::{ApiError, take};
use serde::Deserialize;

use crate::Site;
use crate::visitor::{Visitor, referer};

/// Back to the list of jobs, where the form was on it; `to` otherwise.
fn back(headers: &HeaderMap, to: &str) -> Response {
    let jobs = referer(headers).is_some_and(|page| page.path() == "/jobs");
    Redirect::to(if jobs { "/jobs" } else { to }).into_response()
}

/// `POST /title/{title}/cancel`
pub(crate) async fn cancel(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    change::cancel(site.api(), &visitor, &title).await?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /title/{title}/retry`
pub(crate) async fn retry(
    State(site): State<Site>,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    change::retry(site.api(), title.id).await?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// `POST /title/{title}/reencode`
pub(crate) async fn reencode(
    State(site): State<Site>,
    headers: HeaderMap,
    Found(title): Found,
) -> Result<Response, ApiError> {
    change::reencode(site.api(), title.id).await?;
    Ok(back(&headers, &format!("/title/{}", title.id)))
}

/// The form that deletes an original file. A box that is ticked is there, with any text.
#[derive(Default, Deserialize)]
pub(crate) struct Drop {
    #[serde(default)]
    now: Option<String>,
}

/// `POST /title/{title}/drop-source`
pub(crate) async fn drop_source(
    State(site): State<Site>,
    Found(title): Found,
    take::Form(how): take::Form<Drop>,
) -> Result<Response, ApiError> {
    change::drop_source(site.api(), title.id, &DropSource { now: how.now.is_some() }).await?;
    Ok(Redirect::to(&format!("/title/{}", title.id)).into_response())
}

/// `POST /title/{title}/restore-source`
pub(crate) async fn restore_source(
    State(site): State<Site>,
    Found(title): Found,
) -> Result<Response, ApiError> {
    change::restore_source(site.api(), title.id).await?;
    Ok(Redirect::to(&format!("/title/{}", title.id)).into_response())
}

/// `POST /deleted/{id}/restore`
pub(crate) async fn restore(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = api::deleted::restore(site.api(), &visitor, &id).await?;
    Ok(Redirect::to(&format!("/title/{id}")).into_response())
}
