//! An object to be, and the condition on which it is written.

use db::Row;
use model::{BucketName, Key, Timestamp};

use crate::{Attributes, By, Result};

/// An object to be.
#[derive(Debug, Clone)]
pub struct New {
    /// Where it goes.
    pub bucket: BucketName,
    /// Its key.
    pub key: Key,
    /// Headers and metadata.
    pub attributes: Attributes,
    /// Condition on the key's present state.
    pub condition: Condition,
    /// The author of the write.
    pub by: By,
}

impl New {
    /// An object without attributes or condition.
    pub fn named(bucket: BucketName, key: Key, by: By) -> Self {
        Self { bucket, key, attributes: Attributes::default(), condition: Condition::None, by }
    }
}

/// Condition on a key's present state for a write to happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// No object has the key (`If-None-Match: *`).
    Absent,
    /// An object has the key (`If-Match: *`).
    Present,
    /// The key's object has this ETag, without quotes (`If-Match`).
    Etag(String),
    /// The key's object, if there is one, has another ETag (`If-None-Match`).
    NotEtag(String),
    /// The key's object is as its caller last saw it.
    Seen(Seen),
}

/// Properties of an object that a caller saw; `None` matches anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its ETag, without quotes.
    pub etag: Option<String>,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// When it was written, in seconds since the epoch.
    pub seconds: Option<i64>,
}

impl Condition {
    /// Whether it holds of an object that is there.
    pub(crate) fn holds(&self, row: &Row) -> Result<bool> {
        let etag = || row.get::<String>("etag");
        Ok(match self {
            Self::None | Self::Present => true,
            Self::Absent => false,
            Self::Etag(wanted) => etag()? == *wanted,
            Self::NotEtag(unwanted) => etag()? != *unwanted,
            Self::Seen(seen) => {
                let (etag, size): (String, u64) = (etag()?, row.get("size")?);
                let seconds = row.get::<Timestamp>("created_at")?.seconds();
                seen.etag.as_ref().is_none_or(|seen| *seen == etag)
                    && seen.size.is_none_or(|seen| seen == size)
                    && seen.seconds.is_none_or(|seen| seen == seconds)
            }
        })
    }
}
