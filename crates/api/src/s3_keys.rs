//! Keys for S3 clients.

use axum::extract::{Path, State};
use http::StatusCode;
use http_face::{ApiError, take};
use identity::access_key::AccessKey;
use identity::{Account, Buckets, Role};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Fresh, Items, Made};
use crate::people::refused;
use crate::{Api, schema};

/// A key without its secret.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct S3Key {
    /// Its id: the access key of S3 clients.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The mail address of the account that owns it.
    pub address: String,
    /// The role that it acts with.
    #[schema(schema_with = schema::role)]
    pub role: Role,
    /// The buckets that it opens; all when empty.
    pub buckets: Vec<String>,
    /// When it was made.
    #[schema(schema_with = schema::time)]
    pub created_at: Timestamp,
}

/// A new key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewS3Key {
    /// Its name. The same name again answers the same key.
    pub name: String,
    /// The mail address of the account that will own it.
    pub address: String,
    /// The role of the account that is made for it; the account must exist if there is none.
    #[schema(schema_with = schema::role)]
    pub create: Option<Role>,
    /// The buckets that it opens; all when empty.
    #[serde(default)]
    pub buckets: Vec<String>,
}

/// A key with its secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct MadeS3Key {
    /// The key.
    pub key: S3Key,
    /// The secret key of S3 clients.
    pub secret: String,
    /// Where S3 clients connect to.
    pub url: String,
}

/// `GET /api/s3-keys`
pub(crate) async fn all(State(api): State<Api>) -> Result<Fresh<Items<S3Key>>, ApiError> {
    Ok(Fresh(Items::all(live(&api).await?.iter().map(|(found, owner)| key(found, owner)).collect())))
}

/// `POST /api/s3-keys`
pub(crate) async fn make(
    State(api): State<Api>,
    take::Json(new): take::Json<NewS3Key>,
) -> Result<Made<MadeS3Key>, ApiError> {
    let named: Result<Vec<_>, _> = new.buckets.iter().map(|name| name.parse()).collect();
    let named = named.map_err(|error| ApiError::bad_request("bucket", format!("--bucket: {error}.")))?;
    let buckets = if named.is_empty() { Buckets::All } else { Buckets::Only(named.into()) };
    if new.name.trim().is_empty() {
        return Err(ApiError::bad_request("name", "A key needs a name."));
    }
    let owner = owner(&api, &new, &buckets).await?;
    let made = api.parts().identity.ensure_access_key(owner.id, &new.name, &buckets, api.now()).await;
    let (found, secret) = made.map_err(refused)?;
    if found.buckets != buckets {
        let said = format!(
            "There is already a key `{}` for other buckets: remove it first, `kinora s3-key rm {}`.",
            new.name, found.id
        );
        return Err(ApiError::conflict("other_buckets", said));
    }
    let secret =
        secret.expose_str().ok_or_else(|| ApiError::internal("the stored key is not text"))?.to_owned();
    Ok(Made(MadeS3Key { key: key(&found, &owner), secret, url: api.settings().s3_url.clone() }))
}

/// `DELETE /api/s3-keys/{id}`: by the key's id, or by its name.
pub(crate) async fn revoke(
    State(api): State<Api>,
    Path(wanted): Path<String>,
) -> Result<Fresh<S3Key>, ApiError> {
    let mut found = live(&api).await?;
    found.retain(|(key, _)| key.id == wanted || key.name == wanted);
    match &found[..] {
        [(found, owner)] => {
            let revoked = api.parts().identity.revoke_access_key(owner.id, &found.id, api.now()).await;
            revoked.map_err(ApiError::internal)?;
            Ok(Fresh(key(found, owner)))
        }
        [] => {
            let said = format!("There is no key `{wanted}`; see `kinora s3-key ls`.");
            Err(ApiError::not_found("key_not_found", said))
        }
        _ => Err(ApiError::conflict("name", format!("More than one key is called `{wanted}`: use the id."))),
    }
}

/// The account that will own the key. A mistyped address makes no account, and a key makes no operator.
async fn owner(api: &Api, new: &NewS3Key, buckets: &Buckets) -> Result<Account, ApiError> {
    let identity = &api.parts().identity;
    let found = identity.account_of(&new.address).await.map_err(refused)?;
    match (found, new.create) {
        (Some(account), None) => Ok(account),
        (Some(account), Some(_)) => {
            let said = format!(
                "{} has an account (role {}): leave --create out to make a key for it.",
                new.address, account.role
            );
            Err(ApiError::conflict("has_account", said))
        }
        (None, None) => {
            let said = format!(
                "{0} has no account. Check the spelling (`kinora person ls`), or make an account with the key: add \
                 `--create --role creator --bucket NAME`. For an operator's key make the operator first: \
                 `kinora signin-link {0} --role operator`.",
                new.address
            );
            Err(ApiError::not_found("no_account", said))
        }
        (None, Some(Role::Creator)) if *buckets != Buckets::All => {
            identity.ensure_account(&new.address, Role::Creator, api.now()).await.map_err(refused)
        }
        (None, Some(Role::Creator)) => {
            let said = "A creator's key opens named buckets only: add --bucket NAME.";
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "buckets", said))
        }
        (None, Some(role)) => Err(refused(identity::Error::KeyOwner { role })),
    }
}

/// The keys that work, with their owners.
async fn live(api: &Api) -> Result<Vec<(AccessKey, Account)>, ApiError> {
    let identity = &api.parts().identity;
    let mut all = vec![];
    for key in identity.live_access_keys().await.map_err(ApiError::internal)? {
        if let Some(owner) = identity.account(key.account).await.map_err(ApiError::internal)? {
            all.push((key, owner));
        }
    }
    Ok(all)
}

fn key(key: &AccessKey, owner: &Account) -> S3Key {
    let buckets = match &key.buckets {
        Buckets::All => vec![],
        Buckets::Only(names) => names.iter().map(ToString::to_string).collect(),
    };
    S3Key {
        id: key.id.clone(),
        name: key.name.clone(),
        address: owner.address.as_str().to_owned(),
        role: key.role,
        buckets,
        created_at: key.created_at,
    }
}
