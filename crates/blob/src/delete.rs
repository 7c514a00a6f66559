//! Taking names away. The bytes go later, when nothing holds them.

use db::{Tx, args};
use model::{BucketName, Key, ObjectId};

use crate::commit::{Name, retire};
use crate::events::{self, Kind};
use crate::{Blob, By, Condition, Object, Result};

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
        by: By,
    ) -> Result<Option<ObjectId>> {
        let mut tx = self.db.begin().await?;
        let Some(name) = Name::lock(&mut tx, bucket, key, condition).await? else { return Ok(None) };
        let path = args![bucket, key.as_str().as_bytes()];
        tx.execute("DELETE FROM names WHERE bucket = $1 AND key = $2", path).await?;
        retire(&mut tx, name.object).await?;
        if let By::Client(_) = by {
            let sql = concat!("SELECT ", crate::object::columns!(), " FROM objects o WHERE o.id = $1");
            let object = Object::from_row(&tx.one(sql, args![name.object]).await?)?;
            events::record(&mut tx, Kind::Removed, &object, events::sequence(Some(name.sequence))).await?;
        }
        tx.commit().await?;
        self.announce();
        Ok(Some(name.object))
    }
}

/// Deletes one of Kinora's own objects by its id: its key, if it still names it, and later its bytes.
pub async fn discard(tx: &mut Tx, id: ObjectId) -> Result<()> {
    tx.execute("DELETE FROM names WHERE object = $1", args![id]).await?;
    retire(tx, id).await
}
