//! What commands about people and the server say to each other.

use identity::Role;
use model::AccountId;
use serde::{Deserialize, Serialize};

/// Who gets a sign-in link.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewLink {
    pub(crate) address: String,
    pub(crate) role: Role,
}

/// A link to hand over: it is shown this once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) url: String,
}

/// Who is invited.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewInvitation {
    /// The one address that it is for.
    pub(crate) address: Option<String>,
    /// How many people may come without one.
    pub(crate) people: u32,
    pub(crate) role: Role,
    pub(crate) seconds: u64,
}

/// An invitation that still works.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Invited {
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) role: Role,
    /// How many people came.
    pub(crate) uses: u32,
    /// How many may come.
    pub(crate) people: u32,
    /// RFC 3339.
    pub(crate) expires: String,
}

/// An account.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) address: String,
    pub(crate) role: Role,
    pub(crate) suspended: bool,
    /// RFC 3339.
    pub(crate) created: String,
}

/// What is done to an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Role(Role),
    Suspend,
    Resume,
    SignOut,
}
