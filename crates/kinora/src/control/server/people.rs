//! Sign-in links, invitations, accounts.

use axum::Json;
use axum::extract::{Path, State};
use identity::invitation::{For, Offer};

use super::{Answer, Parts, Refused, now, rfc3339};
use crate::control::people::{Account, Change, Invited, Link, NewInvitation, NewLink};

/// Accounts read at a time.
const PAGE: u32 = 1000;

pub(super) async fn signin_link(State(parts): State<Parts>, Json(new): Json<NewLink>) -> Answer<Link> {
    let account = parts.identity.ensure_account(&new.address, new.role, now()).await?;
    let token = parts.identity.create_link(account.id, now()).await?;
    Ok(Json(Link { url: token.address(&parts.origin) }))
}

pub(super) async fn invite(State(parts): State<Parts>, Json(new): Json<NewInvitation>) -> Answer<Link> {
    let to = new.address.as_deref().map_or(For::Anyone(new.people), For::Address);
    let lifetime_ms = i64::try_from(new.seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let offer = Offer { to, role: new.role, lifetime_ms, by: None };
    let (_, token) = parts.identity.invite(&offer, now()).await?;
    Ok(Json(Link { url: token.address(&parts.origin) }))
}

pub(super) async fn invitations(State(parts): State<Parts>) -> Answer<Vec<Invited>> {
    let all = parts.identity.invitations(now()).await?;
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

pub(super) async fn revoke(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<()> {
    match parts.identity.revoke_invitation(&id, now()).await? {
        true => Ok(Json(())),
        false => Err(Refused::not_found("there is no such invitation; see `kinora invitation ls`")),
    }
}

pub(super) async fn accounts(State(parts): State<Parts>) -> Answer<Vec<Account>> {
    let mut all: Vec<Account> = Vec::new();
    let mut after = None;
    loop {
        let page = parts.identity.accounts(after, PAGE).await?;
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
    State(parts): State<Parts>,
    Path(address): Path<String>,
    Json(change): Json<Change>,
) -> Answer<()> {
    let found = parts.identity.account_of(&address).await?;
    let id = found.ok_or_else(|| Refused::not_found("there is no such account; see `kinora person ls`"))?.id;
    match change {
        Change::Role(role) => parts.identity.set_role(id, role, now()).await?,
        Change::Suspend => parts.identity.suspend(id, now()).await?,
        Change::Resume => parts.identity.resume(id).await?,
        Change::SignOut => {
            parts.identity.end_sessions(id, None).await?;
        }
    }
    parts.playback.revoke_account(id, now()).await?;
    Ok(Json(()))
}
