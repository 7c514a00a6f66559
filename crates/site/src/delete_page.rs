//! Deleting a title asks for its name first; what was deleted is listed until its bytes go.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use catalogue::Title;
use http::StatusCode;
use http_face::{ApiError, take};

use crate::operate::{self, Delete};
use crate::page::{Frame, render, render_as};
use crate::titles::Found;
use crate::visitor::Visitor;
use crate::{Site, words};

#[derive(Template)]
#[template(path = "delete.html")]
struct Ask<'a> {
    frame: &'a Frame,
    id: String,
    name: &'a str,
    wrong: bool,
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
}

fn ask(visitor: &Visitor, title: &Title, wrong: bool) -> Response {
    let frame = Frame::new(visitor, "");
    let page = Ask { frame: &frame, id: title.id.to_string(), name: &title.name, wrong };
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    render_as(status, &frame, &page)
}

/// `GET /title/{title}/delete`
pub(crate) async fn page(visitor: Visitor, Found(title): Found) -> Response {
    ask(&visitor, &title, false)
}

/// `POST /title/{title}/delete`
pub(crate) async fn delete(
    State(site): State<Site>,
    visitor: Visitor,
    Found(title): Found,
    take::Form(how): take::Form<Delete>,
) -> Result<Response, ApiError> {
    if !how.names(&title) {
        return Ok(ask(&visitor, &title, true));
    }
    operate::delete(&site, title.id, &how).await?;
    let operator = visitor.may(identity::Action::SeeJobs);
    Ok(Redirect::to(if operator && how.now.is_none() { "/deleted" } else { "/" }).into_response())
}

/// `GET /deleted`
pub(crate) async fn list(State(site): State<Site>, visitor: Visitor) -> Result<Response, ApiError> {
    let now = site.now();
    let titles = site.catalogue().restorable().await.map_err(ApiError::internal)?;
    let gone = |title: Title| {
        let until = title.purge_at.unwrap_or(now);
        Gone {
            id: title.id.to_string(),
            name: title.name,
            until: words::until(until, now),
            until_iso: words::iso(until),
        }
    };
    let frame = Frame::new(&visitor, "/jobs");
    Ok(render(&frame, &Deleted { frame: &frame, titles: titles.into_iter().map(gone).collect() }))
}
