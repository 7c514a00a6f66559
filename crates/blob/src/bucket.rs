//! Buckets.

use db::{Row, Sql, Tx, args, sql};
use model::{BucketName, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Blob, Error, Result};

/// The region of the installation, as S3 clients name it: what is signed is signed for a region.
pub const REGION: &str = "us-east-1";

/// The name of a region: 1 to 32 of `a` to `z`, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

impl Region {
    /// Reads a name; `None` if it is not one.
    pub fn new(name: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        ((1..=32).contains(&name.len()) && name.bytes().all(plain)).then(|| Self(name.to_owned()))
    }

    /// Borrows the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Region {
    /// The region of the installation.
    fn default() -> Self {
        Self(REGION.to_owned())
    }
}

impl db::Scalar for Region {
    type Raw = String;

    fn from_raw(raw: String) -> Result<Self, String> {
        Self::new(&raw).ok_or_else(|| format!("`{raw}` is not a region"))
    }
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The region that its creator chose for it: a name that clients are told, and no place.
    pub region: Region,
}

impl Bucket {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            region: row.get_opt("region")?.unwrap_or_default(),
        })
    }
}

impl Blob {
    /// All buckets, ordered by name.
    pub async fn buckets(&self) -> Result<Vec<Bucket>> {
        let rows = self.db.all("SELECT name, created_at, region FROM buckets", args![]).await?;
        let mut all: Vec<Bucket> = rows.iter().map(Bucket::from_row).collect::<Result<_>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Looks a bucket up.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn bucket(&self, name: &BucketName) -> Result<Bucket> {
        let sql = "SELECT name, created_at, region FROM buckets WHERE name = $1";
        let row = self.db.opt(sql, args![name]).await?;
        Bucket::from_row(&row.ok_or_else(|| Error::NoSuchBucket(name.clone()))?)
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// [`Error::BucketExists`].
    pub async fn create_bucket(&self, name: &BucketName, region: Region) -> Result<Bucket> {
        let created_at = self.db.now();
        let named = Some(region.as_str()).filter(|region| *region != REGION);
        match self.db.execute(INSERT, args![name, created_at, named]).await? {
            0 => Err(Error::BucketExists(name.clone())),
            _ => Ok(Bucket { name: name.clone(), created_at, region }),
        }
    }

    /// Deletes an empty bucket; uploads under way in it are aborted.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::BucketNotEmpty`], and [`Error::BucketStays`] for `source` and `media`.
    pub async fn delete_bucket(&self, name: &BucketName) -> Result<()> {
        if [BucketName::source(), BucketName::media()].contains(name) {
            return Err(Error::BucketStays(name.clone()));
        }
        let mut tx = self.db.begin().await?;
        find(&mut tx, name, LOCK).await?;
        if tx.opt("SELECT object FROM names WHERE bucket = $1 LIMIT 1", args![name]).await?.is_some() {
            return Err(Error::BucketNotEmpty(name.clone()));
        }
        // Their files are found by the next `sweep_disk`.
        tx.execute("DELETE FROM uploads WHERE bucket = $1", args![name]).await?;
        tx.execute("DELETE FROM buckets WHERE name = $1", args![name]).await?;
        Ok(tx.commit().await?)
    }

    /// Reads the JSON of a bucket in the column that `select` calls `kept`; the default if it is NULL.
    pub(crate) async fn kept<T: DeserializeOwned + Default>(
        &self,
        name: &BucketName,
        select: &'static str,
    ) -> Result<T> {
        let row = self.db.opt(select, args![name]).await?;
        let row = row.ok_or_else(|| Error::NoSuchBucket(name.clone()))?;
        match row.get_opt::<String>("kept")? {
            Some(text) => serde_json::from_str(&text).map_err(|e| Error::Row(e.to_string())),
            None => Ok(T::default()),
        }
    }

    /// Keeps something as JSON in a column of a bucket (`$2` of `update`), NULL if there is nothing.
    pub(crate) async fn keep<T: Serialize>(
        &self,
        name: &BucketName,
        update: &'static str,
        what: Option<&T>,
    ) -> Result<()> {
        let text = what.map(serde_json::to_string).transpose().map_err(|e| Error::Row(e.to_string()))?;
        match self.db.execute(update, args![name, text]).await? {
            0 => Err(Error::NoSuchBucket(name.clone())),
            _ => Ok(()),
        }
    }
}

/// Makes a bucket unless it is there.
pub(crate) const INSERT: &str =
    "INSERT INTO buckets (name, created_at, region) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
const LOCK: Sql = sql!("SELECT name FROM buckets WHERE name = $1" [FOR UPDATE]);
const SHARE: Sql = sql!("SELECT name FROM buckets WHERE name = $1" [FOR KEY SHARE]);

/// Sees to it that a bucket stays until the transaction ends.
pub(crate) async fn share(tx: &mut Tx, name: &BucketName) -> Result<()> {
    find(tx, name, SHARE).await
}

async fn find(tx: &mut Tx, name: &BucketName, sql: Sql) -> Result<()> {
    match tx.opt(tx.pick(sql), args![name]).await? {
        Some(_) => Ok(()),
        None => Err(Error::NoSuchBucket(name.clone())),
    }
}
