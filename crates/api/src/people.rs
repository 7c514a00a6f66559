//! People's accounts. Whatever takes access away ends running playback in the same call, for the API and for forms.

use axum::extract::{Path, State};
use http::StatusCode;
use http_face::{ApiError, take};
use identity::token::SessionToken;
use identity::{Account, Error, Role};
use model::{AccountId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Done, Fresh, Items};
use crate::{Api, Caller, schema};

/// Accounts on a page, unless the request says how many.
const PAGE: u32 = 100;
/// Most accounts on a page.
const MAX_PAGE: u32 = 500;

/// A person's account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Its id.
    #[schema(schema_with = schema::id)]
    pub id: AccountId,
    /// The mail address.
    pub address: String,
    /// What the person may do.
    #[schema(schema_with = schema::role)]
    pub role: Role,
    /// Whether the account is suspended.
    pub suspended: bool,
    /// When it was made.
    #[schema(schema_with = schema::time)]
    pub created_at: Timestamp,
    /// Bytes of original files that their titles keep.
    pub stored_bytes: u64,
    /// Received bytes of unfinished uploads.
    pub uploading_bytes: u64,
    /// Free space reserved for the rest of them, in bytes.
    pub promised_bytes: u64,
}

/// Another role.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// The role.
    #[schema(schema_with = schema::role)]
    pub role: Role,
}

/// Which people to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct Wanted {
    /// The `next` of the page before.
    #[param(schema_with = schema::id)]
    after: Option<AccountId>,
    /// How many people a page has: 100 unless it is given, at most 500.
    limit: Option<u32>,
}

/// A change of an account's standing, which ends what it takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another role.
    Role(Role),
    /// No access until it is resumed.
    Suspend,
    /// Access again.
    Resume,
    /// All of its sessions end.
    SignOut,
}

/// Changes an account and ends the playback of whatever access it lost.
///
/// # Errors
/// Those of [`identity::Identity`]; then nothing is changed.
pub async fn change(api: &Api, account: AccountId, change: Change) -> identity::Result<()> {
    let (identity, now) = (&api.parts().identity, api.now());
    match change {
        Change::Role(role) => identity.set_role(account, role, now).await?,
        Change::Suspend => identity.suspend(account, now).await?,
        Change::Resume => identity.resume(account).await?,
        Change::SignOut => {
            identity.end_sessions(account, None).await?;
        }
    }
    api.enforce().await;
    Ok(())
}

/// Ends a session of an account, and what is played in it.
///
/// # Errors
/// If the database cannot be written.
pub async fn end_session(api: &Api, account: AccountId, session: SessionId) -> identity::Result<()> {
    api.parts().identity.end_session(account, session).await?;
    api.enforce().await;
    Ok(())
}

/// Ends all sessions of an account but one, and what is played in them.
///
/// # Errors
/// If the database cannot be written.
pub async fn end_other_sessions(
    api: &Api,
    account: AccountId,
    keep: Option<SessionId>,
) -> identity::Result<()> {
    api.parts().identity.end_sessions(account, keep).await?;
    api.enforce().await;
    Ok(())
}

/// Ends the session of a token, and what is played in it.
///
/// # Errors
/// If the database cannot be written.
pub async fn sign_out(api: &Api, token: &SessionToken) -> identity::Result<()> {
    api.parts().identity.sign_out(token).await?;
    api.enforce().await;
    Ok(())
}

/// Ends what is played in sessions that a sign-in ended.
pub async fn signed_in(api: &Api, signed_in: &identity::SignedIn) {
    if !signed_in.ended.is_empty() {
        api.enforce().await;
    }
}

/// The account that a path names: by its id, or by its address.
async fn find(api: &Api, caller: &Caller, wanted: &str) -> Result<Account, ApiError> {
    let identity = &api.parts().identity;
    let found = match wanted.parse() {
        Ok(id) => identity.account(id).await,
        Err(_) => match identity.account_of(wanted).await {
            Err(Error::Address { .. }) => Ok(None),
            other => other,
        },
    };
    let hint = if caller.is_host() {
        "There is no such account; see `kinora person ls`."
    } else {
        "Person not found."
    };
    found.map_err(ApiError::internal)?.ok_or_else(|| ApiError::not_found("person_not_found", hint))
}

