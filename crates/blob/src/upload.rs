//! Multipart uploads: parts are stored files, and completing one only writes rows.

mod complete;
mod list;

use db::{Row, Sql, Tx, args, sql};
use model::{BucketName, Key, ObjectId, Timestamp, UploadId};

pub use complete::{Chosen, Complete};
pub use list::{Came, ListUploads, Parts, Uploads, came};

use crate::bucket;
use crate::files::{drop_files, insert_file};
use crate::object::key;
use crate::{Algorithm, Attributes, Blob, Checksum, Error, Result, Staged, fault};

/// The highest part number.
const MAX_PARTS: u32 = 10_000;

/// A multipart upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its identity.
    pub id: UploadId,
    /// Where the object will go.
    pub bucket: BucketName,
    /// The object's key.
    pub key: Key,
    /// The object's headers and metadata.
    pub attributes: Attributes,
    /// The checksum that every part has.
    pub checksum: Option<Algorithm>,
    /// Whether the object's checksum will be made of those of the parts instead of all bytes.
    pub composite: bool,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// Parameters of a new multipart upload.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Where the object will go.
    pub bucket: BucketName,
    /// The object's key.
    pub key: Key,
    /// The object's headers and metadata.
    pub attributes: Attributes,
    /// The checksum that every part will have.
    pub checksum: Option<Algorithm>,
    /// Whether the object's checksum will be made of those of the parts instead of all bytes (CRCs only).
    pub composite: bool,
}

/// An uploaded part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: u32,
    /// Length in bytes.
    pub size: u64,
    /// MD5 of its bytes; in hex it is the part's ETag.
    pub md5: Vec<u8>,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Part {
    /// The ETag without quotes.
    pub fn etag(&self) -> String {
        hex::encode(&self.md5)
    }

    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            size: row.get("bytes")?,
            md5: row.get("md5")?,
            checksum: row.get_opt("checksum")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// The columns of `uploads` that [`Upload::from_row`] reads.
macro_rules! columns {
    () => {
        "id, bucket, key, attributes, checksum, composite, created_at"
    };
}
use columns;

impl Upload {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            bucket: row.get("bucket")?,
            key: key(row.get("key")?)?,
            attributes: Attributes::from_row(&row.get::<String>("attributes")?)?,
            checksum: row.get_opt("checksum")?,
            composite: row.get("composite")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl Blob {
    /// Begins an upload. It survives restarts.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::AttributesTooLarge`].
    pub async fn begin_upload(&self, new: NewUpload) -> Result<Upload> {
        let upload = Upload {
            id: UploadId::new(),
            bucket: new.bucket,
            key: new.key,
            attributes: new.attributes,
            checksum: new.checksum,
            composite: new.composite,
            created_at: self.db.now(),
        };
        let mut tx = self.db.begin().await?;
        bucket::share(&mut tx, &upload.bucket).await?;
        let sql = "INSERT INTO uploads (id, bucket, key, attributes, checksum, composite, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let row = args![
            upload.id,
            &upload.bucket,
            upload.key.as_str().as_bytes(),
            upload.attributes.to_row()?,
            upload.checksum.map(Algorithm::as_str),
            upload.composite,
            upload.created_at,
        ];
        tx.execute(sql, row).await?;
        tx.commit().await?;
        Ok(upload)
    }

    /// Looks up an upload under way.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], also if it belongs to another bucket or key.
    pub async fn upload(&self, bucket: &BucketName, key: &Key, id: UploadId) -> Result<Upload> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM uploads WHERE id = $1 AND bucket = $2 AND key = $3 AND object IS NULL"
        );
        let row = self.db.opt(sql, args![id, bucket, key.as_str().as_bytes()]).await?;
        Upload::from_row(&row.ok_or(Error::NoSuchUpload(id))?)
    }

    /// Makes staged bytes a part; one with the same number is replaced. When this answers, the part is acknowledged.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], [`Error::PartNumber`].
    pub async fn commit_part(&self, id: UploadId, number: u32, mut staged: Staged) -> Result<Part> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Error::PartNumber(number));
        }
        let part = Part {
            number,
            size: staged.size(),
            md5: staged.md5().to_vec(),
            checksum: staged.checksum().cloned(),
            created_at: self.db.now(),
        };
        let mut tx = self.db.begin().await?;
        let upload = tx.opt(tx.pick(LOCK), args![id]).await?;
        let upload = upload.ok_or(Error::NoSuchUpload(id))?;
        if upload.get_opt::<ObjectId>("object")?.is_some() {
            return Err(Error::NoSuchUpload(id));
        }
        let delete = "DELETE FROM upload_parts WHERE upload = $1 AND number = $2 RETURNING file";
        let replaced = files(&tx.all(delete, args![id, number]).await?)?;
        if let Some(file) = &staged.file {
            insert_file(&mut tx, file, part.size, Some(&part.md5)).await?;
        }
        let sql = "INSERT INTO upload_parts (upload, number, file, bytes, md5, checksum, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let row = args![
            id,
            number,
            staged.file.as_ref().map(|file| file.id),
            part.size,
            part.md5.as_slice(),
            part.checksum.as_ref().map(Checksum::to_string),
            part.created_at,
        ];
        tx.execute(sql, row).await?;
        let unused = drop_files(&mut tx, &replaced).await?;
        // Before the commit, because a caller that stops waiting here cannot know whether it happened.
        staged.take_file();
        tx.commit().await?;
        fault::pause("part.committed").await;
        self.clean_up(unused).await;
        Ok(part)
    }

    /// Gives up an upload and deletes its parts.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub async fn abort_upload(&self, bucket: &BucketName, key: &Key, id: UploadId) -> Result<()> {
        self.upload(bucket, key, id).await?;
        match self.drop_upload(id, Stale::Open).await? {
            true => Ok(()),
            // Completed or discarded since it was looked up.
            false => Err(Error::NoSuchUpload(id)),
        }
    }

    /// Gives up an upload as [`Blob::abort_upload`] does, unless a part came after `since`; answers whether it did.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub async fn abandon_upload(
        &self,
        bucket: &BucketName,
        key: &Key,
        id: UploadId,
        since: Timestamp,
    ) -> Result<bool> {
        self.upload(bucket, key, id).await?;
        self.drop_upload(id, Stale::Idle { since }).await
    }

    /// Deletes an upload with what is left of its parts, if it is as its caller saw it; answers whether it was. That is
    /// checked under its lock, because a part may have arrived, or the object may have been created, since.
    pub(crate) async fn drop_upload(&self, id: UploadId, stale: Stale) -> Result<bool> {
        fault::pause("upload.looked").await;
        let mut tx = self.db.begin().await?;
        if tx.opt(tx.pick(LOCK), args![id]).await?.is_none() || !stale.holds(&mut tx, id).await? {
            return Ok(false);
        }
        let parts = tx.all("DELETE FROM upload_parts WHERE upload = $1 RETURNING file", args![id]).await?;
        tx.execute("DELETE FROM uploads WHERE id = $1", args![id]).await?;
        let unused = drop_files(&mut tx, &files(&parts)?).await?;
        tx.commit().await?;
        self.clean_up(unused).await;
        Ok(true)
    }
}

