//! Listing keys in the order of their bytes.

use db::args;
use model::{BucketName, Key, ObjectId, Timestamp};

use crate::object;
use crate::{Attributes, Blob, Checksum, Result, StorageClass};

/// Which part of a bucket to list.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Keys begin with it.
    pub prefix: String,
    /// Keys that have it behind the prefix are rolled up into one common prefix.
    pub delimiter: Option<String>,
    /// Keys and common prefixes come behind it, in the order of bytes.
    pub after: Option<String>,
    /// At most so many keys and common prefixes together; 0 lists nothing.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys that were not rolled up.
    pub entries: Vec<Entry>,
    /// Common prefixes.
    pub prefixes: Vec<String>,
    /// If there is more: the next page's [`List::after`].
    pub next: Option<String>,
}

/// A key and its current object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The object it names.
    pub object: ObjectId,
    /// Length in bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// The client's checksum.
    pub checksum: Option<Checksum>,
    /// The storage class that the client chose.
    pub storage_class: StorageClass,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Blob {
    /// Lists a page of a bucket.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`].
    pub async fn list(&self, bucket: &BucketName, list: &List) -> Result<Listing> {
        self.bucket(bucket).await?;
        let mut page = Listing::default();
        if list.limit == 0 {
            return Ok(page);
        }
        let delimiter = list.delimiter.as_deref().filter(|d| !d.is_empty());
        // A rolled-up prefix may stand for any number of rows: read few at once, jump behind it.
        let batch = list.limit.saturating_add(1).min(if delimiter.is_some() { 100 } else { 1001 });
        let mut from = start(list, delimiter);
        let end = behind(&list.prefix);
        let mut last = None;
        'batches: loop {
            let rows = self.entries(bucket, &from, &end, batch).await?;
            let more = rows.len() == batch;
            for entry in rows {
                let key = entry.key.as_str().as_bytes();
                if key < from.as_slice() {
                    continue;
                }
                if page.entries.len() + page.prefixes.len() == list.limit {
                    page.next = last;
                    break 'batches;
                }
                if let Some(common) = delimiter.and_then(|d| rolled_up(entry.key.as_str(), &list.prefix, d)) {
                    from = behind(common);
                    last = Some(common.to_owned());
                    page.prefixes.push(common.to_owned());
                } else {
                    from = just_after(key);
                    last = Some(entry.key.as_str().to_owned());
                    page.entries.push(entry);
                }
            }
            if !more {
                break;
            }
        }
        Ok(page)
    }

    async fn entries(
        &self,
        bucket: &BucketName,
        from: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let sql = "SELECT n.key, n.object, o.size, o.etag, o.checksum, o.attributes, o.created_at
            FROM names n JOIN objects o ON o.id = n.object
            WHERE n.bucket = $1 AND n.key >= $2 AND n.key < $3 ORDER BY n.key LIMIT $4";
        let rows = self.db.all(sql, args![bucket, from, end, limit]).await?;
        let read = |row: &db::Row| {
            Ok(Entry {
                key: object::key(row.get("key")?)?,
                object: row.get("object")?,
                size: row.get("size")?,
                etag: row.get("etag")?,
                checksum: row.get_opt("checksum")?,
                storage_class: Attributes::class_from_row(&row.get::<String>("attributes")?)?,
                created_at: row.get("created_at")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// The first key that a page may show.
fn start(list: &List, delimiter: Option<&str>) -> Vec<u8> {
    let prefix = list.prefix.as_bytes().to_vec();
    let Some(after) = list.after.as_deref() else { return prefix };
    // A common prefix that does not come behind `after` is not shown, nor is anything rolled up in it.
    let from = match delimiter.and_then(|d| rolled_up(after, &list.prefix, d)) {
        Some(common) => behind(common),
        None => just_after(after.as_bytes()),
    };
    from.max(prefix)
}

/// `key` up to the first delimiter behind `prefix`.
pub(crate) fn rolled_up<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let rest = key.strip_prefix(prefix)?;
    let at = rest.find(delimiter)?;
    Some(&key[..prefix.len() + at + delimiter.len()])
}

/// The smallest bytes above every text that begins with `prefix`; UTF-8 has no byte 0xff.
pub(crate) fn behind(prefix: &str) -> Vec<u8> {
    let mut bytes = prefix.as_bytes().to_vec();
    match bytes.last_mut() {
        Some(last) => *last += 1,
        None => bytes.push(0xff),
    }
    bytes
}

/// The smallest bytes above `key`; keys have no byte 0.
pub(crate) fn just_after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_at_the_first_delimiter_behind_the_prefix() {
        let check =
            |key, prefix, delimiter, expected| assert_eq!(rolled_up(key, prefix, delimiter), expected);
        check("a/b/c", "", "/", Some("a/"));
        check("a/b/c", "a/", "/", Some("a/b/"));
        check("a/b", "a/", "/", None);
        check("a//b", "a/", "/", Some("a//"));
        check("über/x", "ü", "er/", Some("über/"));
        check("b", "a", "/", None);
    }

    #[test]
    fn behind_is_above_all_that_begin_so() {
        assert!(behind("a/") > b"a/\xf4\x8f\xbf\xbf".to_vec());
        assert!(behind("") > "\u{10ffff}".as_bytes().to_vec());
        assert!(behind("a/") <= b"a0".to_vec());
    }
}
