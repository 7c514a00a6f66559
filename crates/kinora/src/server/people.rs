//! Sign-in links, invitations.

use api::answer::Items;
use axum::Json;
use axum::extract::{Path, Query, State};
use identity::invitation::{For, Offer};

use super::{After, Answer, Moment, Refused, page, rfc3339};
use crate::control::people::{Invited, Link, NewInvitation, NewLink};
use crate::house::House;

/// Why nobody could use a link that is for no address.
const NO_CODES: &str = "a link for several people asks each of them for a code, but this server sends none: there is no \
                        mail server, or `sign_in` is \"invitations only\". Invite one address at a time";

pub(super) async fn signin_link(State(house): State<House>, Json(new): Json<NewLink>) -> Answer<Link> {
    let account = house.identity.ensure_account(&new.address, new.role, house.db.now()).await?;
    let token = house.identity.create_link(account.id, None, house.db.now()).await?;
    Ok(Json(Link { url: token.address(&house.place.origin) }))
}

pub(super) async fn invite(State(house): State<House>, Json(new): Json<NewInvitation>) -> Answer<Link> {
    if new.address.is_none() && !house.codes {
        return Err(Refused::bad(NO_CODES));
    }
    let to = new.address.as_deref().map_or(For::Anyone(new.people), For::Address);
    let lifetime_ms = i64::try_from(new.seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let offer = Offer { to, role: new.role, lifetime_ms, by: None };
    let (_, token) = house.identity.invite(&offer, house.db.now()).await?;
    Ok(Json(Link { url: token.address(&house.place.origin) }))
}

pub(super) async fn invitations(
    State(house): State<House>,
    Query(After { after }): Query<After<Moment>>,
) -> Answer<Items<Invited>> {
    let after = after.as_ref().map(|Moment(at, id)| (*at, id.as_str()));
    let found = house.identity.invitations_after(house.db.now(), after).await?;
    let last = |one: &identity::Invitation| Moment(one.created_at, one.id.clone()).to_string();
    let view = |one: &identity::Invitation| Invited {
        id: one.id.clone(),
        address: one.address.as_ref().map(|address| address.as_str().to_owned()),
        role: one.role,
        uses: one.uses,
        people: one.max_uses,
        expires: rfc3339(one.expires_at),
    };
    Ok(page(&found, identity::invitation::PAGE as usize, last, view))
}

pub(super) async fn revoke(State(house): State<House>, Path(id): Path<String>) -> Answer<()> {
    match house.identity.revoke_invitation(&id, house.db.now()).await? {
        true => Ok(Json(())),
        false => Err(Refused::not_found("there is no such invitation; see `kinora invitation ls`")),
    }
}
