//! Roles of accounts.

use std::fmt;

use db::{Scalar, Value};
use serde::{Deserialize, Serialize};

/// Permissions of an account; each role includes those of the roles before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches.
    Viewer,
    /// Uploads, and manages what they uploaded.
    Creator,
    /// Manages everything.
    Operator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Creator, Self::Operator];

    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Creator => "creator",
            Self::Operator => "operator",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == word)
    }

    /// Digits of this role's codes.
    pub(crate) fn code_digits(self) -> u32 {
        match self {
            Self::Viewer => 6,
            Self::Creator | Self::Operator => 8,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Scalar for Role {
    type Raw = String;

    fn from_raw(raw: String) -> std::result::Result<Self, String> {
        Self::parse(&raw).ok_or_else(|| format!("`{raw}` is not a role"))
    }
}

impl From<Role> for Value {
    fn from(role: Role) -> Self {
        role.as_str().into()
    }
}
