//! Jobs whose worker went away.

use db::{Row, Sql, Tx, args, sql};
use model::{GroupId, JobId, Timestamp};

use super::finish::{Held, Next};
use super::{Ended, Outcome, Queue, group};
use crate::{Result, backoff};

/// Deaths of its process that a job survives: more, and it is taken for their cause.
const MAX_RELEASES: u32 = 10;
/// Jobs that one call of [`Queue::expire`] looks at.
const BATCH: u32 = 100;

/// Results for jobs whose worker went away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// Jobs that will be tried again.
    pub again: Vec<JobId>,
    /// Jobs that gave up.
    pub ended: Vec<Ended>,
}

/// The groups of all titles that may lose a job: the code that ends one job of a title may end the others next.
const LOCK_EXPIRED: Sql = sql!(
    "SELECT id FROM job_groups WHERE title IN
        (SELECT title FROM jobs WHERE state = 'running' AND lease_until <= $1) ORDER BY id" [FOR UPDATE]
);

const LOCK_HELD: Sql = sql!(
    "SELECT id FROM job_groups WHERE title IN
        (SELECT title FROM jobs WHERE state = 'running'
            AND (worker = $1 OR SUBSTR(worker, 1, LENGTH($1) + 1) = $1 || '/')) ORDER BY id" [FOR UPDATE]
);

/// Groups in one order everywhere, so that two transactions never wait for each other.
const EXPIRED: &str = "SELECT id, group_id FROM jobs WHERE state = 'running' AND lease_until <= $1
    ORDER BY group_id, id LIMIT $2";

const HELD: &str = "SELECT id, group_id FROM jobs WHERE state = 'running'
        AND (worker = $1 OR SUBSTR(worker, 1, LENGTH($1) + 1) = $1 || '/')
    ORDER BY group_id, id";

impl Queue {
    /// Takes jobs back whose lease ran out, when `tx` commits. Counts as a failed try: the worker stopped. Call it
    /// every second or so, until it answers nothing.
    pub async fn expire(&self, tx: &mut Tx, now: Timestamp) -> Result<Released> {
        tx.all(tx.pick(LOCK_EXPIRED), args![now]).await?;
        let found = tx.all(EXPIRED, args![now, BATCH]).await?;
        let mut released = Released::default();
        for (job, group) in ids(&found)? {
            group::lock(tx, group).await?;
            let Some(held) = Held::find(tx, job).await?.filter(|held| held.lease_until <= now) else {
                continue;
            };
            let failures = held.failures + 1;
            let next = Next {
                failures,
                releases: held.releases,
                rest_ms: backoff::after_failure(job, failures),
                last: failures >= held.max_attempts,
            };
            released.add(job, held.end(tx, now, "the worker stopped", next).await?);
        }
        Ok(released)
    }

    /// Whether [`Queue::expire`] has something to do: reads only, so that an idle sweep writes nothing.
    pub async fn has_expired(&self, now: Timestamp) -> Result<bool> {
        Ok(!self.db.all(EXPIRED, args![now, 1]).await?.is_empty())
    }

    /// Takes back, when `tx` commits, what `worker` (or the process of that name) held before it died: call it when
    /// a process starts under that name. Nothing is held against the jobs, unless their process has died with them
    /// more than ten times.
    pub async fn release_worker(&self, tx: &mut Tx, now: Timestamp, worker: &str) -> Result<Released> {
        tx.all(tx.pick(LOCK_HELD), args![worker]).await?;
        let found = tx.all(HELD, args![worker]).await?;
        let mut released = Released::default();
        for (job, group) in ids(&found)? {
            group::lock(tx, group).await?;
            let Some(held) = Held::find(tx, job).await?.filter(|held| held.belongs_to(worker)) else {
                continue;
            };
            let releases = held.releases + 1;
            let next = Next {
                failures: held.failures,
                releases,
                rest_ms: backoff::after_release(job, releases),
                last: releases > MAX_RELEASES,
            };
            let why = if next.last {
                format!("the program stopped {releases} times while it ran")
            } else {
                "the program stopped while it ran".to_owned()
            };
            released.add(job, held.end(tx, now, &why, next).await?);
        }
        Ok(released)
    }
}

impl Released {
    fn add(&mut self, job: JobId, outcome: Outcome) {
        match outcome {
            Outcome::Retry { .. } => self.again.push(job),
            Outcome::Ended(ended) => self.ended.push(ended),
        }
    }
}

fn ids(rows: &[Row]) -> Result<Vec<(JobId, Option<GroupId>)>> {
    let mut all = Vec::new();
    for row in rows {
        all.push((row.get("id")?, row.get_opt("group_id")?));
    }
    Ok(all)
}
