//! Links that sign somebody in: made by the host for people who cannot get a code.

use axum::extract::State;
use http_face::{ApiError, take};
use identity::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::Made;
use crate::people::refused;
use crate::{Api, schema};

/// The recipient of a sign-in link.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The mail address; an account is made if there is none.
    pub address: String,
    /// The role of the account that is made.
    #[schema(schema_with = schema::role)]
    pub role: Role,
}

/// A link to hand over: it is shown this once.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// Its address.
    pub url: String,
}

/// `POST /api/sign-in-links`
pub(crate) async fn make(
    State(api): State<Api>,
    take::Json(new): take::Json<NewLink>,
) -> Result<Made<Link>, ApiError> {
    let identity = &api.parts().identity;
    let account = identity.ensure_account(&new.address, new.role, api.now()).await.map_err(refused)?;
    let token = identity.create_link(account.id, None, api.now()).await.map_err(refused)?;
    Ok(Made(Link { url: token.address(&api.public_origin()) }))
}
