//! What is said about keys for S3 clients.

use serde::{Deserialize, Serialize};

/// What `s3-key new` asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct New {
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) address: String,
    /// All when empty.
    pub(crate) buckets: Vec<String>,
}

/// A key without its secret.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
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
