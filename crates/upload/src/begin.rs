//! Beginning an upload: is it small enough, are there not too many, is there space?

use std::collections::HashMap;

use blob::{Came, NewUpload};
use db::{Row, Sql, args, sql};
use model::title::Visibility;
use model::{AccountId, BucketName, Key, Timestamp, UploadId};

use crate::promise::{self, Held, Open};
use crate::record::Upload;
use crate::{Error, Result, State, Uploads};

/// Longest name of a file in bytes: a key has at most 1024, and ours begins with an id.
const NAME_BYTES: usize = 800;
/// Longest fingerprint in bytes.
const FINGERPRINT_BYTES: usize = 64;
/// Longest media type in bytes.
const TYPE_BYTES: usize = 100;

/// A browser's description of a file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name, without folders.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was changed, in ms since 1970.
    pub modified_ms: i64,
    /// A digest of a few of its bytes, to know it again.
    pub fingerprint: String,
    /// Its media type; empty if the browser knows none.
    pub media_type: String,
}

const LOCK: Sql = sql!("SELECT id FROM browser_upload_room" [FOR UPDATE]);
const COUNT: &str = "SELECT COUNT(*) AS n FROM browser_uploads WHERE account = $1 AND completed_at IS NULL";
const OPEN: &str = "SELECT id, account, size, created_at FROM browser_uploads WHERE completed_at IS NULL";
const INSERT: &str = "INSERT INTO browser_uploads
    (id, account, bucket, source_key, file, size, modified_ms, fingerprint, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

impl Uploads {
    /// Begins an upload for an account. It survives restarts; space is promised to it as its bytes come ([`Held`]).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::TooMany`], [`Error::NoSpace`], [`Error::Quota`], [`Error::Name`].
    pub async fn begin(&self, account: AccountId, file: &File, now: Timestamp) -> Result<State> {
        if file.size == 0 {
            return Err(Error::Empty);
        }
        let limit = self.inner.config.max_bytes.min(blob::MAX_OBJECT);
        if file.size > limit {
            return Err(Error::TooLarge { size: file.size, limit });
        }
        let key = key_of(&file.name)?;
        let mut attributes = blob::Attributes::default();
        if let Some(media_type) = media_type(&file.media_type) {
            attributes.content_type = Some(media_type.to_owned());
        }
        let new = NewUpload {
            bucket: BucketName::source(),
            key: key.clone(),
            attributes,
            checksum: Some(blob::Algorithm::Crc32),
            composite: false,
        };
        let begun = self.inner.blob.begin_upload(new).await?;
        let upload = Upload {
            id: begun.id,
            account,
            bucket: begun.bucket,
            key,
            file: file.name.clone(),
            size: file.size,
            modified_ms: file.modified_ms,
            fingerprint: file
                .fingerprint
                .chars()
                .filter(char::is_ascii_graphic)
                .take(FINGERPRINT_BYTES)
                .collect(),
            created_at: now,
            completed_at: None,
        };
        match self.admit(&upload).await {
            Ok(draft) => {
                tracing::info!(upload = %upload.id, %account, bytes = upload.size, "upload started");
                Ok(State { upload, received: 0, draft: Some(draft) })
            }
            Err(refused) => {
                // Nobody knows of it, so the store's sweeper gives it up by and by.
                if let Err(error) = self.inner.blob.abort_upload(&upload.bucket, &upload.key, upload.id).await
                {
                    let error = model::Chain(&error);
                    tracing::warn!(upload = %upload.id, %error, "refused upload not aborted");
                }
                Err(refused)
            }
        }
    }

    /// Counts and writes in one transaction that waits for others of its kind.
    async fn admit(&self, upload: &Upload) -> Result<catalogue::Draft> {
        // Asked before the transaction: on SQLite it holds the one writer.
        let available = self.inner.blob.available().await?;
        let quota = self.inner.config.account_bytes;
        let stored = if quota > 0 { self.originals_of(upload.account).await? } else { 0 };
        let mut tx = self.inner.db.begin().await?;
        tx.one(tx.pick(LOCK), args![]).await?;
        let open: u32 = tx.one(COUNT, args![upload.account]).await?.get("n")?;
        let limit = self.inner.config.open_per_account;
        if open >= limit {
            return Err(Error::TooMany { limit });
        }
        let rows = tx.all(OPEN, args![]).await?;
        let came = blob::came(&mut tx, &ids(&rows)?).await?;
        let held = promise::held(&unfinished(&rows, &came)?, upload.created_at);
        let own = held.get(&upload.account).copied().unwrap_or_default();
        let left = quota.saturating_sub(stored.saturating_add(own.announced));
        if quota > 0 && upload.size > left {
            return Err(Error::Quota { size: upload.size, left, quota });
        }
        let promised = held.values().fold(0_u64, |sum, held| sum.saturating_add(held.promised));
        let space = available.saturating_sub(promised);
        if upload.size > space {
            tracing::warn!(upload = %upload.id, bytes = upload.size, space, promised, "not enough space for an upload");
            return Err(Error::NoSpace { size: upload.size, space });
        }
        let row = args![
            upload.id,
            upload.account,
            &upload.bucket,
            &upload.key,
            &upload.file,
            upload.size,
            upload.modified_ms,
            &upload.fingerprint,
            upload.created_at,
        ];
        tx.execute(INSERT, row).await?;
        let (bucket, key) = (&upload.bucket, &upload.key);
        let visibility = (self.visibility)(bucket, key);
        let draft = self.inner.catalogue.draft(&mut tx, bucket, key, upload.account, visibility).await?;
        tx.commit().await?;
        Ok(draft)
    }

    /// Space held by the open uploads of each account: for operators, who see by it who holds space.
    pub async fn held(&self, now: Timestamp) -> Result<HashMap<AccountId, Held>> {
        let rows = self.inner.db.all(OPEN, args![]).await?;
        let came = self.inner.blob.came(&ids(&rows)?).await?;
        Ok(promise::held(&unfinished(&rows, &came)?, now))
    }

    /// Bytes of the original files that the titles of each account keep; accounts that have none are left out.
    pub async fn originals(&self) -> Result<HashMap<AccountId, u64>> {
        let mut all = HashMap::new();
        for (account, originals) in self.inner.catalogue.originals().await? {
            all.insert(account, self.inner.blob.bytes_of(&originals).await?);
        }
        Ok(all)
    }

    /// The same of one account.
    pub async fn originals_of(&self, account: AccountId) -> Result<u64> {
        let originals = self.inner.catalogue.originals_of(account).await?;
        Ok(self.inner.blob.bytes_of(&originals).await?)
    }
}

fn ids(rows: &[Row]) -> Result<Vec<UploadId>> {
    Ok(rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?)
}

/// The uploads of these rows with what came of them.
fn unfinished(rows: &[Row], came: &HashMap<UploadId, Came>) -> Result<Vec<Open>> {
    let open = |row: &Row| {
        let came = came.get(&row.get::<UploadId>("id")?);
        Ok(Open {
            account: row.get("account")?,
            size: row.get("size")?,
            received: came.map_or(0, |came| came.bytes),
            last: came.map_or(row.get("created_at")?, |came| came.last),
        })
    };
    rows.iter().map(open).collect()
}

impl Uploads {
    /// Visibility of new titles of browser uploads until somebody changes it.
    pub fn visibility(&self) -> Visibility {
        let any = key_of("film.mp4").expect("a short name makes a key");
        (self.visibility)(&BucketName::source(), &any)
    }
}

/// A key that nobody else has, and that ends in the file's name.
fn key_of(name: &str) -> Result<Key> {
    // Browsers give plain names; a folder in one would change where the name of the title is taken from.
    let name: String = name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).collect();
    if name.trim().is_empty() || name.len() > NAME_BYTES {
        return Err(Error::Name);
    }
    format!("uploads/{}/{name}", UploadId::new()).parse().map_err(|_| Error::Name)
}

fn media_type(text: &str) -> Option<&str> {
    let graphic = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    (!text.is_empty() && text.len() <= TYPE_BYTES && graphic).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_files_name_and_are_never_the_same() {
        let (one, two) = (key_of("Mein Film.mp4").unwrap(), key_of("Mein Film.mp4").unwrap());
        assert_ne!(one, two);
        assert_eq!(one.file_name(), "Mein Film.mp4");
        assert_eq!(key_of("../a/b\n.mp4").unwrap().file_name(), ".._a_b_.mp4");
        assert!(key_of(" ").is_err() && key_of(&"x".repeat(801)).is_err());
    }

    #[test]
    fn a_media_type_is_plain_or_none() {
        assert_eq!(media_type("video/mp4"), Some("video/mp4"));
        for bad in ["", "video/mp4\r\nx: y", "é"] {
            assert_eq!(media_type(bad), None);
        }
    }
}