/// Reason for ending an upload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stale {
    /// The upload is unfinished and was aborted.
    Open,
    /// The upload is unfinished, and no part arrived after this time.
    Idle {
        /// The last moment that does not count.
        since: Timestamp,
    },
    /// The upload matches the ages of a sweep.
    Old(Ages),
}

impl Stale {
    /// Whether it is true of an upload that is locked.
    async fn holds(self, tx: &mut Tx, id: UploadId) -> Result<bool> {
        let found = match self {
            Self::Open => {
                tx.opt("SELECT id FROM uploads WHERE id = $1 AND object IS NULL", args![id]).await?
            }
            Self::Idle { since } => tx.opt(IDLE, args![id, since]).await?,
            Self::Old(ages) => tx.opt(OLD, args![ages.begun, ages.completed, id]).await?,
        };
        Ok(found.is_some())
    }
}

/// How old uploads are that the sweep drops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ages {
    /// Unfinished uploads that were started, and got their last part, by then.
    pub(crate) begun: Timestamp,
    /// Uploads that were completed by then.
    pub(crate) completed: Timestamp,
}

/// Condition that an upload `u` is older than [`Ages`].
macro_rules! old {
    () => {
        "(u.completed_at <= $2 OR (u.object IS NULL AND u.created_at <= $1
        AND NOT EXISTS (SELECT 1 FROM upload_parts p WHERE p.upload = u.id AND p.created_at > $1)))"
    };
}

/// Some uploads that are older than [`Ages`].
pub(crate) const ALL_OLD: &str = concat!("SELECT u.id FROM uploads u WHERE ", old!(), " LIMIT 1000");
const OLD: &str = concat!("SELECT u.id FROM uploads u WHERE u.id = $3 AND ", old!());

const IDLE: &str = "SELECT u.id FROM uploads u WHERE u.id = $1 AND u.object IS NULL
    AND NOT EXISTS (SELECT 1 FROM upload_parts p WHERE p.upload = u.id AND p.created_at > $2)";

const LOCK: Sql = sql!("SELECT object FROM uploads WHERE id = $1" [FOR UPDATE]);

/// The files in the column `file`.
fn files(rows: &[Row]) -> Result<Vec<String>> {
    let read = |row: &Row| row.get_opt("file").transpose();
    Ok(rows.iter().filter_map(read).collect::<db::Result<_>>()?)
}
