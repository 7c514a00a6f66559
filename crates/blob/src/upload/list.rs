//! Listing uploads under way and their parts.

use std::collections::HashMap;

use db::{Row, Sql, Tx, args, sql};
use model::{BucketName, Timestamp, UploadId};

use super::{Part, Upload, columns};
use crate::list::{behind, just_after, rolled_up};
use crate::{Blob, Result};

/// One page of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Ascending by number.
    pub parts: Vec<Part>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// Which uploads to list.
#[derive(Debug, Clone, Default)]
pub struct ListUploads {
    /// Keys begin with it.
    pub prefix: String,
    /// Keys that have it behind the prefix are rolled up into one common prefix.
    pub delimiter: Option<String>,
    /// Keys come behind it; with an id, also that key's uploads with a higher id.
    pub after: Option<(String, Option<UploadId>)>,
    /// At most so many uploads and common prefixes together.
    pub limit: usize,
}

/// One page of uploads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uploads {
    /// Ordered by key, then by id.
    pub uploads: Vec<Upload>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// If there is more: the next page's [`ListUploads::after`].
    pub next: Option<(String, Option<UploadId>)>,
}

const BYTES: Sql = sql!(
    "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM upload_parts WHERE upload IN " [EACH "$1"]
);

const BYTES_OF_EACH: Sql = sql!(
    "SELECT upload, CAST(SUM(bytes) AS BIGINT) AS bytes, MAX(created_at) AS last FROM upload_parts
    WHERE upload IN " [EACH "$1"] " GROUP BY upload"
);

/// Progress or result of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Came {
    /// How many bytes its parts have.
    pub bytes: u64,
    /// When the last one came.
    pub last: Timestamp,
}

/// Progress or result of each of these uploads, seen from a transaction; one without parts is left out.
pub async fn came(tx: &mut Tx, ids: &[UploadId]) -> Result<HashMap<UploadId, Came>> {
    each(&tx.all(tx.pick(BYTES_OF_EACH), args![list(ids)]).await?)
}

fn each(rows: &[Row]) -> Result<HashMap<UploadId, Came>> {
    let mut came = HashMap::new();
    for row in rows {
        came.insert(row.get("upload")?, Came { bytes: row.get("bytes")?, last: row.get("last")? });
    }
    Ok(came)
}

fn list(ids: &[UploadId]) -> String {
    serde_json::Value::from_iter(ids.iter().map(UploadId::to_string)).to_string()
}

impl Blob {
    /// How many bytes the parts of an upload have.
    pub async fn uploaded_bytes(&self, id: UploadId) -> Result<u64> {
        Ok(self.db.one(self.db.pick(BYTES), args![list(&[id])]).await?.get("bytes")?)
    }

    /// Progress or result of each of these uploads; one without parts is left out.
    pub async fn came(&self, ids: &[UploadId]) -> Result<HashMap<UploadId, Came>> {
        each(&self.db.all(self.db.pick(BYTES_OF_EACH), args![list(ids)]).await?)
    }

    /// Lists the parts of an upload with numbers above `after`, at most `limit`.
    pub async fn parts(&self, id: UploadId, after: u32, limit: usize) -> Result<Parts> {
        let sql = "SELECT number, bytes, md5, checksum, created_at FROM upload_parts
            WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3";
        let rows = self.db.all(sql, args![id, after, limit.saturating_add(1)]).await?;
        let more = rows.len() > limit;
        let parts = rows.iter().take(limit).map(Part::from_row).collect::<Result<_>>()?;
        Ok(Parts { parts, more })
    }

    /// Lists uploads under way in a bucket.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`].
    pub async fn uploads(&self, bucket: &BucketName, list: &ListUploads) -> Result<Uploads> {
        self.bucket(bucket).await?;
        let mut page = Uploads::default();
        if list.limit == 0 {
            return Ok(page);
        }
        let delimiter = list.delimiter.as_deref().filter(|d| !d.is_empty());
        let end = behind(&list.prefix);
        let (mut from, mut above) = start(list, delimiter);
        let mut last = None;
        loop {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM uploads WHERE bucket = $1 AND object IS NULL AND key < $2
                AND (key > $3 OR (key = $3 AND id > $4)) ORDER BY key, id LIMIT 100"
            );
            let rows = self.db.all(sql, args![bucket, end.as_slice(), from.as_slice(), &above]).await?;
            let more = rows.len() == 100;
            for row in rows {
                let upload = Upload::from_row(&row)?;
                let key = upload.key.as_str();
                if key.as_bytes() < from.as_slice() {
                    continue;
                }
                if page.uploads.len() + page.prefixes.len() == list.limit {
                    page.next = last;
                    return Ok(page);
                }
                if let Some(common) = delimiter.and_then(|d| rolled_up(key, &list.prefix, d)) {
                    (from, above) = (behind(common), String::new());
                    last = Some((common.to_owned(), None));
                    page.prefixes.push(common.to_owned());
                } else {
                    (from, above) = (key.as_bytes().to_vec(), upload.id.to_string());
                    last = Some((key.to_owned(), Some(upload.id)));
                    page.uploads.push(upload);
                }
            }
            if !more {
                return Ok(page);
            }
        }
    }
}

/// The first key that a page may show, and the id that its uploads come behind.
fn start(list: &ListUploads, delimiter: Option<&str>) -> (Vec<u8>, String) {
    let prefix = list.prefix.as_bytes().to_vec();
    let (from, above) = match &list.after {
        None => return (prefix, String::new()),
        Some((key, Some(id))) => (key.as_bytes().to_vec(), id.to_string()),
        Some((key, None)) => match delimiter.and_then(|d| rolled_up(key, &list.prefix, d)) {
            Some(common) => (behind(common), String::new()),
            None => (just_after(key.as_bytes()), String::new()),
        },
    };
    if from < prefix { (prefix, String::new()) } else { (from, above) }
}
