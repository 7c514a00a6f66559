//! Files that are clear – from before stores were sealed, or from when this one was clear by choice – are sealed, one
//! after another, while everything goes on.
//!
//! A file is written anew under a new name, then the rows of its parts point to that one. The clear file stays for
//! readers under way, as the bytes of what was deleted do, and goes with a later sweep.

use std::sync::{Mutex, PoisonError};

use db::args;
use model::{FileId, ObjectId, Timestamp};
use tokio::time::Instant;

use crate::commit::insert_file;
use crate::disk::{Deleted, Stored};
use crate::lane::blocking;
use crate::store::now;
use crate::sweep::drop_files;
use crate::{Blob, Error, Result};

const NEXT: &str = "SELECT f.id, f.bytes FROM files f WHERE f.dek IS NULL AND f.id > $1 AND (
        EXISTS (SELECT 1 FROM parts p WHERE p.file = f.id)
        OR EXISTS (SELECT 1 FROM upload_parts u WHERE u.file = f.id))
    ORDER BY f.id LIMIT 1";

/// Clear files that others were written for, and that readers may still be reading.
#[derive(Debug, Default)]
pub(crate) struct Replaced(Mutex<Vec<Old>>);

#[derive(Debug, Clone)]
struct Old {
    file: String,
    objects: Vec<ObjectId>,
    since: Timestamp,
}

impl Replaced {
    /// Whether a file is in use by rows no more, but maybe by readers.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|old| old.file == file)
    }

    fn push(&self, old: Old) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(old);
    }

    fn take(&self, ready: impl Fn(&Old) -> bool) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extract_if(.., |old| ready(old)).map(|old| old.file).collect()
    }
}

impl Blob {
    /// Seals clear files until `until`, if the store is to be sealed; answers how many. Their clear bytes go with a
    /// [`Blob::sweep`] once nobody reads them. A file that cannot be read is logged and left alone until the next start.
    ///
    /// # Errors
    /// Those of a full disk and of the database.
    pub async fn seal_clear(&self, until: Instant) -> Result<u64> {
        let (mut after, mut count) = (String::new(), 0);
        while self.config.sealed && Instant::now() < until {
            let Some(row) = self.db.opt(NEXT, args![&after]).await? else { break };
            let (file, size): (String, u64) = (row.get("id")?, row.get("bytes")?);
            if self.unreadable.has(&file) {
                after = file;
                continue;
            }
            match self.seal_file(&file, size).await {
                Ok(()) => count += 1,
                Err(error) if matches!(error, Error::Db(_)) || db::is_full(&error) => return Err(error),
                Err(error) => tracing::error!(file, error = %model::Chain(&error), "a file stays clear"),
            }
            after = file;
        }
        Ok(count)
    }

    async fn seal_file(&self, old: &str, size: u64) -> Result<()> {
        let new = self.sealed_copy(old.parse()?, size).await?;
        let name = new.id.to_string();
        let mut tx = self.db.begin().await?;
        insert_file(&mut tx, &new, size).await?;
        let rows = tx.all("SELECT DISTINCT object FROM parts WHERE file = $1", args![old]).await?;
        let objects = rows.iter().map(|row| row.get("object")).collect::<db::Result<_>>()?;
        tx.execute("UPDATE parts SET file = $2 WHERE file = $1", args![old, &name]).await?;
        tx.execute("UPDATE upload_parts SET file = $2 WHERE file = $1", args![old, &name]).await?;
        tx.commit().await?;
        self.replaced.push(Old { file: old.to_owned(), objects, since: now() });
        Ok(())
    }

    /// Deletes clear files that were replaced before `lingered` and that nobody reads.
    pub(crate) async fn drop_replaced(&self, lingered: Timestamp) -> Result<Deleted> {
        let idle = |old: &Old| old.since <= lingered && !old.objects.iter().any(|&id| self.pins.has(id));
        let old = self.replaced.take(idle);
        if old.is_empty() {
            return Ok(Deleted::default());
        }
        // One that got into use again meanwhile, by a copy that began before, stays: it is the next to be sealed.
        let mut tx = self.db.begin().await?;
        let unused = drop_files(&mut tx, &old).await?;
        tx.commit().await?;
        self.delete_files(unused).await
    }

    async fn sealed_copy(&self, old: FileId, size: u64) -> Result<Stored> {
        let disk = self.disk.clone();
        let bad = |_: &Error| {
            self.unreadable.add(&old.to_string());
        };
        let mut from = blocking(move || disk.open_file(old, size, None)).await.inspect_err(bad)?;
        let mut to = self.disk.write(Some(size)).await?;
        let mut at = 0;
        while at < size {
            let read = blocking(move || Ok((from.read(&(at..size))?, from)));
            let (piece, back) = read.await.inspect_err(bad)?;
            from = back;
            at += piece.len() as u64;
            to.append(vec![piece]).await?;
        }
        to.finish().await
    }
}
