//! A door for the fuzz targets: event records.

use model::{BucketName, Key};

use crate::record;

/// Most records of one event that are followed.
pub const MAX_RECORDS: usize = record::MAX_RECORDS;

/// The objects that an event says were created; `None` where it cannot be followed.
pub fn created(json: &[u8]) -> Option<Vec<(BucketName, Key)>> {
    let created = record::created(json).ok()?;
    Some(created.into_iter().map(|created| (created.bucket, created.key)).collect())
}
