//! Repairs after a clock that was ahead was set back.

use db::{Sql, args, sql};
use model::Timestamp;

use super::Queue;
use crate::Result;
use crate::backoff::BEYOND_MS;

/// Longest lease, in ms.
pub(super) const LONGEST_LEASE_MS: i64 = 60_000;

/// Reads only, so that an idle sweep writes nothing.
const ANY_FAR: &str = "SELECT id FROM jobs WHERE state = 'queued' AND run_at > $1
    UNION ALL SELECT id FROM jobs WHERE state = 'running' AND lease_until > $2 LIMIT 1";

/// Rows that another transaction is changing are handled at the next sweep, here and below.
const DUE: Sql = sql!(
    "UPDATE jobs SET run_at = $1 WHERE id IN (
        SELECT id FROM jobs WHERE state = 'queued' AND run_at > $2 ORDER BY id" [FOR UPDATE SKIP LOCKED] ")"
);

const LEASED: Sql = sql!(
    "UPDATE jobs SET lease_until = $1 WHERE id IN (
        SELECT id FROM jobs WHERE state = 'running' AND lease_until > $1 ORDER BY id" [FOR UPDATE SKIP LOCKED] ")"
);

impl Queue {
    /// Makes jobs due that rest longer than any job does, and shortens leases that are longer than any is given: their
    /// moments are from a clock that was ahead. Answers how many. Call it every few seconds.
    pub async fn pull_back(&self, now: Timestamp) -> Result<u64> {
        let (rest, lease) = (now.plus_ms(BEYOND_MS), now.plus_ms(LONGEST_LEASE_MS));
        if self.db.opt(ANY_FAR, args![rest, lease]).await?.is_none() {
            return Ok(0);
        }
        let due = self.db.execute(self.db.pick(DUE), args![now, rest]).await?;
        if due > 0 {
            self.wake();
        }
        Ok(due + self.db.execute(self.db.pick(LEASED), args![lease]).await?)
    }
}
