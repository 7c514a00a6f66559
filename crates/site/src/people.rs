//! The operator's list of people, and invitations.

pub(crate) mod person;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use http_face::{ApiError, take};
use identity::invitation::{For, Offer};
use identity::{Error, Invitation, Role};
use model::{AccountId, Timestamp};
use serde::Deserialize;

use crate::page::{Frame, render_as};
use crate::visitor::Visitor;
use crate::{Site, words};

/// People on a page.
const PAGE: u32 = 100;
const DAY_MS: i64 = 86_400_000;

struct Row {
    id: AccountId,
    address: String,
    role: &'static str,
    suspended: bool,
    since: String,
    since_iso: String,
}

struct Invited {
    id: String,
    whom: String,
    role: &'static str,
    until: String,
    until_iso: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct Page<'a> {
    frame: &'a Frame,
    people: Vec<Row>,
    next: Option<AccountId>,
    invitations: Vec<Invited>,
    /// A link that was just made, to be handed over: it is shown this once.
    link: Option<String>,
    typed: &'a Wish,
    error: Option<&'static str>,
    done: Option<&'static str>,
}

/// Which part of the list, and what was done.
#[derive(Default, Deserialize)]
pub(crate) struct Wanted {
    after: Option<AccountId>,
    done: Option<String>,
}

/// The form that invites.
#[derive(Deserialize)]
pub(crate) struct Wish {
    #[serde(default)]
    address: String,
    role: Role,
    /// How many people, where there is no address.
    #[serde(default)]
    count: String,
    days: u8,
}

impl Default for Wish {
    fn default() -> Self {
        Self { address: String::new(), role: Role::Viewer, count: "1".into(), days: 7 }
    }
}

/// `GET /people`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let done = wanted.done.as_deref().map(|_| "Invitation revoked.");
    let said = Said { done, ..Said::default() };
    show(&site, &visitor, wanted.after, &Wish::default(), said).await
}

/// `POST /people/invite`
pub(crate) async fn invite(
    State(site): State<Site>,
    visitor: Visitor,
    take::Form(wish): take::Form<Wish>,
) -> Result<Response, ApiError> {
    let address = wish.address.trim();
    let to = match address.is_empty() {
        true => For::Anyone(wish.count.trim().parse().unwrap_or(0)),
        false => For::Address(address),
    };
    if address.is_empty() && !site.config().codes {
        let error = Some(
            "A shared link needs e-mail for its codes, and e-mail isn't set up on this server. Invite one address instead.",
        );
        return show(&site, &visitor, None, &wish, Said { error, ..Said::default() }).await;
    }
    let lifetime_ms = i64::from(wish.days) * DAY_MS;
    let offer = Offer { to, role: wish.role, lifetime_ms, by: visitor.who.account() };
    let error = match site.identity().invite(&offer, site.now()).await {
        Ok((_, token)) => {
            let link = Some(token.address(&site.public_origin()));
            let said = Said { link, ..Said::default() };
            return show(&site, &visitor, None, &Wish::default(), said).await;
        }
        Err(Error::Address { .. }) => "That isn’t an e-mail address.",
        Err(Error::Taken) => "This address already has an account. Open it below to create a sign-in link.",
        Err(Error::Lifetime) => "An invitation can be valid for at most 90 days.",
        Err(Error::Offer) => "A shared link is for 1 to 1000 people and can't create operators.",
        Err(Error::NoOperator) => {
            return Err(ApiError::forbidden(
                "not_allowed",
                "You no longer have permission to invite people.",
            ));
        }
        Err(other) => return Err(ApiError::internal(other)),
    };
    show(&site, &visitor, None, &wish, Said { error: Some(error), ..Said::default() }).await
}

/// `POST /people/invitations/{id}/revoke`
pub(crate) async fn revoke(State(site): State<Site>, Path(id): Path<String>) -> Result<Response, ApiError> {
    site.identity().revoke_invitation(&id, site.now()).await.map_err(ApiError::internal)?;
    Ok(Redirect::to("/people?done=revoked").into_response())
}

/// Messages of a page beside its list or its person.
#[derive(Default)]
struct Said {
    link: Option<String>,
    error: Option<&'static str>,
    done: Option<&'static str>,
}

async fn show(
    site: &Site,
    visitor: &Visitor,
    after: Option<AccountId>,
    typed: &Wish,
    said: Said,
) -> Result<Response, ApiError> {
    let now = site.now();
    let mut accounts = site.identity().accounts(after, PAGE + 1).await.map_err(ApiError::internal)?;
    let more = api::answer::cut(&mut accounts, PAGE);
    let invitations = site.identity().invitations(now).await.map_err(ApiError::internal)?;
    let frame = Frame::new(visitor, "/people");
    let next = accounts.last().filter(|_| more).map(|account| account.id);
    let row = |account: &identity::Account| Row {
        id: account.id,
        address: account.address.as_str().to_owned(),
        role: words::role(account.role),
        suspended: account.suspended_at.is_some(),
        since: words::day(account.created_at),
        since_iso: words::iso(account.created_at),
    };
    let page = Page {
        frame: &frame,
        people: accounts.iter().map(row).collect(),
        next,
        invitations: invitations.iter().map(|invitation| Invited::of(invitation, now)).collect(),
        link: said.link,
        typed,
        error: said.error,
        done: said.done,
    };
    let status = if said.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(render_as(status, &frame, &page))
}

impl Invited {
    fn of(invitation: &Invitation, now: Timestamp) -> Self {
        let whom = match &invitation.address {
            Some(address) => address.as_str().to_owned(),
            None => format!("Shared link ({} of {} used)", invitation.uses, invitation.max_uses),
        };
        Self {
            id: invitation.id.clone(),
            whom,
            role: words::role(invitation.role),
            until: words::until(invitation.expires_at, now),
            until_iso: words::iso(invitation.expires_at),
        }
    }
}