/// The answer to a refusal about an account.
pub(crate) fn refused(error: Error) -> ApiError {
    let invalid = |code, said: String| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, code, said);
    match error {
        Error::Address { why } => invalid("address", format!("This isn't an e-mail address: {why}.")),
        Error::Offer => {
            let said = "An invitation is for one address, or for 1 to 1000 people; only one for an address can make an \
                        operator.";
            invalid("offer", said.into())
        }
        Error::Lifetime => invalid("lifetime", "An invitation is valid for at most 90 days.".into()),
        Error::AccessKey => invalid("buckets", "An access key opens 1 to 100 buckets, or all.".into()),
        Error::KeyOwner { role } => {
            let said = format!(
                "The account's role is {role}: only operators have access keys, and creators for named buckets."
            );
            invalid("key_owner", said)
        }
        Error::Taken => ApiError::conflict(
            "has_account",
            "This address already has an account. Create a sign-in link for it.",
        ),
        Error::NoOperator => ApiError::forbidden("not_allowed", "Only an active operator can invite people."),
        Error::LastOperator => ApiError::conflict(
            "last_operator",
            "This is the last operator. Make someone else an operator first.",
        ),
        Error::NoAccount => ApiError::not_found("person_not_found", "Person not found."),
        other => ApiError::internal(other),
    }
}

/// `GET /api/people`
pub(crate) async fn all(
    State(api): State<Api>,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Fresh<Items<Person>>, ApiError> {
    let page = wanted.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let parts = api.parts();
    let accounts = parts.identity.accounts(wanted.after, page + 1).await;
    let mut accounts = accounts.map_err(ApiError::internal)?;
    let more = answer::cut(&mut accounts, page);
    let held = parts.uploads.held(api.now()).await.map_err(ApiError::internal)?;
    let stored = parts.uploads.originals().await.map_err(ApiError::internal)?;
    let next = accounts.last().filter(|_| more).map(|account| account.id);
    let person = |account: &Account| {
        let held = held.get(&account.id).copied().unwrap_or_default();
        Person {
            id: account.id,
            address: account.address.as_str().to_owned(),
            role: account.role,
            suspended: account.suspended_at.is_some(),
            created_at: account.created_at,
            stored_bytes: stored.get(&account.id).copied().unwrap_or(0),
            uploading_bytes: held.received,
            promised_bytes: held.promised,
        }
    };
    Ok(Fresh(Items::page(accounts.iter().map(person).collect(), next)))
}

async fn api_change(api: &Api, caller: &Caller, person: &str, how: Change) -> Result<Done, ApiError> {
    let account = find(api, caller, person).await?;
    change(api, account.id, how).await.map_err(refused)?;
    Ok(Done)
}

/// `POST /api/people/{person}/role`
pub(crate) async fn role(
    State(api): State<Api>,
    caller: Caller,
    Path(person): Path<String>,
    take::Json(new): take::Json<NewRole>,
) -> Result<Done, ApiError> {
    api_change(&api, &caller, &person, Change::Role(new.role)).await
}

/// `POST /api/people/{person}/suspend`
pub(crate) async fn suspend(
    State(api): State<Api>,
    caller: Caller,
    Path(person): Path<String>,
) -> Result<Done, ApiError> {
    api_change(&api, &caller, &person, Change::Suspend).await
}

/// `POST /api/people/{person}/resume`
pub(crate) async fn resume(
    State(api): State<Api>,
    caller: Caller,
    Path(person): Path<String>,
) -> Result<Done, ApiError> {
    api_change(&api, &caller, &person, Change::Resume).await
}

/// `POST /api/people/{person}/sign-out`
pub(crate) async fn api_sign_out(
    State(api): State<Api>,
    caller: Caller,
    Path(person): Path<String>,
) -> Result<Done, ApiError> {
    api_change(&api, &caller, &person, Change::SignOut).await
}
