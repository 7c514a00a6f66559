//! Changing the tags of an object, and those of a bucket.

use std::collections::BTreeMap;

use db::args;
use model::{BucketName, Key};

use crate::commit::Name;
use crate::{Attributes, Blob, Condition, Error, Result};

impl Blob {
    /// Gives the key's object these tags in place of those that it has.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchBucket`], [`Error::AttributesTooLarge`].
    pub async fn tag(&self, bucket: &BucketName, key: &Key, tags: BTreeMap<String, String>) -> Result<()> {
        let mut tx = self.db.begin().await?;
        let name = Name::lock(&mut tx, bucket, key, &Condition::Present).await?.ok_or(Error::NoSuchKey)?;
        let row = tx.one("SELECT attributes FROM objects WHERE id = $1", args![name.object]).await?;
        let before = Attributes::from_row(&row.get::<String>("attributes")?)?;
        let after = Attributes { tags, ..before }.to_row()?;
        tx.execute("UPDATE objects SET attributes = $2 WHERE id = $1", args![name.object, after]).await?;
        Ok(tx.commit().await?)
    }

    /// The tags of a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn bucket_tags(&self, bucket: &BucketName) -> Result<BTreeMap<String, String>> {
        self.kept(bucket, "SELECT tags AS kept FROM buckets WHERE name = $1").await
    }

    /// Gives a bucket these tags in place of those that it has.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn tag_bucket(&self, bucket: &BucketName, tags: &BTreeMap<String, String>) -> Result<()> {
        let some = Some(tags).filter(|tags| !tags.is_empty());
        self.keep(bucket, "UPDATE buckets SET tags = $2 WHERE name = $1", some).await
    }
}
