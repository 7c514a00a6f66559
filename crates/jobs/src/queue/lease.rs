//! Claiming a job and staying in touch while it runs.

use std::time::{Duration, Instant};

use db::{Sql, Tx, args, sql};
use model::text::{REASON_CHARS, bounded, reason};
use model::{JobId, Timestamp, WaitsFor};
use serde_json::Value;

use super::clock::LONGEST_LEASE_MS;
use super::{Queue, lost};
use crate::new::NAME_BYTES;
use crate::{Error, Lease, Result};

/// Lines of a job's log that are kept: the last ones.
const LOG_LINES: i64 = 200;
/// Most characters of a line of it.
const LINE_CHARS: usize = 1000;

/// A worker's request for a job.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The worker's name, unique among all that run at a time. [`Queue::release_worker`] takes the part before
    /// a `/`: `main/0` and `main/1` are workers of the process `main`.
    pub worker: &'a str,
    /// Kinds it can do.
    pub kinds: &'a [&'a str],
    /// Capabilities it has; jobs that ask for none are always offered.
    pub capabilities: &'a [&'a str],
    /// How long it may be silent before the job is given to another, a minute at most.
    pub lease: Duration,
}

/// A worker's report on a running job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// Done share in ‰, at most 1000.
    pub permille: u16,
    /// Times real time.
    pub speed: Option<f64>,
    /// Its current step, for people; `None` keeps the previous text.
    pub message: Option<String>,
}

/// A condition that jobs wait for, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Wait<'a> {
    /// When they look again.
    pub until: Timestamp,
    /// The condition.
    pub waits_for: WaitsFor,
    /// The same in words for people.
    pub why: &'a str,
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Number of the line in the job, from 1; the first ones may be gone.
    pub n: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The try that wrote it.
    pub attempt: u32,
    /// The text, without line end.
    pub line: String,
}

/// Claimers pass over rows that another one is just taking.
const CLAIM: Sql = sql!(
    "UPDATE jobs SET state = 'running', worker = $1, lease_until = $2, attempt = attempt + 1,
        progress = 0, speed = NULL, message = NULL, waits_for = NULL, waits_why = NULL, started_at = $3
    WHERE id = (
        SELECT id FROM jobs
        WHERE state = 'queued' AND run_at <= $3 AND kind IN " [EACH "$4"] "
            AND kind NOT IN (SELECT kind FROM job_pauses)
            AND (capability IS NULL OR capability IN " [EACH "$5"] ")
        ORDER BY priority DESC, run_at + behind, id LIMIT 1" [FOR UPDATE SKIP LOCKED] ")
    RETURNING id, attempt, kind, payload, title, group_id"
);

const NEXT: Sql = sql!(
    "SELECT priority FROM jobs
    WHERE state = 'queued' AND run_at <= $1 AND kind IN " [EACH "$2"] "
        AND kind NOT IN (SELECT kind FROM job_pauses)
        AND (capability IS NULL OR capability IN " [EACH "$3"] ")
    ORDER BY priority DESC LIMIT 1"
);

const HEARTBEAT: &str = "UPDATE jobs SET lease_until = $4
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

const PROGRESS: &str =
    "UPDATE jobs SET lease_until = $4, progress = $5, speed = $6, message = COALESCE($7, message)
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

const PUT_BACK: &str =
    "UPDATE jobs SET state = 'queued', lease_until = NULL, run_at = $4, waits_for = $5, waits_why = $6,
        progress = 0, speed = NULL, message = NULL
    WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running'";

