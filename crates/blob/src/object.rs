//! Objects, and what keeps their bytes.

use std::ops::Range;

use db::{Db, Row, Sql, Tx, args, sql};
use model::{BucketName, FileId, Key, ObjectId, Timestamp};

use crate::{Attributes, Blob, Checksum, Error, Result};

/// One version of a key. It never changes, but for its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its identity: what other crates keep.
    pub id: ObjectId,
    /// The bucket it was written to.
    pub bucket: BucketName,
    /// The key it was written under.
    pub key: Key,
    /// Its length in bytes.
    pub size: u64,
    /// The ETag without quotes: MD5 in hex, or MD5 of the parts' MD5s and `-N`.
    pub etag: String,
    /// The checksum that the client gave or asked for.
    pub checksum: Option<Checksum>,
    /// Headers and metadata.
    pub attributes: Attributes,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A part that an object was sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPart {
    /// Its number in the upload.
    pub number: u32,
    /// Where its bytes lie in the object.
    pub range: Range<u64>,
    /// Its own checksum.
    pub checksum: Option<Checksum>,
}

/// The columns of `objects o` that [`Object::from_row`] reads.
macro_rules! columns {
    () => {
        "o.id, o.bucket, o.key, o.size, o.etag, o.checksum, o.attributes, o.created_at"
    };
}
pub(crate) use columns;

const BYTES: Sql = sql!(
    "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM objects WHERE id IN " [EACH "$1"]
);

impl Object {
    /// In how many parts it was sent; `None` if in one piece.
    pub fn parts(&self) -> Option<u32> {
        self.etag.split_once('-').and_then(|(_, n)| n.parse().ok())
    }

    pub(crate) fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            bucket: row.get("bucket")?,
            key: key(row.get("key")?)?,
            size: row.get("size")?,
            etag: row.get("etag")?,
            checksum: row.get_opt("checksum")?,
            attributes: Attributes::from_row(&row.get::<String>("attributes")?)?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Reads a key from its bytes in a row.
pub(crate) fn key(bytes: Vec<u8>) -> Result<Key> {
    let bad = |why: &dyn std::fmt::Display| Error::Row(format!("a key cannot be read: {why}"));
    String::from_utf8(bytes).map_err(|e| bad(&e))?.try_into().map_err(|e: model::NameError| bad(&e))
}

impl Blob {
    /// The object that a key names now.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], or [`Error::NoSuchBucket`].
    pub async fn head(&self, bucket: &BucketName, key: &Key) -> Result<Object> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM names n JOIN objects o ON o.id = n.object WHERE n.bucket = $1 AND n.key = $2"
        );
        match self.db.opt(sql, args![bucket, key.as_str().as_bytes()]).await? {
            Some(row) => Object::from_row(&row),
            None => Err(self.bucket(bucket).await.map_or_else(|e| e, |_| Error::NoSuchKey)),
        }
    }

    /// An object by its id, whether a key still names it or not.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`].
    pub async fn object(&self, id: ObjectId) -> Result<Object> {
        let sql = concat!("SELECT ", columns!(), " FROM objects o WHERE o.id = $1");
        let row = self.db.opt(sql, args![id]).await?.ok_or(Error::NoSuchObject(id))?;
        Object::from_row(&row)
    }

    /// How many bytes these objects have together; those that are gone have none.
    pub async fn bytes_of(&self, objects: &[ObjectId]) -> Result<u64> {
        let list = serde_json::Value::from_iter(objects.iter().map(ObjectId::to_string)).to_string();
        Ok(self.db.one(self.db.pick(BYTES), args![list]).await?.get("bytes")?)
    }

    /// The parts that an object was sent in with numbers above `after`, ascending, at most `limit`; empty ones are left
    /// out. An object that was sent in one piece has a part 1.
    pub async fn object_parts(&self, object: &Object, after: u32, limit: usize) -> Result<Vec<ObjectPart>> {
        if object.parts().is_none() {
            let whole = ObjectPart { number: 1, range: 0..object.size, checksum: object.checksum.clone() };
            return Ok(Some(whole).filter(|_| after == 0 && limit > 0).into_iter().collect());
        }
        let sql = "SELECT number, position, bytes, checksum FROM parts
            WHERE object = $1 AND number > $2 ORDER BY number LIMIT $3";
        let rows = self.db.all(sql, args![object.id, after, limit]).await?;
        let read = |row: &Row| {
            let (start, bytes): (u64, u64) = (row.get("position")?, row.get("bytes")?);
            Ok(ObjectPart {
                number: row.get("number")?,
                range: start..start + bytes,
                checksum: row.get_opt("checksum")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

const OF_FILE: &str = "SELECT o.id, o.bucket, o.key FROM parts p JOIN objects o ON o.id = p.object
    WHERE p.file = $1 ORDER BY o.id LIMIT 16";

/// Objects that a stored file holds bytes of, at most 16: copies share files.
pub async fn objects_of(db: &Db, file: FileId) -> Result<Vec<(ObjectId, BucketName, Key)>> {
    let rows = db.all(OF_FILE, args![file]).await?;
    rows.iter().map(|row| Ok((row.get("id")?, row.get("bucket")?, key(row.get("key")?)?))).collect()
}

/// Keeps an object's bytes, whatever happens to its key, until [`release`] was called as often.
///
/// # Errors
/// [`Error::NoSuchObject`] if they are gone already.
pub async fn hold(tx: &mut Tx, id: ObjectId) -> Result<()> {
    match tx.execute("UPDATE objects SET held = held + 1 WHERE id = $1", args![id]).await? {
        0 => Err(Error::NoSuchObject(id)),
        _ => Ok(()),
    }
}

/// Ends one [`hold`]; on an object that nobody holds it does nothing.
pub async fn release(tx: &mut Tx, id: ObjectId) -> Result<()> {
    tx.execute("UPDATE objects SET held = held - 1 WHERE id = $1 AND held > 0", args![id]).await?;
    Ok(())
}
