//! Titles never hang: a job whose worker went silent is tried again, or ends and its title with it. What viewers
//! wanted and want no more gets its usual place back.

use std::time::Duration;

use model::{Timestamp, TitleId, WaitsFor};
use tokio_util::sync::CancellationToken;

use crate::{Pipeline, Result, now};

/// How often leases are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether there are workers for all that waits, in looks.
const STRANDED: u32 = 5;
/// How long work is due before anyone says that nobody can do it, in ms: workers may just be starting.
const PATIENCE_MS: i64 = 30_000;
/// Looks at leases that are left out when the database refused one: workers could not say either that they live, and
/// what their jobs came to; they may do so first.
const SPARED: u32 = 10;

/// Looks after jobs whose workers went silent. A service.
#[derive(Debug)]
pub struct Caretaker {
    pub(crate) pipeline: Pipeline,
}

impl Caretaker {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut spared = 0;
        for look in (0..STRANDED).cycle() {
            if spared > 0 {
                spared -= 1;
            } else if let Err(error) = self.pipeline.look_after().await {
                tracing::error!(error = &error as &dyn std::error::Error, "leases are not looked after");
                spared = SPARED;
            }
            if look == 0
                && let Err(error) = self.pipeline.note_stranded(now()).await
            {
                tracing::warn!(error = &error as &dyn std::error::Error, "workers are not looked at");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
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

    /// Titles that wait for an encoder which no worker there is has, and which one: the bytes of a title are all made by
    /// one version of it. Workers that are just starting are waited for.
    pub async fn stranded(&self, now: Timestamp) -> Result<Vec<(TitleId, String)>> {
        Ok(self.jobs.stranded(now, now.plus_ms(-PATIENCE_MS)).await?)
    }

    /// Says of titles that no worker there is can encode why they wait, and of others that they do no more.
    pub async fn note_stranded(&self, now: Timestamp) -> Result<()> {
        let stranded = self.stranded(now).await?;
        let others = if stranded.is_empty() { Vec::new() } else { self.jobs.workers(now).await? };
        for (title, capability) in &stranded {
            let why = if others.is_empty() {
                "no worker is running that encodes: start one (`worker.slots` above 0)".to_owned()
            } else {
                format!(
                    "no worker that is running has the encoder this was begun with ({capability}): encode it anew with \
                     `kinora title reencode {title}`, or start a worker with that encoder"
                )
            };
            self.catalogue.begin_waiting(*title, WaitsFor::Worker, &why).await?;
        }
        for title in self.catalogue.titles_that_wait_for(WaitsFor::Worker).await? {
            if stranded.iter().all(|(other, _)| *other != title) {
                self.catalogue.end_waiting(title, WaitsFor::Worker).await?;
            }
        }
        Ok(())
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
