//! Waiting jobs that are more urgent for a while: someone waits for what they make.

use db::{Sql, args, sql};
use model::{JobId, Timestamp};
use serde_json::Value;

use super::Queue;
use crate::Result;

/// Makes jobs more urgent for a while.
#[derive(Debug, Clone, Copy)]
pub struct Bump<'a> {
    /// Idempotency keys of the jobs; what is not waiting is left alone.
    pub keys: &'a [String],
    /// The priority they get, where it is above their own.
    pub priority: i32,
    /// Until when, if it is not renewed.
    pub until: Timestamp,
}

/// A job that is raised joins the others of its new priority at their end, unless it rests after a failure. What
/// another one is just changing is passed over, here and below, so that neither ever waits for the other: a wish is
/// renewed, and its end is looked for again.
const BUMP: Sql = sql!(
    "UPDATE jobs SET usual_priority = COALESCE(usual_priority, priority), priority = $2,
        usual_behind = COALESCE(usual_behind, behind), behind = 0, bumped_until = $3,
        run_at = CASE WHEN priority < $2 AND run_at < $4 THEN $4 ELSE run_at END
    WHERE id IN (
        SELECT id FROM jobs
        WHERE unique_key IN " [EACH "$1"] " AND state = 'queued'
            AND (priority < $2 OR (priority = $2 AND bumped_until < $3))
        ORDER BY id" [FOR UPDATE SKIP LOCKED] ")
    RETURNING id"
);

/// The index knows only waiting jobs, so an idle sweep reads nothing.
const ANY_OLD: &str =
    "SELECT id FROM jobs WHERE state = 'queued' AND bumped_until IS NOT NULL AND bumped_until <= $1 LIMIT 1";

const SETTLE: Sql = sql!(
    "UPDATE jobs SET priority = usual_priority, usual_priority = NULL, bumped_until = NULL,
        behind = COALESCE(usual_behind, behind), usual_behind = NULL,
        run_at = CASE WHEN run_at <= $1 THEN created_at ELSE run_at END
    WHERE id IN (
        SELECT id FROM jobs WHERE state = 'queued' AND bumped_until IS NOT NULL AND bumped_until <= $1
        ORDER BY id" [FOR UPDATE SKIP LOCKED] ")"
);

impl Queue {
    /// Makes waiting jobs more urgent for a while, or renews that; answers which were changed. Jobs of one priority
    /// run in the order in which they were raised to it; a job that rests after a failure keeps resting.
    pub async fn bump(&self, now: Timestamp, bump: &Bump<'_>) -> Result<Vec<JobId>> {
        let keys = Value::from(bump.keys).to_string();
        let args = args![keys, bump.priority, bump.until, now];
        let rows = self.db.returning(self.db.pick(BUMP), args).await?;
        if !rows.is_empty() {
            self.wake();
        }
        rows.iter().map(|row| Ok(row.get("id")?)).collect()
    }

    /// Gives jobs their usual priority and place back that nobody has bumped again in time; answers how many. Call
    /// it every second or so.
    pub async fn settle(&self, now: Timestamp) -> Result<u64> {
        if self.db.opt(ANY_OLD, args![now]).await?.is_none() {
            return Ok(0);
        }
        Ok(self.db.execute(self.db.pick(SETTLE), args![now]).await?)
    }
}
