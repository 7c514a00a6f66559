//! The running workers, and the jobs that none of them can do.

use db::args;
use model::{Timestamp, TitleId};

use super::Queue;
use crate::Result;

/// How long after its last word a worker counts as there, in ms.
const SILENT_MS: i64 = 30_000;
/// Jobs' titles that one look finds.
const BATCH: u32 = 200;

/// A process that takes jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Its name: the part of [`Claim::worker`](super::Claim::worker) before the `/`.
    pub name: String,
    /// The capability that not all workers have.
    pub capability: String,
    /// Jobs that it runs at a time.
    pub slots: u64,
}

const PRESENT: &str = "INSERT INTO job_workers (name, capability, slots, seen_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE SET capability = $2, slots = $3, seen_at = $4";

const STRANDED: &str = "SELECT DISTINCT title, capability FROM jobs
    WHERE state = 'queued' AND title IS NOT NULL AND capability IS NOT NULL AND run_at < $2
        AND kind NOT IN (SELECT kind FROM job_pauses)
        AND capability NOT IN (SELECT capability FROM job_workers WHERE seen_at > $1)
    ORDER BY title LIMIT $3";

impl Queue {
    /// Says that a worker is there; it says so again and again.
    pub async fn present(&self, now: Timestamp, worker: &Presence) -> Result<()> {
        let args = args![&worker.name, &worker.capability, worker.slots, now];
        self.db.execute(PRESENT, args).await?;
        Ok(())
    }

    /// Says that a worker has ended.
    pub async fn leave(&self, name: &str) -> Result<()> {
        self.db.execute("DELETE FROM job_workers WHERE name = $1", args![name]).await?;
        Ok(())
    }

    /// Lists the workers that are there.
    pub async fn workers(&self, now: Timestamp) -> Result<Vec<Presence>> {
        let sql = "SELECT name, capability, slots FROM job_workers WHERE seen_at > $1 ORDER BY name";
        let rows = self.db.all(sql, args![now.plus_ms(-SILENT_MS)]).await?;
        let read = |row: &db::Row| -> Result<Presence> {
            Ok(Presence {
                name: row.get("name")?,
                capability: row.get("capability")?,
                slots: row.get("slots")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Lists titles with jobs that were due before `due` and that no worker can do, and the capability that is missing.
    pub async fn stranded(&self, now: Timestamp, due: Timestamp) -> Result<Vec<(TitleId, String)>> {
        let args = args![now.plus_ms(-SILENT_MS), due, BATCH];
        let rows = self.db.all(STRANDED, args).await?;
        rows.iter().map(|row| Ok((row.get("title")?, row.get("capability")?))).collect()
    }
}
