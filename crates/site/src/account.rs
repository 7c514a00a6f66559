//! The visitor's own account: where they are signed in, and how to end that.

use api::people;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::header;
use http_face::{ApiError, take};
use identity::Session;
use model::{SessionId, Timestamp};
use serde::Deserialize;

use crate::page::{Frame, render};
use crate::visitor::Visitor;
use crate::{Site, words};

/// A session in a list.
pub(crate) struct Row {
    pub(crate) id: SessionId,
    pub(crate) device: String,
    pub(crate) ip: String,
    pub(crate) via: &'static str,
    pub(crate) began: String,
    pub(crate) began_iso: String,
    pub(crate) seen: String,
    pub(crate) seen_iso: String,
    /// Whether it is the one that asks.
    pub(crate) own: bool,
}

impl Row {
    pub(crate) fn of(session: &Session, own: Option<SessionId>, now: Timestamp) -> Self {
        Self {
            id: session.id,
            device: words::device(&session.agent),
            ip: session.ip.clone(),
            via: words::via(&session.via),
            began: words::ago(session.created_at, now),
            began_iso: words::iso(session.created_at),
            seen: words::ago(session.seen_at, now),
            seen_iso: words::iso(session.seen_at),
            own: own == Some(session.id),
        }
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    frame: &'a Frame,
    address: &'a str,
    role: &'static str,
    since: String,
    done: Option<&'static str>,
    sessions: Vec<Row>,
}

/// Query parameters of the page after a change.
#[derive(Deserialize)]
pub(crate) struct Said {
    done: Option<String>,
}

/// `GET /account`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    take::Query(said): take::Query<Said>,
) -> Result<Response, ApiError> {
    let account = visitor.account.as_ref().ok_or_else(ApiError::unauthorized)?;
    let (now, own) = (site.now(), visitor.who.session());
    let sessions = site.identity().sessions(account.id, now).await.map_err(ApiError::internal)?;
    let frame = Frame::new(&visitor, "/account");
    let page = Page {
        frame: &frame,
        address: account.address.as_str(),
        role: words::role(account.role),
        since: words::day(account.created_at),
        done: match said.done.as_deref() {
            Some("ended") => Some("That device was signed out."),
            Some("others") => Some("All other devices were signed out."),
            _ => None,
        },
        sessions: sessions.iter().map(|session| Row::of(session, own, now)).collect(),
    };
    Ok(render(&frame, &page))
}

/// `POST /account/sessions/{id}/end`
pub(crate) async fn end(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let account = visitor.who.account().ok_or_else(ApiError::unauthorized)?;
    let Ok(session) = id.parse::<SessionId>() else {
        return Err(ApiError::not_found("session_not_found", "This device was already signed out."));
    };
    people::end_session(site.api(), account, session).await.map_err(ApiError::internal)?;
    Ok(Redirect::to("/account?done=ended").into_response())
}

/// `POST /account/sessions/end-others`
pub(crate) async fn end_others(State(site): State<Site>, visitor: Visitor) -> Result<Response, ApiError> {
    let account = visitor.who.account().ok_or_else(ApiError::unauthorized)?;
    let own = visitor.who.session();
    people::end_other_sessions(site.api(), account, own).await.map_err(ApiError::internal)?;
    Ok(Redirect::to("/account?done=others").into_response())
}

/// `POST /account/sessions/end-all`
pub(crate) async fn end_all(State(site): State<Site>, visitor: Visitor) -> Result<Response, ApiError> {
    let account = visitor.who.account().ok_or_else(ApiError::unauthorized)?;
    people::end_other_sessions(site.api(), account, None).await.map_err(ApiError::internal)?;
    let forget = site.cookies().clear(site.cookies().session());
    Ok((AppendHeaders([(header::SET_COOKIE, forget)]), Redirect::to("/signin")).into_response())
}
