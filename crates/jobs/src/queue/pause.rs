//! Kinds of jobs that nobody may take for now.

use db::args;
use model::Timestamp;

use super::Queue;
use crate::Result;

/// A kind of jobs that is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The paused kind.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
}

impl Queue {
    /// Hands out no more jobs of a kind, on any machine and also after a restart, until [`Queue::resume`]. Running jobs
    /// continue. Answers whether that is new.
    pub async fn pause(&self, now: Timestamp, kind: &str) -> Result<bool> {
        let sql = "INSERT INTO job_pauses (kind, since) VALUES ($1, $2) ON CONFLICT (kind) DO NOTHING";
        Ok(self.db.execute(sql, args![kind, now]).await? == 1)
    }

    /// Hands out jobs of a kind again; answers whether they were paused.
    pub async fn resume(&self, kind: &str) -> Result<bool> {
        let resumed = self.db.execute("DELETE FROM job_pauses WHERE kind = $1", args![kind]).await? == 1;
        self.wake();
        Ok(resumed)
    }

    /// Lists what is paused.
    pub async fn pauses(&self) -> Result<Vec<Pause>> {
        let rows = self.db.all("SELECT kind, since FROM job_pauses ORDER BY kind", args![]).await?;
        rows.iter().map(|row| Ok(Pause { kind: row.get("kind")?, since: row.get("since")? })).collect()
    }
}
