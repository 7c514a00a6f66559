//! One person, as operators see them: role, suspension, devices, sign-in link.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http_face::{ApiError, take};
use identity::{Account, Error, Role};
use model::AccountId;
use serde::Deserialize;

use super::Said;
use crate::account::{self, Row};
use crate::page::{Choice, Frame, render_as};
use crate::visitor::Visitor;
use crate::{Site, words};

#[derive(Template)]
#[template(path = "person.html")]
struct Page<'a> {
    frame: &'a Frame,
    id: AccountId,
    address: &'a str,
    suspended: bool,
    since: String,
    choices: Vec<Choice>,
    sessions: Vec<Row>,
    link: Option<String>,
    error: Option<&'static str>,
    done: Option<&'static str>,
}

/// What the address says after a change.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    done: Option<String>,
}

/// The form of the role.
#[derive(Deserialize)]
pub(crate) struct NewRole {
    role: Role,
}

/// `GET /people/{account}`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let account = find(&site, &id).await?;
    let done = match wanted.done.as_deref() {
        Some("role") => Some("The role is changed. They sign in again with it."),
        Some("suspend") => Some("Suspended: signed out everywhere, and nothing plays on."),
        Some("resume") => Some("They may sign in again."),
        Some("sign-out") => Some("Signed out everywhere."),
        _ => None,
    };
    show(&site, &visitor, &account, Said { done, ..Said::default() }).await
}

/// `POST /people/{account}/role`
pub(crate) async fn set_role(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
    take::Form(new): take::Form<NewRole>,
) -> Result<Response, ApiError> {
    let account = find(&site, &id).await?;
    if new.role == account.role {
        return Ok(Redirect::to(&format!("/people/{}", account.id)).into_response());
    }
    let changed = site.identity().set_role(account.id, new.role, site.now()).await;
    settle(&site, &visitor, &account, changed, "role").await
}

/// `POST /people/{account}/{change}`: `suspend`, `resume`, `sign-out`, `link`.
pub(crate) async fn change(
    State(site): State<Site>,
    visitor: Visitor,
    Path((id, change)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let account = find(&site, &id).await?;
    match change.as_str() {
        "suspend" => {
            let changed = site.identity().suspend(account.id, site.now()).await;
            settle(&site, &visitor, &account, changed, "suspend").await
        }
        "resume" => {
            let changed = site.identity().resume(account.id).await;
            settle(&site, &visitor, &account, changed, "resume").await
        }
        "sign-out" => {
            account::end_all_but(&site, account.id, None).await?;
            Ok(Redirect::to(&format!("/people/{}?done=sign-out", account.id)).into_response())
        }
        "link" => {
            let made = site.identity().create_link(account.id, visitor.who.account(), site.now()).await;
            let made = made.map_err(|error| match error {
                Error::NoOperator => {
                    ApiError::forbidden("not_allowed", "Your account may not let anybody in any more.")
                }
                other => ApiError::internal(other),
            });
            let link = Some(made?.address(&site.public_origin()));
            show(&site, &visitor, &account, Said { link, ..Said::default() }).await
        }
        _ => Err(ApiError::not_found("not_found", "There is no such page.")),
    }
}

/// After a change of standing: what they watch ends with their sessions.
async fn settle(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    changed: identity::Result<()>,
    done: &str,
) -> Result<Response, ApiError> {
    match changed {
        Ok(()) => {
            site.playback().settle(site.now()).await.map_err(ApiError::internal)?;
            Ok(Redirect::to(&format!("/people/{}?done={done}", account.id)).into_response())
        }
        Err(Error::LastOperator) => {
            let error = Some("This is the last operator. Make somebody else an operator first.");
            show(site, visitor, account, Said { error, ..Said::default() }).await
        }
        Err(other) => Err(ApiError::internal(other)),
    }
}

async fn find(site: &Site, id: &str) -> Result<Account, ApiError> {
    let missing = || ApiError::not_found("account_not_found", "There is no such account.");
    let id: AccountId = id.parse().map_err(|_| missing())?;
    site.identity().account(id).await.map_err(ApiError::internal)?.ok_or_else(missing)
}

async fn show(site: &Site, visitor: &Visitor, account: &Account, said: Said) -> Result<Response, ApiError> {
    let now = site.now();
    let sessions = site.identity().sessions(account.id, now).await.map_err(ApiError::internal)?;
    let frame = Frame::new(visitor, "/people");
    let choice = |role: Role| {
        let hint = match role {
            Role::Viewer => "Watches",
            Role::Creator => "Watches, uploads, and manages what they uploaded",
            Role::Operator => "Manages everything",
        };
        Choice { value: role.as_str(), label: words::role(role), hint, chosen: role == account.role }
    };
    let page = Page {
        frame: &frame,
        id: account.id,
        address: account.address.as_str(),
        suspended: account.suspended_at.is_some(),
        since: words::day(account.created_at),
        choices: Role::ALL.map(choice).into(),
        sessions: sessions.iter().map(|session| Row::of(session, visitor.who.session(), now)).collect(),
        link: said.link,
        error: said.error,
        done: said.done,
    };
    let status = if said.error.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(render_as(status, &frame, &page))
}
