//! Sign-in links, invitations, accounts.

use axum::Json;
use axum::extract::{Path, State};
use identity::invitation::{For, Offer};

use super::{Answer, Refused, now, rfc3339};
use crate::control::people::{Account, Change, Invited, Link, NewInvitation, NewLink};
use crate::house::House;

/// Accounts read at a time.
const PAGE: u32 = 1000;
/// Why nobody could use a link that is for no address.
const NO_CODES: &str = "a link for several people asks each of them for a code, and nobody gets codes here: there is no \
                        mail server, or `sign_in` is \"invitations only\". Invite one address at a time";

pub(super) async fn signin_link(State(house): State<House>, Json(new): Json<NewLink>) -> Answer<Link> {
    let account = house.identity.ensure_account(&new.address, new.role, now()).await?;
    let token = house.identity.create_link(account.id, None, now()).await?;
    Ok(Json(Link { url: token.address(&house.place.origin) }))
}

pub(super) async fn invite(State(house): State<House>, Json(new): Json<NewInvitation>) -> Answer<Link> {
    if new.address.is_none() && !house.codes {
        return Err(Refused::bad(NO_CODES));
    }
    let to = new.address.as_deref().map_or(For::Anyone(new.people), For::Address);
    let lifetime_ms = i64::try_from(new.seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let offer = Offer { to, role: new.role, lifetime_ms, by: None };
    let (_, token) = house.identity.invite(&offer, now()).await?;
    Ok(Json(Link { url: token.address(&house.place.origin) }))
}

pub(super) async fn invitations(State(house): State<House>) -> Answer<Vec<Invited>> {
    let all = house.identity.invitations(now()).await?;
    let view = |one: &identity::Invitation| Invited {
        id: one.id.clone(),
        address: one.address.as_ref().map(|address| address.as_str().to_owned()),
        role: one.role,
        uses: one.uses,
        people: one.max_uses,
        expires: rfc3339(one.expires_at),
    };
    Ok(Json(all.iter().map(view).collect()))
}

pub(super) async fn revoke(State(house): State<House>, Path(id): Path<String>) -> Answer<()> {
    match house.identity.revoke_invitation(&id, now()).await? {
        true => Ok(Json(())),
        false => Err(Refused::not_found("there is no such invitation; see `kinora invitation ls`")),
    }
}

pub(super) async fn accounts(State(house): State<House>) -> Answer<Vec<Account>> {
    let mut all: Vec<Account> = Vec::new();
    let mut after = None;
    loop {
        let page = house.identity.accounts(after, PAGE).await?;
        all.extend(page.iter().map(|account| Account {
            id: account.id,
            address: account.address.as_str().to_owned(),
            role: account.role,
            suspended: account.suspended_at.is_some(),
            created: rfc3339(account.created_at),
        }));
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(Json(all)),
        }
    }
}

/// Changes an account; what it plays ends when its sessions do.
pub(super) async fn change(
    State(house): State<House>,
    Path(address): Path<String>,
    Json(change): Json<Change>,
) -> Answer<()> {
    let found = house.identity.account_of(&address).await?;
    let id = found.ok_or_else(|| Refused::not_found("there is no such account; see `kinora person ls`"))?.id;
    match change {
        Change::Role(role) => house.identity.set_role(id, role, now()).await?,
        Change::Suspend => house.identity.suspend(id, now()).await?,
        Change::Resume => house.identity.resume(id).await?,
        Change::SignOut => {
            house.identity.end_sessions(id, None).await?;
        }
    }
    house.playback.settle(now()).await?;
    Ok(Json(()))
}
