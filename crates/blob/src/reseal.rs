//! Files that are clear – from before stores were sealed, or from when this one was clear by choice – are sealed, one
//! after another, while the store is in use.
//!
//! A file is rewritten under a new name, then the rows of its parts point to that one. The clear file stays for
//! readers under way, as the bytes of what was deleted do, and goes with a later sweep.

use db::args;
use model::{FileId, Timestamp};
use runtime::blocking;
use tokio::time::Instant;

use crate::disk::{Deleted, Stored};
use crate::files::{drop_files, insert_file};
use crate::replaced::Old;
use crate::verify::{StoredFile, Verdict, columns};
use crate::{Blob, Error, Result, mirror};

const NEXT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM files f WHERE f.dek IS NULL AND f.id > $1 AND (
        EXISTS (SELECT 1 FROM parts p WHERE p.file = f.id)
        OR EXISTS (SELECT 1 FROM upload_parts u WHERE u.file = f.id))
    ORDER BY f.id LIMIT 1"
);

impl Blob {
    /// Seals clear files until `until`, if the store is to be sealed; answers how many. Their clear bytes go with a
    /// [`Blob::sweep`] once nobody reads them. A file that cannot be read is logged and left alone until the next start.
    ///
    /// # Errors
    /// The errors of a full disk and of the database.
    pub async fn seal_clear(&self, until: Instant) -> Result<u64> {
        let (mut after, mut count) = (String::new(), 0);
        while self.config.sealed && Instant::now() < until {
            let Some(row) = self.db.opt(NEXT, args![&after]).await? else { break };
            let stored = StoredFile::from_row(&row)?;
            let file = stored.id.to_string();
            if self.unreadable.has(&file) {
                after = file;
                continue;
            }
            match self.seal_file(stored).await {
                Ok(()) => count += 1,
                Err(error) if matches!(error, Error::Db(_)) || model::fault::is_full(&error) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::error!(file, error = %model::Chain(&error), "cannot seal a file; it stays unencrypted")
                }
            }
            after = file;
        }
        Ok(count)
    }

    async fn seal_file(&self, stored: StoredFile) -> Result<()> {
        let (size, old) = (stored.bytes, &stored.id.to_string());
        let md5 = self.looked_at(stored.clone()).await?;
        let new = self.sealed_copy(stored.id, size).await?;
        let name = new.id.to_string();
        let mut tx = self.db.begin().await?;
        insert_file(&mut tx, &new, size, md5.as_deref()).await?;
        let rows = tx.all("SELECT DISTINCT object FROM parts WHERE file = $1", args![old]).await?;
        let objects = rows.iter().map(|row| row.get("object")).collect::<db::Result<_>>()?;
        tx.execute("UPDATE parts SET file = $2 WHERE file = $1", args![old, &name]).await?;
        tx.execute("UPDATE upload_parts SET file = $2 WHERE file = $1", args![old, &name]).await?;
        tx.commit().await?;
        self.replaced.push(Old { file: old.to_owned(), objects, since: self.db.now() });
        Ok(())
    }

    /// Deletes clear files that were replaced before `lingered` and that nobody reads.
    pub(crate) async fn drop_replaced(&self, lingered: Timestamp) -> Result<Deleted> {
        let idle = |old: &Old| old.since <= lingered && !old.objects.iter().any(|&id| self.pins.has(id));
        let old = self.replaced.take(idle);
        if old.is_empty() {
            return Ok(Deleted::default());
        }
        // A file that is in use again, through a copy that started before, stays: it is sealed next.
        let mut tx = self.db.begin().await?;
        let unused = drop_files(&mut tx, &old).await?;
        tx.commit().await?;
        self.delete_files(unused).await
    }

    /// Refuses a damaged file: once sealed, it would look intact for ever. Answers its MD5, if that
    /// is known.
    async fn looked_at(&self, stored: StoredFile) -> Result<Option<Vec<u8>>> {
        let (path, name) = (mirror::path(self.disk.root(), stored.id), stored.id.to_string());
        let md5 = stored.md5().map(<[u8]>::to_vec);
        let looked = blocking(move || stored.verify(&path, None, |_| true)).await;
        if let Ok(Verdict::Damaged(_)) = &looked {
            self.unreadable.add(&name);
            self.suspects.add(&name);
            return Err(Error::Damaged { file: name, why: seal::Error::Open });
        }
        looked.inspect_err(|_| {
            self.unreadable.add(&name);
        })?;
        Ok(md5)
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
