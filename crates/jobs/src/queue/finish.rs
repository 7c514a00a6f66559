//! The end of a try: done, failed, or once more.

use db::{Sql, Tx, args, sql};
use model::text::reason;
use model::{GroupId, JobId, Timestamp, TitleId};
use serde_json::Value;

use super::{GroupState, Queue, group, lease, lost};
use crate::new::JSON_BYTES;
use crate::{Error, Lease, Result, backoff};

/// Why a try ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The next try may succeed.
    Transient(String),
    /// The next try may succeed, and is the last, however it ends. The job keeps that bound when somebody asks for it
    /// again later.
    OnceMore(String),
    /// No try will ever succeed.
    Permanent(String),
}

/// Consequences of completing a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completed {
    /// Jobs that were enqueued because this was the last member of its group; `None` if it was not.
    pub then: Option<Vec<JobId>>,
}

/// Result of a job's failed try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The job will be retried.
    Retry {
        /// Not before this moment.
        at: Timestamp,
    },
    /// The job has failed for good.
    Ended(Ended),
}

/// A job that ended as failed or cancelled. Its title must be told in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// Kind of work.
    pub kind: String,
    /// The title it worked for.
    pub title: Option<TitleId>,
    /// Its group, which ended with it.
    pub group: Option<GroupId>,
    /// Why.
    pub reason: String,
}

const DONE: &str =
    "UPDATE jobs SET state = 'done', lease_until = NULL, cause = NULL, progress = 1000, result = $4,
        finished_at = $5
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

const FAILED: &str =
    "UPDATE jobs SET state = 'failed', lease_until = NULL, cause = $4, failures = $5, releases = $6,
        max_attempts = $7, finished_at = $8
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

const AGAIN: &str =
    "UPDATE jobs SET state = 'queued', lease_until = NULL, cause = $4, failures = $5, releases = $6,
        max_attempts = $7, run_at = $8, progress = 0, speed = NULL, message = NULL
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

impl Queue {
    /// Makes sure that the lease holds until `tx` ends: nobody takes or cancels the job before. Call it first in a
    /// transaction that changes more than the queue.
    pub async fn check(&self, tx: &mut Tx, lease: &Lease) -> Result<()> {
        self.held(tx, lease).await.map(drop)
    }

    /// Ends the job as done when `tx` commits; the last member of a group enqueues what follows it.
    pub async fn complete(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        lease: &Lease,
        result: Option<&Value>,
    ) -> Result<Completed> {
        let result = result.map(Value::to_string);
        if let Some(bytes) = result.as_ref().map(String::len).filter(|n| *n > JSON_BYTES) {
            return Err(Error::TooLarge { what: "result", bytes, most: JSON_BYTES });
        }
        group::lock(tx, lease.group).await?;
        if tx.execute(DONE, args![lease.job, &lease.worker, lease.attempt, result, now]).await? == 0 {
            return Err(lost(lease.job));
        }
        let then = match lease.group {
            Some(group) => group::count_down(self, tx, now, group).await?,
            None => None,
        };
        Ok(Completed { then })
    }

    /// Ends the try as failed when `tx` commits: the job rests and comes back, or ends, and its group with it. The
    /// caller may cancel the other jobs of its title in the same transaction.
    pub async fn fail(&self, tx: &mut Tx, now: Timestamp, lease: &Lease, fault: &Fault) -> Result<Outcome> {
        self.lock_groups(tx, lease).await?;
        let mut held =
            Held::find(tx, lease.job).await?.filter(|held| held.is(lease)).ok_or_else(|| lost(lease.job))?;
        let failures = held.failures + 1;
        let (why, last) = match fault {
            Fault::Transient(why) | Fault::OnceMore(why) => (why, failures >= held.max_attempts),
            Fault::Permanent(why) => (why, true),
        };
        if matches!(fault, Fault::OnceMore(_)) {
            held.max_attempts = held.max_attempts.min(failures + 1);
        }
        let next = Next {
            failures,
            releases: held.releases,
            rest_ms: backoff::after_failure(held.job, failures),
            last,
        };
        held.end(tx, now, why, next).await
    }

    /// Locks what the bad end of a job may change besides it.
    pub(super) async fn lock_groups(&self, tx: &mut Tx, lease: &Lease) -> Result<()> {
        match lease.title {
            Some(title) => self.lock_title(tx, title).await,
            None => group::lock(tx, lease.group).await,
        }
    }

    /// Locks the job's group and the job, and compares the fence.
    async fn held(&self, tx: &mut Tx, lease: &Lease) -> Result<Held> {
        group::lock(tx, lease.group).await?;
        let held = Held::find(tx, lease.job).await?;
        held.filter(|held| held.is(lease)).ok_or_else(|| lost(lease.job))
    }
}

/// A running job whose try is to end; its group is locked.
pub(super) struct Held {
    pub(super) job: JobId,
    kind: String,
    title: Option<TitleId>,
    group: Option<GroupId>,
    worker: String,
    attempt: u32,
    pub(super) failures: u32,
    pub(super) max_attempts: u32,
    pub(super) releases: u32,
    pub(super) lease_until: Timestamp,
}

/// How a badly ended try is counted.
pub(super) struct Next {
    pub(super) failures: u32,
    pub(super) releases: u32,
    pub(super) rest_ms: i64,
    pub(super) last: bool,
}

const FIND: Sql = sql!(
    "SELECT id, kind, title, group_id, worker, attempt, failures, max_attempts, releases, lease_until
    FROM jobs WHERE id = $1 AND state = 'running'" [FOR UPDATE]
);

impl Held {
    /// Locks and reads a running job.
    pub(super) async fn find(tx: &mut Tx, job: JobId) -> Result<Option<Self>> {
        let Some(row) = tx.opt(tx.pick(FIND), args![job]).await? else { return Ok(None) };
        Ok(Some(Self {
            job,
            kind: row.get("kind")?,
            title: row.get_opt("title")?,
            group: row.get_opt("group_id")?,
            worker: row.get("worker")?,
            attempt: row.get("attempt")?,
            failures: row.get("failures")?,
            max_attempts: row.get("max_attempts")?,
            releases: row.get("releases")?,
            lease_until: row.get("lease_until")?,
        }))
    }

    fn is(&self, lease: &Lease) -> bool {
        self.worker == lease.worker && self.attempt == lease.attempt
    }

    /// Whether `worker` or one of the process `worker` holds it.
    pub(super) fn belongs_to(&self, worker: &str) -> bool {
        self.worker.strip_prefix(worker).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Puts the job back to rest, or ends it.
    pub(super) async fn end(self, tx: &mut Tx, now: Timestamp, why: &str, next: Next) -> Result<Outcome> {
        let why = reason(why);
        let sql = if next.last { FAILED } else { AGAIN };
        let at = if next.last { now } else { now.plus_ms(next.rest_ms) };
        let Next { failures, releases, .. } = next;
        let tries = self.max_attempts;
        let args = args![self.job, &self.worker, self.attempt, &why, failures, releases, tries, at];
        if tx.execute(sql, args).await? == 0 {
            return Err(lost(self.job));
        }
        lease::note(tx, now, self.job, format!("try {} ended: {why}", self.attempt)).await?;
        if !next.last {
            return Ok(Outcome::Retry { at });
        }
        let Self { job, kind, title, group, .. } = self;
        let ended = Ended { job, kind, title, group, reason: why };
        group::end(tx, now, &ended, GroupState::Failed).await?;
        Ok(Outcome::Ended(ended))
    }
}
