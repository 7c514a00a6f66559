//! Messages between the server and the commands about people.

use identity::Role;
use serde::{Deserialize, Serialize};

/// The recipient of a sign-in link.
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

/// The invited person or people.
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
