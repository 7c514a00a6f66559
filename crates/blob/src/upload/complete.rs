//! Completing an upload: rows only, in one transaction.

use std::collections::BTreeMap;

use db::{Row, Sql, Tx, args, sql};
use model::{BucketName, Key, ObjectId, Timestamp, UploadId};

use super::{MAX_PARTS, Part, Upload, columns, files};
use crate::checksum::multipart_etag;
use crate::commit::{Name, insert, point_to};
use crate::files::drop_files;
use crate::write::MAX_OBJECT;
use crate::{Blob, By, Checksum, Condition, Error, Object, Result, fault};

/// Parts but the last have at least so many bytes.
const MIN_PART: u64 = 5 << 20;

/// How an upload is to be completed.
#[derive(Debug, Clone)]
pub struct Complete {
    /// The parts of the object, ascending by number; uploaded parts that are not named are deleted.
    pub parts: Vec<Chosen>,
    /// The checksum that the object must have.
    pub checksum: Option<Checksum>,
    /// The length that the object must have, in bytes.
    pub size: Option<u64>,
    /// Condition on the key's present state.
    pub condition: Condition,
    /// The author of the write.
    pub by: By,
}

/// A part of the object to be.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Its number.
    pub number: u32,
    /// The ETag it must have, without quotes.
    pub etag: String,
    /// The checksum it must have.
    pub checksum: Option<Checksum>,
}

impl Blob {
    /// Makes an object of uploaded parts. When this answers, it is acknowledged; asked again, it answers the same.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], [`Error::PartOrder`], [`Error::InvalidPart`], [`Error::PartTooSmall`],
    /// [`Error::BadDigest`], [`Error::WrongLength`], and those of [`Blob::commit`].
    pub async fn complete_upload(
        &self,
        bucket: &BucketName,
        key: &Key,
        id: UploadId,
        complete: Complete,
    ) -> Result<Object> {
        let mut tx = self.db.begin().await?;
        let row = tx.opt(tx.pick(LOCK), args![id, bucket, key.as_str().as_bytes()]).await?;
        let row = row.ok_or(Error::NoSuchUpload(id))?;
        if let Some(object) = row.get_opt::<ObjectId>("object")? {
            drop(tx);
            return match self.object(object).await {
                // Deleted since then.
                Err(Error::NoSuchObject(_)) => Err(Error::NoSuchUpload(id)),
                other => other,
            };
        }
        let upload = Upload::from_row(&row)?;
        let (parts, others) = choose(&mut tx, id, &complete.parts).await?;
        let object = assemble(upload, &parts, &complete, self.db.now())?;

        let name = Name::lock(&mut tx, bucket, key, &complete.condition).await?;
        insert(&mut tx, &object).await?;
        tx.execute(MOVE_PARTS, args![object.id, id]).await?;
        tx.execute("DELETE FROM upload_parts WHERE upload = $1", args![id]).await?;
        let done = "UPDATE uploads SET object = $2, completed_at = $3 WHERE id = $1";
        tx.execute(done, args![id, object.id, object.created_at]).await?;
        point_to(&mut tx, name, &object, &complete.condition, complete.by).await?;
        let unused = drop_files(&mut tx, &others).await?;
        fault::point("complete.inserted");
        tx.commit().await?;
        fault::pause("complete.committed").await;
        self.announce();
        self.clean_up(unused).await;
        Ok(object)
    }
}

const LOCK: Sql = sql!(
    "SELECT " (columns!()) ", object FROM uploads WHERE id = $1 AND bucket = $2 AND key = $3" [FOR UPDATE]
);

/// Empty parts have no file and need no row.
const MOVE_PARTS: &str = "INSERT INTO parts (object, number, file, position, bytes, checksum)
    SELECT $1, number, file, CAST(SUM(bytes) OVER (ORDER BY number) AS BIGINT) - bytes, bytes, checksum
    FROM upload_parts WHERE upload = $2 AND file IS NOT NULL";

/// The uploaded parts that were named, and the files of the others, whose rows are deleted.
async fn choose(tx: &mut Tx, id: UploadId, chosen: &[Chosen]) -> Result<(Vec<Part>, Vec<String>)> {
    let ascending = chosen.windows(2).all(|pair| pair[0].number < pair[1].number);
    if chosen.is_empty() || chosen.len() > MAX_PARTS as usize || !ascending {
        return Err(Error::PartOrder);
    }
    let sql = "SELECT number, bytes, md5, checksum, created_at FROM upload_parts WHERE upload = $1";
    let read = |row: &Row| Part::from_row(row).map(|part| (part.number, part));
    let rows = tx.all(sql, args![id]).await?;
    let mut there: BTreeMap<u32, Part> = rows.iter().map(read).collect::<Result<_>>()?;
    let take = |want: &Chosen| {
        let part = there.remove(&want.number).ok_or(Error::InvalidPart(want.number))?;
        let same = part.etag() == want.etag && (want.checksum.is_none() || want.checksum == part.checksum);
        if same { Ok(part) } else { Err(Error::InvalidPart(want.number)) }
    };
    let parts: Vec<Part> = chosen.iter().map(take).collect::<Result<_>>()?;
    let mut others = Vec::new();
    for number in there.into_keys() {
        let delete = "DELETE FROM upload_parts WHERE upload = $1 AND number = $2 RETURNING file";
        others.extend(files(&tx.all(delete, args![id, number]).await?)?);
    }
    Ok((parts, others))
}

/// The object that the parts make.
fn assemble(upload: Upload, parts: &[Part], complete: &Complete, now: Timestamp) -> Result<Object> {
    let small = parts.iter().rev().skip(1).find(|part| part.size < MIN_PART);
    if let Some(&Part { number, size, .. }) = small {
        return Err(Error::PartTooSmall { number, bytes: size });
    }
    let size = parts.iter().map(|part| part.size).sum();
    if size > MAX_OBJECT {
        return Err(Error::TooLarge { limit: MAX_OBJECT });
    }
    if let Some(expected) = complete.size.filter(|&expected| expected != size) {
        return Err(Error::WrongLength { expected, got: size });
    }
    let of_parts = parts.iter().map(|part| (part.checksum.clone(), part.size));
    let checksum = upload.checksum.and_then(|a| Checksum::combine(a, upload.composite, of_parts));
    if complete.checksum.is_some() && complete.checksum != checksum {
        return Err(Error::BadDigest("checksum"));
    }
    Ok(Object {
        id: ObjectId::new(),
        bucket: upload.bucket,
        key: upload.key,
        size,
        etag: multipart_etag(parts.iter().map(|part| part.md5.as_slice())),
        checksum,
        attributes: upload.attributes,
        created_at: now,
    })
}
