//! Invitations: links by which people get an account.

use axum::extract::{Path, State};
use http_face::{ApiError, take};
use identity::Role;
use identity::invitation::{For, Offer, PAGE};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{Done, Fresh, Items, Made};
use crate::deleted::Moment;
use crate::people::refused;
use crate::sign_in_links::Link;
use crate::{Api, Caller, schema};

/// Why nobody could use a link that is for no address.
const NO_CODES: &str = "A link for several people asks each of them for a code, but this server sends none: there is no mail \
                        server, or `sign_in` is \"invitations only\". Invite one address at a time.";

/// An invitation that still works.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// The one address that it is for.
    pub address: Option<String>,
    /// The role that people get.
    #[schema(schema_with = schema::role)]
    pub role: Role,
    /// How many people came.
    pub uses: u32,
    /// How many may come.
    pub people: u32,
    /// When it expires.
    #[schema(schema_with = schema::time)]
    pub expires_at: Timestamp,
}

/// A new invitation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The one address that it is for; without it, as many people as `people` says may come.
    pub address: Option<String>,
    /// How many people may come without an address: 1 unless it is given.
    #[serde(default = "one")]
    pub people: u32,
    /// The role that people get.
    #[schema(schema_with = schema::role)]
    pub role: Role,
    /// How long it is valid, in ms: at most 90 days.
    pub lifetime_ms: u64,
}

fn one() -> u32 {
    1
}

/// Which invitations to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Wanted {
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<Moment>,
}

/// `GET /api/invitations`
pub(crate) async fn all(
    State(api): State<Api>,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Fresh<Items<Invitation>>, ApiError> {
    let after = wanted.after.as_ref().map(|Moment(at, id)| (*at, id.as_str()));
    let found = api.parts().identity.invitations_after(api.now(), after).await;
    let found = found.map_err(ApiError::internal)?;
    let last = found.last().filter(|_| found.len() >= PAGE as usize);
    let next = last.map(|last| Moment(last.created_at, last.id.clone()));
    let view = |one: &identity::Invitation| Invitation {
        id: one.id.clone(),
        address: one.address.as_ref().map(|address| address.as_str().to_owned()),
        role: one.role,
        uses: one.uses,
        people: one.max_uses,
        expires_at: one.expires_at,
    };
    Ok(Fresh(Items::page(found.iter().map(view).collect(), next)))
}

/// `POST /api/invitations`
pub(crate) async fn make(
    State(api): State<Api>,
    caller: Caller,
    take::Json(new): take::Json<NewInvitation>,
) -> Result<Made<Link>, ApiError> {
    if new.address.is_none() && !api.settings().codes {
        return Err(ApiError::conflict("no_codes", NO_CODES));
    }
    let to = new.address.as_deref().map_or(For::Anyone(new.people), For::Address);
    let lifetime_ms = i64::try_from(new.lifetime_ms).unwrap_or(i64::MAX);
    let offer = Offer { to, role: new.role, lifetime_ms, by: caller.who.account() };
    let (_, token) = api.parts().identity.invite(&offer, api.now()).await.map_err(refused)?;
    Ok(Made(Link { url: token.address(&api.public_origin()) }))
}

/// `DELETE /api/invitations/{id}`
pub(crate) async fn revoke(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Done, ApiError> {
    if api.parts().identity.revoke_invitation(&id, api.now()).await.map_err(ApiError::internal)? {
        return Ok(Done);
    }
    let said = match caller.is_host() {
        true => "There is no such invitation; see `kinora invitation ls`.",
        false => "Invitation not found.",
    };
    Err(ApiError::not_found("invitation_not_found", said))
}
