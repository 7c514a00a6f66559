//! Actions of people on jobs: cancel and retry; and removing old jobs.

use db::{Sql, Tx, args, sql};
use model::job::State;
use model::text::reason;
use model::{GroupId, JobId, Timestamp, TitleId};

use super::{Ended, GroupState, Queue, group, lease};
use crate::{Error, Job, Result};

/// Cancels jobs that have not ended, for the cause `$2` at the moment `$3`.
macro_rules! cancel {
    ($which:literal) => {
        concat!(
            "UPDATE jobs SET state = 'cancelled', cause = $2, waits_for = NULL, waits_why = NULL,
                lease_until = NULL, finished_at = $3
            WHERE state IN ('queued', 'running') AND ",
            $which
        )
    };
}
pub(super) use cancel;

/// Gives jobs that ended badly all their tries again, for the cause `$2`, from the moment `$3` on.
macro_rules! again {
    ($which:literal) => {
        concat!(
            "UPDATE jobs SET state = 'queued', cause = $2, run_at = $3, failures = 0, releases = 0, progress = 0,
                speed = NULL, message = NULL, finished_at = NULL
            WHERE state IN ('failed', 'cancelled') AND ",
            $which
        )
    };
}
pub(super) use again;

/// The cause of a job that is tried again.
pub(super) const ASKED: &str = "retried by a person";

const CANCEL: &str = cancel!("id = $1");
const CANCEL_TITLE: &str = cancel!("title = $1");
const AGAIN: &str = again!("id = $1");
const AGAIN_GROUP: &str = again!("group_id = $1");

const REOPEN: &str = "UPDATE job_groups SET state = 'open', reason = NULL, finished_at = NULL
    WHERE id = $1 AND state IN ('failed', 'cancelled')";

/// Rows are locked in one order before they are changed together.
const LOCK_GROUPS: Sql = sql!("SELECT id FROM job_groups WHERE title = $1 ORDER BY id" [FOR UPDATE]);
const LOCK_JOBS: Sql =
    sql!("SELECT id FROM jobs WHERE title = $1 AND state IN ('queued', 'running') ORDER BY id" [FOR UPDATE]);

const CANCEL_GROUPS: &str = "UPDATE job_groups SET state = 'cancelled', reason = $2, finished_at = $3
    WHERE title = $1 AND state = 'open'";

const PRUNE: &str = "DELETE FROM jobs WHERE finished_at < $1 AND state IN ('done', 'failed', 'cancelled')
    AND (group_id IS NULL OR group_id IN (SELECT id FROM job_groups WHERE finished_at < $1))";

const PRUNE_GROUPS: &str = "DELETE FROM job_groups WHERE finished_at < $1
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.group_id = job_groups.id)";

impl Queue {
    /// Cancels a job when `tx` commits, and with it its group; its worker learns it from its next call.
    /// [`Error::State`] if the job has ended already.
    pub async fn cancel(&self, tx: &mut Tx, now: Timestamp, id: JobId, why: &str) -> Result<Ended> {
        let job = self.locked(tx, id).await?;
        let why = reason(why);
        if tx.execute(CANCEL, args![id, &why, now]).await? == 0 {
            return Err(Error::State { job: id, state: job.state.as_str(), what: "cancel it" });
        }
        lease::note(tx, now, id, format!("cancelled: {why}")).await?;
        let ended = Ended { job: id, kind: job.kind, title: job.title, group: job.group, reason: why };
        group::end(tx, now, &ended, GroupState::Cancelled).await?;
        Ok(ended)
    }

    /// Cancels everything that is queued or runs for a title, when `tx` commits; answers how many jobs that was.
    pub async fn cancel_title(&self, tx: &mut Tx, now: Timestamp, title: TitleId, why: &str) -> Result<u64> {
        let why = reason(why);
        self.lock_title(tx, title).await?;
        tx.all(tx.pick(LOCK_JOBS), args![title]).await?;
        tx.execute(CANCEL_GROUPS, args![title, &why, now]).await?;
        Ok(tx.execute(CANCEL_TITLE, args![title, &why, now]).await?)
    }

    /// Gives a failed or cancelled job its tries again when `tx` commits; a member of a group brings back every
    /// failed or cancelled member. Answers how many jobs are queued again.
    pub async fn retry(&self, tx: &mut Tx, now: Timestamp, id: JobId) -> Result<u64> {
        let job = self.locked(tx, id).await?;
        if !matches!(job.state, State::Failed | State::Cancelled) {
            return Err(Error::State { job: id, state: job.state.as_str(), what: "try it again" });
        }
        match job.group {
            Some(group) => {
                tx.execute(REOPEN, args![group]).await?;
                Ok(tx.execute(AGAIN_GROUP, args![group, ASKED, now]).await?)
            }
            None => Ok(tx.execute(AGAIN, args![id, ASKED, now]).await?),
        }
    }

    /// Forgets jobs that ended before `before`, with their logs and keys; of a group all at a time. Answers how
    /// many.
    pub async fn prune(&self, before: Timestamp) -> Result<u64> {
        let gone = self.db.execute(PRUNE, args![before]).await?;
        self.db.execute(PRUNE_GROUPS, args![before]).await?;
        Ok(gone)
    }

    /// Locks the groups of a title, in one order. A caller that will change more than one job of a title, or its own
    /// row as well, calls this first: then two such transactions never wait for each other.
    pub async fn lock_title(&self, tx: &mut Tx, title: TitleId) -> Result<()> {
        tx.all(tx.pick(LOCK_GROUPS), args![title]).await?;
        Ok(())
    }

    /// Locks a job's group, then reads the job. Its group never changes.
    async fn locked(&self, tx: &mut Tx, id: JobId) -> Result<Job> {
        let found = tx.opt("SELECT group_id FROM jobs WHERE id = $1", args![id]).await?;
        let group: Option<GroupId> = found.ok_or(Error::NotFound { job: id })?.get_opt("group_id")?;
        group::lock(tx, group).await?;
        let row = tx.opt(super::read::GET, args![id]).await?;
        Job::read(&row.ok_or(Error::NotFound { job: id })?)
    }
}
