//! Copies within the store: the new object shares the stored files of the old one.

use db::{Sql, Tx, args, sql};
use model::ObjectId;

use crate::commit::{Name, insert, point_to};
use crate::object::columns;
use crate::{Blob, Error, New, Object, Result};

impl Blob {
    /// Gives the bytes of `source` another name; no byte is copied.
    ///
    /// # Errors
    /// [`Error::NoSuchObject`], and those of [`Blob::commit`].
    pub async fn copy(&self, source: ObjectId, new: New) -> Result<Object> {
        let mut tx = self.db.begin().await?;
        // The name first: every transaction locks names before objects.
        let name = Name::lock(&mut tx, &new.bucket, &new.key, &new.condition).await?;
        let from = share(&mut tx, source).await?;
        let object = Object {
            id: ObjectId::new(),
            bucket: new.bucket,
            key: new.key,
            attributes: new.attributes,
            created_at: self.db.now(),
            ..from
        };
        insert(&mut tx, &object).await?;
        let sql = "INSERT INTO parts (object, number, file, position, bytes, checksum)
            SELECT $1, number, file, position, bytes, checksum FROM parts WHERE object = $2";
        tx.execute(sql, args![object.id, source]).await?;
        point_to(&mut tx, name, &object, &new.condition, new.by).await?;
        tx.commit().await?;
        self.announce();
        Ok(object)
    }
}

const SHARE: Sql = sql!("SELECT " (columns!()) " FROM objects o WHERE o.id = $1" [FOR KEY SHARE]);

/// Reads an object and keeps the sweeper away from it until the transaction ends.
async fn share(tx: &mut Tx, id: ObjectId) -> Result<Object> {
    let row = tx.opt(tx.pick(SHARE), args![id]).await?.ok_or(Error::NoSuchObject(id))?;
    Object::from_row(&row)
}
