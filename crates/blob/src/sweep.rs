//! Deleting bytes that nothing needs any more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use db::{Sql, args, sql};
use model::{FileId, ObjectId, Timestamp, UploadId};
use runtime::blocking;
use seal::Renewed;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::disk::{Deleted, delete_all};
use crate::files::drop_files;
use crate::pins::Pins;
use crate::upload::{ALL_OLD, Ages, Stale};
use crate::{Blob, Result, fault};

/// Milliseconds that a file without a row may still be waiting for one.
const GRACE_MS: i64 = 3_600_000;
/// Milliseconds that a completed upload answers a repeated completion.
const COMPLETED_MS: i64 = 86_400_000;
const DAY_MS: i64 = 86_400_000;
/// Minutes of grace for unfinished work of an earlier process that was killed.
const FIRST_GRACE: u64 = 61;
/// From one sweep to the next.
const EVERY: Duration = Duration::from_secs(60);

/// Number of deleted items of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that no key named and nothing held.
    pub objects: u64,
    /// Uploads that nobody completed, and memories of those completed.
    pub uploads: u64,
    /// Handled events.
    pub events: u64,
    /// Files without a row or without use, half-written files, and clear files that were sealed.
    pub files: u64,
    /// Files of these kinds that could not be deleted: they stay for the next [`Blob::sweep_disk`], and the log says why.
    pub stuck: u64,
}

impl Swept {
    fn add(&mut self, deleted: Deleted) {
        self.files += deleted.files;
        self.stuck += deleted.stuck;
    }
}

/// Files that are no longer being written; later files never reuse their names.
#[derive(Debug)]
pub struct HalfWritten(Vec<PathBuf>);

impl HalfWritten {
    /// Deletes them, which may take a while: one may be a film.
    pub async fn delete(self) -> Result<Swept> {
        let mut swept = Swept::default();
        swept.add(runtime::begin(move || delete_all(self.0.into_iter())).await?);
        Ok(swept)
    }
}

impl Blob {
    /// Deletes what rows say is not needed: objects that were overwritten or deleted longer ago than the configured
    /// time and that nobody holds, reads or has an unhandled event of; old uploads; events that all subscribers handled.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept> {
        let mut swept = Swept::default();
        let lingered = now.plus_ms(-1000 * i64::from(self.config.linger_seconds));
        let mut after = String::new();
        loop {
            let rows = self.db.all(RETIRED, args![lingered, &after]).await?;
            let Some(last) = rows.last() else { break };
            after = last.get("id")?;
            for row in rows {
                let id: ObjectId = row.get("id")?;
                if !self.pins.has(id) && self.drop_object(id).await? {
                    swept.objects += 1;
                }
            }
        }
        self.opened.close_old(|_| false);
        let ages = Ages {
            begun: now.plus_ms(-DAY_MS * i64::from(self.config.upload_days)),
            completed: now.plus_ms(-COMPLETED_MS),
        };
        for row in self.db.all(ALL_OLD, args![ages.begun, ages.completed]).await? {
            let dropped = self.drop_upload(row.get::<UploadId>("id")?, Stale::Old(ages)).await?;
            swept.uploads += u64::from(dropped);
        }
        let handled = now.plus_ms(-DAY_MS * i64::from(self.config.event_days));
        self.db.execute("DELETE FROM event_deliveries WHERE handled_at <= $1", args![handled]).await?;
        swept.events = self.db.execute(DELIVERED, args![handled]).await?;
        swept.add(self.drop_replaced(lingered).await?);
        Ok(swept)
    }

    /// Compares the disk with the rows: deletes files that no row mentions and that nothing was written to for an hour,
    /// and files whose rows nothing uses. One that cannot be deleted keeps no other. It reads every folder: for the start
    /// and now and then.
    pub async fn sweep_disk(&self, now: Timestamp) -> Result<Swept> {
        let ms = u64::try_from(now.plus_ms(-GRACE_MS).0).unwrap_or(0);
        let before = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let disk = self.disk.clone();
        let mut swept = Swept::default();
        let half = blocking(move || disk.half_written(before).map(|files| delete_all(files.into_iter())));
        swept.add(half.await?);
        loop {
            let rows = self.db.all(UNUSED_FILES, args![]).await?;
            let mut unused: Vec<String> = rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?;
            unused.retain(|file| !self.replaced.has(file));
            let mut tx = self.db.begin().await?;
            let unused = drop_files(&mut tx, &unused).await?;
            tx.commit().await?;
            if unused.is_empty() {
                break;
            }
            swept.add(self.delete_files(unused).await?);
        }
        for folder in 0..=255 {
            let disk = self.disk.clone();
            let files = blocking(move || disk.files(folder, before)).await?;
            swept.add(self.delete_files(self.without_row(files).await?).await?);
        }
        Ok(swept)
    }

    /// The `files` without a row.
    async fn without_row(&self, mut files: Vec<FileId>) -> Result<Vec<FileId>> {
        let names: Vec<String> = files.iter().map(FileId::to_string).collect();
        let list = serde_json::Value::from(names).to_string();
        let rows = self.db.all(self.db.pick(WITH_ROW), args![list]).await?;
        let known: BTreeSet<FileId> = rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?;
        files.retain(|file| !known.contains(file));
        Ok(files)
    }

    /// All half-written files, however new. Only for callers that know that nobody writes: this process has started
    /// nothing yet, and no other one has the store open until the answer is there.
    pub async fn half_written(&self) -> Result<HalfWritten> {
        let (disk, clock) = (self.disk.clone(), self.db.clock().clone());
        blocking(move || disk.half_written(clock.time())).await.map(HalfWritten)
    }

    /// Deletes an object that no key names and nobody reads; `false` if something needs it after all.
    async fn drop_object(&self, id: ObjectId) -> Result<bool> {
        fault::pause("sweep.looked").await;
        // Until the rows are deleted: readers that start before that share it, and its remaining contents.
        let pin = Pins::pin(&self.pins, id);
        let mut tx = self.db.begin().await?;
        let parts = tx.all("SELECT file FROM parts WHERE object = $1", args![id]).await?;
        let files: Vec<FileId> = parts.iter().map(|row| row.get("file")).collect::<db::Result<_>>()?;
        let names: Vec<String> = files.iter().map(FileId::to_string).collect();
        // The parts go with it.
        let delete = "DELETE FROM objects WHERE id = $1 AND retired_at IS NOT NULL AND held = 0";
        if tx.execute(delete, args![id]).await? == 0 {
            return Ok(false);
        }
        let unused = drop_files(&mut tx, &names).await?;
        // Before the rows are gone, as another sweep may come to the same files at once.
        pin.leave(&files);
        fault::pause("sweep.left").await;
        tx.commit().await?;
        drop(pin);
        fault::point("sweep.committed");
        self.clean_up(unused).await;
        Ok(true)
    }

    /// The service that sweeps: rows every minute, the disk at the start, once the grace of what was there then is
    /// over, and every six hours.
    pub fn sweeper(&self) -> Sweeper {
        Sweeper { blob: self.clone() }
    }
}

