//! Messages about keys for S3 clients.

use identity::Role;
use serde::{Deserialize, Serialize};

/// Parameters of `s3-key new`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct New {
    pub(crate) name: String,
    /// Address of the account that will own it.
    pub(crate) address: String,
    /// The role of the account that is made for it; the account must exist if there is none.
    pub(crate) create: Option<Role>,
    /// All when empty.
    pub(crate) buckets: Vec<String>,
}

/// A key without its secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    /// The role that it acts with.
    pub(crate) role: Role,
    /// All when empty.
    pub(crate) buckets: Vec<String>,
    /// RFC 3339.
    pub(crate) created: String,
}

/// A key with its secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct Made {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) secret: String,
    /// Where the S3 face is.
    pub(crate) url: String,
}