impl Queue {
    /// Hands out the most urgent job that is due: by priority, then by turn (the moment
    /// it became due, and [`New::behind_ms`](crate::New::behind_ms)), then by age.
    ///
    /// Not cancel-safe: a job claimed by a dropped call stays with `worker` until the lease ends.
    pub async fn claim(&self, now: Timestamp, claim: &Claim<'_>) -> Result<Option<Lease>> {
        if claim.worker.len() > NAME_BYTES {
            return Err(Error::TooLarge {
                what: "worker's name",
                bytes: claim.worker.len(),
                most: NAME_BYTES,
            });
        }
        let lease_ms = i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX).min(LONGEST_LEASE_MS);
        let args =
            args![claim.worker, now.plus_ms(lease_ms), now, list(claim.kinds), list(claim.capabilities)];
        let rows = self.db.returning(self.db.pick(CLAIM), args).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let job: JobId = row.get("id")?;
        let payload: String = row.get("payload")?;
        Ok(Some(Lease {
            job,
            worker: claim.worker.to_owned(),
            attempt: row.get("attempt")?,
            lease_ms: lease_ms.unsigned_abs(),
            kind: row.get("kind")?,
            payload: serde_json::from_str(&payload).map_err(|source| Error::Json {
                job,
                what: "payload",
                source,
            })?,
            title: row.get_opt("title")?,
            group: row.get_opt("group_id")?,
        }))
    }

    /// The priority of the job that [`Queue::claim`] would hand out now; `None` where it has none.
    pub async fn next_priority(&self, now: Timestamp, claim: &Claim<'_>) -> Result<Option<i32>> {
        let args = args![now, list(claim.kinds), list(claim.capabilities)];
        let row = self.db.opt(self.db.pick(NEXT), args).await?;
        Ok(row.map(|row| row.get("priority")).transpose()?)
    }

    /// Says that the worker is alive; the lease is renewed. [`Error::LeaseLost`] tells it to stop.
    pub async fn heartbeat(&self, now: Timestamp, lease: &Lease) -> Result<()> {
        let (mut tx, now) = self.turn(now).await?;
        let args = args![lease.job, &lease.worker, lease.attempt, until(now, lease)];
        let changed = tx.execute(HEARTBEAT, args).await?;
        tx.commit().await?;
        fenced(changed, lease)
    }

    /// Says how far the worker is, and that it is alive.
    pub async fn progress(&self, now: Timestamp, lease: &Lease, progress: &Progress) -> Result<()> {
        let speed = progress.speed.filter(|speed| speed.is_finite());
        let message = progress.message.as_deref().map(|text| bounded(text, REASON_CHARS));
        let permille = progress.permille.min(1000);
        let (mut tx, now) = self.turn(now).await?;
        let args =
            args![lease.job, &lease.worker, lease.attempt, until(now, lease), permille, speed, message];
        let changed = tx.execute(PROGRESS, args).await?;
        tx.commit().await?;
        fenced(changed, lease)
    }

    /// Begins a transaction, and answers what time it is by then: where many wait to write, a lease that runs from when
    /// they began to wait may have run out when it is written.
    async fn turn(&self, now: Timestamp) -> Result<(Tx, Timestamp)> {
        let asked = Instant::now();
        let tx = self.db.begin().await?;
        let waited = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        Ok((tx, now.plus_ms(waited)))
    }

    /// Returns a job that its worker gives up, because it stops or has other work. This does not count as a failure of
    /// the job; it is due again at `run_at`.
    pub async fn put_back(&self, lease: &Lease, run_at: Timestamp, why: &str) -> Result<()> {
        let args = args![lease.job, &lease.worker, lease.attempt, run_at, None::<&str>, reason(why)];
        fenced(self.db.execute(PUT_BACK, args).await?, lease)?;
        self.wake();
        Ok(())
    }

    /// Puts a job back that cannot be done now, when `tx` commits, which may then let others of its title wait as well;
    /// nothing is held against it.
    pub async fn hold_up(&self, tx: &mut Tx, lease: &Lease, wait: &Wait<'_>) -> Result<()> {
        self.lock_groups(tx, lease).await?;
        let Wait { until, waits_for, why } = *wait;
        let args = args![lease.job, &lease.worker, lease.attempt, until, waits_for.as_str(), reason(why)];
        fenced(tx.execute(PUT_BACK, args).await?, lease)
    }

    /// Adds lines to the job's log, of which the last 200 are kept; without any it does nothing.
    pub async fn log(&self, now: Timestamp, lease: &Lease, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        add(&mut tx, now, lease, lines).await?;
        Ok(tx.commit().await?)
    }

    /// The same when `tx` commits, which may then end the try.
    pub async fn log_in(&self, tx: &mut Tx, now: Timestamp, lease: &Lease, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.lock_groups(tx, lease).await?;
        add(tx, now, lease, lines).await
    }
}

async fn add(tx: &mut Tx, now: Timestamp, lease: &Lease, lines: &[String]) -> Result<()> {
    let keep = usize::try_from(LOG_LINES).unwrap_or(usize::MAX);
    let lines = &lines[lines.len().saturating_sub(keep)..];
    let count = "UPDATE jobs SET log_lines = log_lines + $4
        WHERE id = $1 AND worker = $2 AND attempt = $3 AND state = 'running' RETURNING log_lines";
    let row = tx.opt(count, args![lease.job, &lease.worker, lease.attempt, lines.len()]).await?;
    let row = row.ok_or_else(|| lost(lease.job))?;
    write_log(tx, now, lease.job, lease.attempt, lines, row.get("log_lines")?).await
}

/// Words as JSON.
fn list(words: &[&str]) -> String {
    Value::from(words.to_vec()).to_string()
}

fn until(now: Timestamp, lease: &Lease) -> Timestamp {
    now.plus_ms(i64::try_from(lease.lease_ms).unwrap_or(i64::MAX))
}

fn fenced(changed: u64, lease: &Lease) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(lost(lease.job)) }
}

/// Adds a line of the queue's own to a job's log; the caller holds the job's row.
pub(super) async fn note(tx: &mut Tx, now: Timestamp, job: JobId, line: String) -> Result<()> {
    let count = "UPDATE jobs SET log_lines = log_lines + 1 WHERE id = $1 RETURNING log_lines, attempt";
    let row = tx.one(count, args![job]).await?;
    write_log(tx, now, job, row.get("attempt")?, &[line], row.get("log_lines")?).await
}

/// Writes lines whose last gets the number `last`, and drops what is too old.
async fn write_log(
    tx: &mut Tx,
    now: Timestamp,
    job: JobId,
    attempt: u32,
    lines: &[String],
    last: i64,
) -> Result<()> {
    let first = last - i64::try_from(lines.len()).unwrap_or(0) + 1;
    for (n, line) in (first..).zip(lines) {
        let insert = "INSERT INTO job_logs (job, n, at, attempt, line) VALUES ($1, $2, $3, $4, $5)";
        tx.execute(insert, args![job, n, now, attempt, bounded(line, LINE_CHARS)]).await?;
    }
    tx.execute("DELETE FROM job_logs WHERE job = $1 AND n <= $2", args![job, last - LOG_LINES]).await?;
    Ok(())
}