/// Sweeps until it is told to stop.
pub struct Sweeper {
    blob: Blob,
}

impl Sweeper {
    /// Runs until `shutdown`. A failed sweep is logged and tried again at its next time.
    pub async fn run(self, shutdown: CancellationToken) {
        for minute in 0_u64.. {
            let swept =
                if with_disk(minute) { self.all().await } else { self.blob.sweep(self.blob.now()).await };
            match swept {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "store swept"),
                Err(error) => tracing::warn!(error = %model::Chain(&error), "sweep failed"),
            }
            // A rotation rewraps by itself; this is for one that was interrupted, or happened in another process.
            match self.blob.rewrap().await {
                Ok(Renewed { sealed: 0, .. }) => {}
                Ok(Renewed { sealed, unopened }) => {
                    tracing::info!(keys = sealed, unopened, "file keys re-sealed under the newest key");
                }
                Err(error) => tracing::warn!(error = %model::Chain(&error), "cannot re-seal file keys"),
            }
            let next = Instant::now() + EVERY;
            let rest = async {
                match self.blob.seal_clear(next).await {
                    Ok(0) => {}
                    Ok(files) => tracing::info!(files, "unencrypted files sealed"),
                    Err(error) => {
                        tracing::warn!(error = %model::Chain(&error), "cannot seal unencrypted files yet")
                    }
                }
                tokio::time::sleep_until(next).await;
            };
            if shutdown.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    async fn all(&self) -> Result<Swept> {
        // A failure of one must not prevent the other.
        let (rows, disk) =
            (self.blob.sweep(self.blob.now()).await, self.blob.sweep_disk(self.blob.now()).await);
        let (rows, disk) = (rows?, disk?);
        Ok(Swept { files: rows.files + disk.files, stuck: rows.stuck + disk.stuck, ..rows })
    }
}

/// Whether the disk is swept so many minutes after the start.
fn with_disk(minute: u64) -> bool {
    minute.is_multiple_of(360) || minute == FIRST_GRACE
}

const RETIRED: &str = "SELECT o.id FROM objects o WHERE o.retired_at <= $1 AND o.held = 0 AND o.id > $2
    AND NOT EXISTS (SELECT 1 FROM events e JOIN event_deliveries d ON d.event = e.id
        WHERE e.object = o.id AND d.handled_at IS NULL)
    ORDER BY o.id LIMIT 100";

/// Old events that no subscriber has to handle, or handled lately.
const DELIVERED: &str = "DELETE FROM events WHERE created_at <= $1
    AND NOT EXISTS (SELECT 1 FROM event_deliveries d WHERE d.event = events.id)";

const UNUSED_FILES: &str = "SELECT f.id FROM files f
    WHERE NOT EXISTS (SELECT 1 FROM parts p WHERE p.file = f.id)
    AND NOT EXISTS (SELECT 1 FROM upload_parts u WHERE u.file = f.id) LIMIT 1000";

const WITH_ROW: Sql = sql!("SELECT id FROM files WHERE id IN " [EACH "$1"]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_swept_once_the_grace_of_what_was_there_at_the_start_is_over() {
        let swept: Vec<u64> = (0..=720).filter(|minute| with_disk(*minute)).collect();
        assert_eq!(swept, [0, FIRST_GRACE, 360, 720]);
        assert!(EVERY * u32::try_from(FIRST_GRACE).unwrap() > Duration::from_millis(GRACE_MS.unsigned_abs()));
    }
}
