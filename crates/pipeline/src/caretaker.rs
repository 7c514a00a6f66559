//! Titles never hang: a job whose worker went silent is tried again, or ends and its title with it. What viewers
//! wanted and want no more gets its usual place back.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Pipeline, Result, now};

/// How often leases are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks after jobs whose workers went silent. A service.
#[derive(Debug)]
pub struct Caretaker {
    pub(crate) pipeline: Pipeline,
}

impl Caretaker {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            if let Err(error) = self.pipeline.look_after().await {
                tracing::error!(error = &error as &dyn std::error::Error, "leases are not looked after");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl Pipeline {
    /// Takes back jobs whose leases ran out, and forgets what nobody waits for any more; answers how many jobs were
    /// taken back.
    pub async fn look_after(&self) -> Result<usize> {
        self.jobs.settle(now()).await?;
        let mut taken = 0;
        while self.jobs.has_expired(now()).await? {
            let mut tx = self.db.begin().await?;
            let released = self.jobs.expire(&mut tx, now()).await?;
            taken += self.tell(tx, released).await?;
        }
        Ok(taken)
    }

    /// Takes back what a process of that name held before it died: for the start of its successor.
    pub async fn succeed(&self, worker: &str) -> Result<usize> {
        let mut tx = self.db.begin().await?;
        let released = self.jobs.release_worker(&mut tx, now(), worker).await?;
        self.tell(tx, released).await
    }

    async fn tell(&self, mut tx: db::Tx, released: jobs::Released) -> Result<usize> {
        for ended in &released.ended {
            self.ended(&mut tx, ended).await?;
        }
        tx.commit().await?;
        self.jobs.wake();
        self.changes.send_replace(());
        Ok(released.again.len() + released.ended.len())
    }
}
