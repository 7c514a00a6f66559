//! Operations on all jobs of a title at once.

use db::{Tx, args};
use model::text::reason;
use model::{Timestamp, TitleId, WaitsFor};

use super::cancel::{ASKED, again};
use super::{Queue, Wait};
use crate::Result;

/// The jobs of a title to retry.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Only those that were made at or after this moment.
    pub since: Timestamp,
    /// Only those of this kind, and their groups stay as they are: of a kind that is member of none.
    pub kind: Option<&'a str>,
}

const REOPEN: &str = "UPDATE job_groups SET state = 'open', reason = NULL, finished_at = NULL
    WHERE title = $1 AND state IN ('failed', 'cancelled') AND created_at >= $2";

const AGAIN: &str = again!("title = $1 AND created_at >= $4 AND (CAST($5 AS TEXT) IS NULL OR kind = $5)");

/// A job that rests for another reason keeps resting.
const POSTPONE: &str = "UPDATE jobs SET run_at = $3, waits_for = $4, waits_why = $5
    WHERE title = $1 AND state = 'queued' AND kind = $6 AND run_at < $3 AND (run_at <= $2 OR waits_for = $4)";

const GO_ON: &str = "UPDATE jobs SET run_at = $2, waits_for = NULL, waits_why = NULL
    WHERE title = $1 AND state = 'queued' AND waits_for = $3";

const LIVE: &str = "SELECT COUNT(*) AS n FROM jobs WHERE title = $1 AND state IN ('queued', 'running')";

const LIVE_BESIDES: &str = "SELECT COUNT(*) AS n FROM jobs
    WHERE title = $1 AND state IN ('queued', 'running') AND (CAST($2 AS TEXT) IS NULL OR kind <> $2)";

/// Finished jobs of a failed group are removed, too: it will never be complete.
const FORGET_ENDED: &str = "DELETE FROM jobs
    WHERE title = $1 AND SUBSTR(unique_key, 1, LENGTH($2)) = $2 AND (state IN ('failed', 'cancelled')
        OR group_id IN (SELECT id FROM job_groups WHERE title = $1 AND state IN ('failed', 'cancelled')))";

const FORGET_EMPTY: &str = "DELETE FROM job_groups WHERE title = $1 AND state IN ('failed', 'cancelled')
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.group_id = job_groups.id)";

impl Queue {
    /// Gives failed and cancelled jobs of a title their tries again when `tx` commits; answers how many that are.
    pub async fn retry_title(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        title: TitleId,
        which: Again<'_>,
    ) -> Result<u64> {
        let Again { since, kind } = which;
        self.lock_title(tx, title).await?;
        if kind.is_none() {
            tx.execute(REOPEN, args![title, since]).await?;
        }
        Ok(tx.execute(AGAIN, args![title, ASKED, now, since, kind]).await?)
    }

    /// Lets the jobs of one kind of a title that are due wait on when `tx` commits; nothing is held against them.
    pub async fn postpone(
        &self,
        tx: &mut Tx,
        now: Timestamp,
        title: TitleId,
        kind: &str,
        wait: &Wait<'_>,
    ) -> Result<u64> {
        self.lock_title(tx, title).await?;
        let Wait { until, waits_for, why } = *wait;
        let args = args![title, now, until, waits_for.as_str(), reason(why), kind];
        Ok(tx.execute(POSTPONE, args).await?)
    }

    /// Ends what [`Queue::postpone`] and [`Queue::hold_up`] began: the jobs of a title that wait for this are due now.
    pub async fn go_on(&self, title: TitleId, now: Timestamp, waits_for: WaitsFor) -> Result<u64> {
        let mut tx = self.db.begin().await?;
        self.lock_title(&mut tx, title).await?;
        let jobs = tx.execute(GO_ON, args![title, now, waits_for.as_str()]).await?;
        tx.commit().await?;
        if jobs > 0 {
            self.wake();
        }
        Ok(jobs)
    }

    /// How many jobs of a title wait or run.
    pub async fn live(&self, title: TitleId) -> Result<u64> {
        Ok(self.db.one(LIVE, args![title]).await?.get("n")?)
    }

    /// The same as `tx` sees it; jobs of one kind may be left out.
    pub async fn live_in(&self, tx: &mut Tx, title: TitleId, besides: Option<&str>) -> Result<u64> {
        Ok(tx.one(LIVE_BESIDES, args![title, besides]).await?.get("n")?)
    }

    /// Forgets the jobs of a title that ended badly and whose keys begin so, and with a group all its members, when `tx`
    /// commits: nobody can try them again. Call it while none of them waits or runs.
    pub async fn forget_ended(&self, tx: &mut Tx, title: TitleId, keys: &str) -> Result<u64> {
        self.lock_title(tx, title).await?;
        let gone = tx.execute(FORGET_ENDED, args![title, keys]).await?;
        tx.execute(FORGET_EMPTY, args![title]).await?;
        Ok(gone)
    }

    /// Forgets all jobs of a title with their logs and keys when `tx` commits; a worker that runs one learns it from
    /// its next call.
    pub async fn forget_title(&self, tx: &mut Tx, title: TitleId) -> Result<u64> {
        self.lock_title(tx, title).await?;
        let gone = tx.execute("DELETE FROM jobs WHERE title = $1", args![title]).await?;
        tx.execute("DELETE FROM job_groups WHERE title = $1", args![title]).await?;
        Ok(gone)
    }
}
