//! One person, as operators see them: role, suspension, devices, sign-in link.

use api::people::{self, Change};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http_face::{ApiError, take};
use identity::{Account, Error, Role};
use model::{AccountId, ByteSize};
use serde::Deserialize;
use upload::Held;

use super::Said;
use crate::account::Row;
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
    storage: String,
    choices: Vec<Choice>,
    sessions: Vec<Row>,
    link: Option<String>,
    error: Option<&'static str>,
    done: Option<&'static str>,
}

/// Query parameters of the page after a change.
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
        Some("role") => Some("Role changed. They’ll be asked to sign in again."),
        Some("suspend") => Some("Account suspended. All sessions and playback were ended."),
        Some("resume") => Some("Account reactivated."),
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
    changed(&site, &visitor, &account, Change::Role(new.role), "role").await
}

/// `POST /people/{account}/{change}`: `suspend`, `resume`, `sign-out`, `link`.
pub(crate) async fn change(
    State(site): State<Site>,
    visitor: Visitor,
    Path((id, change)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let account = find(&site, &id).await?;
    match change.as_str() {
        "suspend" => changed(&site, &visitor, &account, Change::Suspend, "suspend").await,
        "resume" => changed(&site, &visitor, &account, Change::Resume, "resume").await,
        "sign-out" => changed(&site, &visitor, &account, Change::SignOut, "sign-out").await,
        "link" => {
            let made = site.identity().create_link(account.id, visitor.who.account(), site.now()).await;
            let made = made.map_err(|error| match error {
                Error::NoOperator => {
                    ApiError::forbidden("not_allowed", "You no longer have permission to admit people.")
                }
                other => ApiError::internal(other),
            });
            let link = Some(made?.address(&site.public_origin()));
            show(&site, &visitor, &account, Said { link, ..Said::default() }).await
        }
        _ => Err(ApiError::not_found("not_found", "Page not found.")),
    }
}

/// Changes an account and shows it again.
async fn changed(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    how: Change,
    done: &str,
) -> Result<Response, ApiError> {
    match people::change(site.api(), account.id, how).await {
        Ok(()) => Ok(Redirect::to(&format!("/people/{}?done={done}", account.id)).into_response()),
        Err(Error::LastOperator) => {
            let error = Some("This is the last operator. Make someone else an operator first.");
            show(site, visitor, account, Said { error, ..Said::default() }).await
        }
        Err(other) => Err(ApiError::internal(other)),
    }
}

/// The storage used by an account's files, in words.
fn storage(stored: u64, held: Held) -> String {
    let originals = format!("Original files: {}.", ByteSize(stored));
    if held.uploads == 0 {
        return originals;
    }
    let uploads = if held.uploads == 1 {
        "1 unfinished upload".into()
    } else {
        format!("{} unfinished uploads", held.uploads)
    };
    format!(
        "{originals} {uploads}: {} of {} received, {} of free space reserved.",
        ByteSize(held.received),
        ByteSize(held.announced),
        ByteSize(held.promised)
    )
}

async fn find(site: &Site, id: &str) -> Result<Account, ApiError> {
    let missing = || ApiError::not_found("account_not_found", "Account not found.");
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
            Role::Creator => "Watches, uploads, and manages their own uploads",
            Role::Operator => "Manages everything",
        };
        Choice { value: role.as_str(), label: words::role(role), hint, chosen: role == account.role }
    };
    let stored = site.uploads().originals_of(account.id).await.map_err(ApiError::internal)?;
    let held = site.uploads().held(now).await.map_err(ApiError::internal)?;
    let held = held.get(&account.id).copied().unwrap_or_default();
    let page = Page {
        frame: &frame,
        id: account.id,
        address: account.address.as_str(),
        suspended: account.suspended_at.is_some(),
        since: words::day(account.created_at),
        storage: storage(stored, held),
        choices: Role::ALL.map(choice).into(),
        sessions: sessions.iter().map(|session| Row::of(session, visitor.who.session(), now)).collect(),
        link: said.link,
        error: said.error,
        done: said.done,
    };
    let status = if said.error.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(render_as(status, &frame, &page))
}
