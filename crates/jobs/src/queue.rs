//! The queue's door: enqueuing, hints, and the modules of everything else.

mod bump;
mod cancel;
mod clock;
mod finish;
mod group;
mod lapse;
mod lease;
mod pause;
mod presence;
mod read;
mod title;

use db::{Db, Tx, args};
use model::{GroupId, JobId, Timestamp};

use crate::hint::Hinter;
use crate::{Error, Hints, New, Result};

pub use bump::Bump;
pub use finish::{Completed, Ended, Fault, Outcome};
pub use group::{Group, GroupState};
pub use lapse::Released;
pub use lease::{Claim, LogLine, Progress, Wait};
pub use pause::Pause;
pub use presence::Presence;
pub use read::{AtWork, Counts, Filter};
pub use title::Again;

/// The queue in a database. Cheap to clone; clones share their hints.
#[derive(Debug, Clone)]
pub struct Queue {
    db: Db,
    hinter: Hinter,
}

impl Queue {
    /// The queue in `db`, whose tables [`MIGRATIONS`](crate::MIGRATIONS) made.
    pub fn new(db: Db) -> Self {
        Self { db, hinter: Hinter::new() }
    }

    /// The time now, by the clock of the database.
    pub fn now(&self) -> Timestamp {
        self.db.now()
    }

    /// Tells waiting workers of this process that a claim may succeed; call it after a commit that enqueued.
    pub fn wake(&self) {
        self.hinter.hint();
    }

    /// Hints for one waiting worker.
    pub fn hints(&self) -> Hints {
        self.hinter.hints()
    }

    /// Puts a job into the queue when `tx` commits. A job whose key was used before is not made again: the id of
    /// the first is answered.
    pub async fn enqueue(&self, tx: &mut Tx, now: Timestamp, new: &New) -> Result<JobId> {
        match insert(tx, now, new, None).await? {
            Some(id) => Ok(id),
            None => {
                let found =
                    tx.one("SELECT id FROM jobs WHERE unique_key = $1", args![new.key.as_deref()]).await?;
                Ok(found.get("id")?)
            }
        }
    }
}

const INSERT: &str =
    "INSERT INTO jobs (id, kind, payload, state, priority, run_at, group_id, title, capability,
        unique_key, attempt, failures, max_attempts, releases, progress, log_lines, created_at, behind)
    VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, 0, 0, $10, 0, 0, 0, $11, $12)
    ON CONFLICT (unique_key) DO NOTHING";

/// Answers `None` when the job's key is taken.
async fn insert(tx: &mut Tx, now: Timestamp, new: &New, group: Option<GroupId>) -> Result<Option<JobId>> {
    let payload = new.check()?;
    let id = JobId::new();
    let args = args![
        id,
        &new.kind,
        payload,
        new.priority,
        new.run_at.unwrap_or(now),
        group,
        new.title,
        new.capability.as_deref(),
        new.key.as_deref(),
        new.max_attempts.max(1),
        now,
        new.behind_ms,
    ];
    Ok((tx.execute(INSERT, args).await? == 1).then_some(id))
}

/// The error of a call whose fence did not match.
fn lost(job: JobId) -> Error {
    Error::LeaseLost { job }
}
