//! Giving bytes a name: the rows of an object, its name and its event, in one transaction.

use db::{Sql, Tx, args, sql};
use model::{BucketName, Key, ObjectId};

use crate::bucket;
use crate::events::{self, Kind};
use crate::files::insert_file;
use crate::{Blob, By, Checksum, Condition, Error, New, Object, Result, Staged, fault};

impl Blob {
    /// Gives staged bytes a name. When this answers, the object is acknowledged.
    ///
    /// # Errors
    /// [`Error::Precondition`], [`Error::NoSuchKey`] (`If-Match` on nothing), [`Error::NoSuchBucket`].
    pub async fn commit(&self, staged: Staged, new: New) -> Result<Object> {
        let mut tx = self.db.begin().await?;
        let object = self.commit_in(&mut tx, staged, new).await?;
        tx.commit().await?;
        fault::pause("commit.committed").await;
        self.announce();
        Ok(object)
    }

    /// As [`Blob::commit`], within the caller's transaction: acknowledged once that is committed.
    /// The caller then calls [`Blob::announce`] if the write was a client's.
    pub async fn commit_in(&self, tx: &mut Tx, mut staged: Staged, new: New) -> Result<Object> {
        let object = Object {
            id: ObjectId::new(),
            bucket: new.bucket,
            key: new.key,
            size: staged.size(),
            etag: hex::encode(staged.md5()),
            checksum: staged.checksum().cloned(),
            attributes: new.attributes,
            created_at: self.db.now(),
        };
        let name = Name::lock(tx, &object.bucket, &object.key, &new.condition).await?;
        insert(tx, &object).await?;
        if let Some(file) = &staged.file {
            insert_file(tx, file, object.size, Some(&staged.md5())).await?;
            let sql = "INSERT INTO parts (object, number, file, position, bytes) VALUES ($1, 1, $2, 0, $3)";
            tx.execute(sql, args![object.id, file.id, object.size]).await?;
        }
        point_to(tx, name, &object, &new.condition, new.by).await?;
        staged.take_file();
        fault::point("commit.inserted");
        Ok(object)
    }

    /// Tells those who wait for events that there may be some.
    pub fn announce(&self) {
        self.hint.send_replace(());
    }
}

const LOCK: Sql = sql!("SELECT object, sequence FROM names WHERE bucket = $1 AND key = $2" [FOR UPDATE]);

/// A locked row of `names`.
pub(crate) struct Name {
    pub(crate) object: ObjectId,
    pub(crate) sequence: i64,
}

impl Name {
    /// Locks the key's name, if it is there, and checks the condition against it.
    pub(crate) async fn lock(
        tx: &mut Tx,
        bucket: &BucketName,
        key: &Key,
        condition: &Condition,
    ) -> Result<Option<Self>> {
        bucket::share(tx, bucket).await?;
        let Some(row) = tx.opt(tx.pick(LOCK), args![bucket, key.as_str().as_bytes()]).await? else {
            return match condition {
                Condition::None | Condition::Absent | Condition::NotEtag(_) => Ok(None),
                Condition::Present | Condition::Etag(_) | Condition::Seen(_) => Err(Error::NoSuchKey),
            };
        };
        let name = Self { object: row.get("object")?, sequence: row.get("sequence")? };
        if *condition != Condition::None {
            let sql = "SELECT etag, size, created_at FROM objects WHERE id = $1";
            if !condition.holds(&tx.one(sql, args![name.object]).await?)? {
                return Err(Error::Precondition);
            }
        }
        Ok(Some(name))
    }
}

/// Writes the object's own row.
pub(crate) async fn insert(tx: &mut Tx, object: &Object) -> Result<()> {
    let sql = "INSERT INTO objects (id, bucket, key, size, etag, checksum, attributes, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let row = args![
        object.id,
        &object.bucket,
        object.key.as_str().as_bytes(),
        object.size,
        &object.etag,
        object.checksum.as_ref().map(Checksum::to_string),
        object.attributes.to_row()?,
        object.created_at,
    ];
    tx.execute(sql, row).await?;
    Ok(())
}

/// Makes the key name the new object, retires the one before, and records the event.
pub(crate) async fn point_to(
    tx: &mut Tx,
    mut name: Option<Name>,
    object: &Object,
    condition: &Condition,
    by: By,
) -> Result<()> {
    let key = object.key.as_str().as_bytes();
    let sequence = loop {
        let sequence = events::sequence(tx.now(), name.as_ref().map(|n| n.sequence));
        let point = args![&object.bucket, key, object.id, sequence];
        if let Some(before) = name {
            tx.execute("UPDATE names SET object = $3, sequence = $4 WHERE bucket = $1 AND key = $2", point)
                .await?;
            retire(tx, before.object).await?;
            break sequence;
        }
        let sql = "INSERT INTO names (bucket, key, object, sequence) VALUES ($1, $2, $3, $4)
            ON CONFLICT (bucket, key) DO NOTHING";
        if tx.execute(sql, point).await? == 1 {
            break sequence;
        }
        // Another transaction was first; its name is there now and gets locked.
        name = Name::lock(tx, &object.bucket, &object.key, condition).await?;
    };
    if let By::Client(means) = by {
        events::record(tx, Kind::Created(means), object, sequence).await?;
    }
    Ok(())
}

/// Notes since when no key names the object.
pub(crate) async fn retire(tx: &mut Tx, id: ObjectId) -> Result<()> {
    let sql = "UPDATE objects SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL";
    tx.execute(sql, args![id, tx.now()]).await?;
    Ok(())
}
