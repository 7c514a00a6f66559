//! The buckets that an access key opens.

use std::sync::Arc;

use model::BucketName;

/// The buckets that an access key opens. `media` is none of them: its bytes leave through the edge alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buckets {
    /// All there are and will be.
    All,
    /// These and no others.
    Only(Arc<[BucketName]>),
}

impl Buckets {
    /// Whether the key opens the bucket.
    pub fn open(&self, bucket: &BucketName) -> bool {
        *bucket != BucketName::media()
            && match self {
                Self::All => true,
                Self::Only(names) => names.contains(bucket),
            }
    }

    /// `*`, or the names with blanks between.
    pub(crate) fn to_column(&self) -> String {
        match self {
            Self::All => "*".into(),
            Self::Only(names) => names.iter().map(BucketName::as_str).collect::<Vec<_>>().join(" "),
        }
    }

    /// Reads [`Buckets::to_column`] back.
    pub(crate) fn from_column(text: &str) -> Self {
        match text {
            "*" => Self::All,
            names => Self::Only(names.split(' ').filter_map(|name| name.parse().ok()).collect()),
        }
    }
}
