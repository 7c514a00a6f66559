//! Deleting a title asks for its name first; what was deleted is listed until its bytes go.

use api::deleted::{self, Wanted};
use api::refused;
use api::titles::Found;
use api::titles::change;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use catalogue::Title;
use http::StatusCode;
use http_face::{ApiError, take};
use model::ByteSize;
use serde::Deserialize;

use crate::page::{Frame, render, render_as};
use crate::visitor::Visitor;
use crate::{Site, words};

#[derive(Template)]
#[template(path = "delete.html")]
struct Ask<'a> {
    frame: &'a Frame,
    id: String,
    name: &'a str,
    wrong: bool,
    /// For how long it can be restored; nothing if not at all.
    restorable: Option<String>,
}

/// Asks before an original file is deleted.
#[derive(Template)]
#[template(path = "drop_source.html")]
struct AskSource<'a> {
    frame: &'a Frame,
    id: String,
    name: &'a str,
    bytes: String,
    restorable: Option<String>,
}

struct Gone {
    id: String,
    name: String,
    until: String,
    until_iso: String,
}

#[derive(Template)]
#[template(path = "deleted.html")]
struct Deleted<'a> {
    frame: &'a Frame,
    titles: Vec<Gone>,
    next: Option<String>,
}

/// The form that deletes a title. Its name is typed to confirm it; a box that is ticked is there, with any text.
#[derive(Deserialize)]
pub(crate) struct Delete {
    name: String,
    #[serde(default)]
    now: Option<String>,
    #[serde(default)]
    keep_source: Option<String>,
}

fn restorable(site: &Site) -> Option<String> {
    let ms = site.pipeline().restorable_ms();
    (ms > 0).then(|| words::span(ms))
}

fn ask(site: &Site, visitor: &Visitor, title: &Title, wrong: bool) -> Response {
    let frame = Frame::new(visitor, "");
    let (id, name, restorable) = (title.id.to_string(), title.name.as_str(), restorable(site));
    let page = Ask { frame: &frame, id, name, wrong, restorable };
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    render_as(status, &frame, &page)
}

/// `GET /title/{title}/delete`
pub(crate) async fn page(State(site): State<Site>, visitor: Visitor, Found(title): Found) -> Response {
    ask(&site, &visitor, &title, false)
}

/// `GET /title/{title}/drop-source`
pub(crate) async fn source_page(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
) -> Result<Response, ApiError> {
    let bytes = site.pipeline().source_bytes(&title).await.map_err(refused)?;
    let Some(bytes) = bytes else {
        return Err(refused(pipeline::Error::SourceGone { title: title.id }));
    };
    let frame = Frame::new(&visitor, "");
    let page = AskSource {
        frame: &frame,
        id: title.id.to_string(),
        name: &title.name,
        bytes: ByteSize(bytes).to_string(),
        restorable: restorable(&site),
    };
    Ok(render(&frame, &page))
}

/// `POST /title/{title}/delete`
pub(crate) async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
    take::Form(how): take::Form<Delete>,
) -> Result<Response, ApiError> {
    let how = change::Delete {
        name: Some(how.name),
        now: how.now.is_some(),
        keep_source: how.keep_source.is_some(),
    };
    if !how.names(&title) {
        return Ok(ask(&site, &visitor, &title, true));
    }
    change::delete(site.api(), &visitor, &title, &how).await?;
    Ok(Redirect::to(if !how.now { "/deleted" } else { "/" }).into_response())
}

/// `GET /deleted?after=`
pub(crate) async fn list(
    State(site): State<Site>,
    visitor: Visitor,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let (titles, next) = deleted::list(site.api(), &visitor, &wanted).await?;
    let next = next.map(|after| format!("/deleted?after={after}"));
    let gone = |title: Title| {
        let until = title.purge_at.unwrap_or(now);
        Gone {
            id: title.id.to_string(),
            name: title.name,
            until: words::until(until, now),
            until_iso: words::iso(until),
        }
    };
    let frame = Frame::new(&visitor, if deleted::owner(&visitor).is_some() { "/upload" } else { "/jobs" });
    Ok(render(&frame, &Deleted { frame: &frame, titles: titles.into_iter().map(gone).collect(), next }))
}
