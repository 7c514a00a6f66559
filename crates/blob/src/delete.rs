//! Taking names away. The bytes go later, when nothing holds them.

use db::{Tx, args};
use model::{BucketName, Key, ObjectId};

use crate::commit::{Name, retire};
use crate::events::{self, Kind};
use crate::{Blob, Condition, Object, Result};

/// The author of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Kinora: no event.
    Kinora,
    /// A client: the delete causes an event.
    Client,
}

impl Blob {
    /// Deletes what the key names; `None` if that is nothing.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`]; with a condition also those of [`Blob::commit`].
    pub async fn delete(
        &self,
        bucket: &BucketName,
        key: &Key,
        condition: &Condition,
        by: Actor,
    ) -> Result<Option<ObjectId>> {
        let mut tx = self.db.begin().await?;
        let deleted = delete(&mut tx, bucket, key, condition, by).await?;
        tx.commit().await?;
        self.announce();
        Ok(deleted)
    }

    /// Deletes what many keys name, all or none; answers how many named something.
    ///
    /// # Errors
    /// [`crate::Error::NoSuchBucket`].
    pub async fn delete_all(&self, bucket: &BucketName, keys: &[Key], by: Actor) -> Result<usize> {
        // In one order, so that two such calls never wait for each other.
        let mut sorted: Vec<&Key> = keys.iter().collect();
        sorted.sort_unstable();
        let mut tx = self.db.begin().await?;
        let mut count = 0;
        for key in sorted {
            count += usize::from(delete(&mut tx, bucket, key, &Condition::None, by).await?.is_some());
        }
        tx.commit().await?;
        self.announce();
        Ok(count)
    }
}

async fn delete(
    tx: &mut Tx,
    bucket: &BucketName,
    key: &Key,
    condition: &Condition,
    by: Actor,
) -> Result<Option<ObjectId>> {
    let Some(name) = Name::lock(tx, bucket, key, condition).await? else { return Ok(None) };
    let path = args![bucket, key.as_str().as_bytes()];
    tx.execute("DELETE FROM names WHERE bucket = $1 AND key = $2", path).await?;
    retire(tx, name.object).await?;
    if by == Actor::Client {
        let sql = concat!("SELECT ", crate::object::columns!(), " FROM objects o WHERE o.id = $1");
        let object = Object::from_row(&tx.one(sql, args![name.object]).await?)?;
        let sequence = events::sequence(tx.now(), Some(name.sequence));
        events::record(tx, Kind::Removed, &object, sequence).await?;
    }
    Ok(Some(name.object))
}

/// Deletes one of Kinora's own objects by its id: its key, if it still names it, and later its bytes.
pub async fn discard(tx: &mut Tx, id: ObjectId) -> Result<()> {
    tx.execute("DELETE FROM names WHERE object = $1", args![id]).await?;
    retire(tx, id).await
}

const FOLDER: &str =
    "SELECT object FROM names WHERE bucket = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT $4";

/// Deletes Kinora's own objects whose keys begin with `folder`, which ends with `/`: at most `limit` of them; answers
/// how many.
pub async fn discard_folder(tx: &mut Tx, bucket: &BucketName, folder: &Key, limit: u32) -> Result<u64> {
    let from = folder.as_str().as_bytes();
    let Some((b'/', stem)) = from.split_last() else { return Ok(0) };
    // The byte after `/`.
    let to = [stem, b"0"].concat();
    let rows = tx.all(FOLDER, args![bucket, from, to.as_slice(), limit]).await?;
    for row in &rows {
        discard(tx, row.get("object")?).await?;
    }
    Ok(rows.len() as u64)
}
