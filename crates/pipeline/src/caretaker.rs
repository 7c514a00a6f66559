//! Titles never hang: a job whose worker went silent is tried again, or ends and its title with it. What viewers
//! wanted and want no more gets its usual place back.

use std::time::{Duration, Instant};

use model::{Timestamp, TitleId, WaitsFor};
use tokio_util::sync::CancellationToken;

use crate::{Error, Pipeline, Result};

/// How often leases are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked what all the jobs that wait are waiting for, in looks.
const SELDOM: u32 = 5;
/// How long work is due before anyone says that nobody can do it, in ms: workers may just be starting.
const PATIENCE_MS: i64 = 30_000;
/// Looks at leases that are left out when the database refused one or kept it waiting, or when this process slept:
/// workers could not say either that they live, and what their jobs came to; they may do so first.
const SPARED: u32 = 10;
/// How long a look may take before it takes nothing back any more.
const STALLED: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 2000 });
/// More between two looks, by the clock that leases run by, and the machine was asleep, or that clock was put forward.
const SLEPT_MS: i64 = 10_000;

/// Looks after jobs whose workers went silent. A service.
#[derive(Debug)]
pub struct Caretaker {
    pub(crate) pipeline: Pipeline,
}

impl Caretaker {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut rota = Rota { last: self.pipeline.db.now(), spared: 0 };
        for look in (0..SELDOM).cycle() {
            if rota.is_due(self.pipeline.db.now())
                && let Err(error) = self.pipeline.look_after().await
            {
                tracing::error!(error = %model::Chain(&error), "cannot check leases");
                rota.spared = SPARED;
            }
            if look == 0
                && let Err(error) = self.pipeline.look_around().await
            {
                tracing::warn!(error = %model::Chain(&error), "cannot check waiting titles");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(())
    }
}

/// When leases are looked at.
struct Rota {
    /// When it was asked last.
    last: Timestamp,
    /// Looks that are left out.
    spared: u32,
}

impl Rota {
    fn is_due(&mut self, now: Timestamp) -> bool {
        let passed_ms = now.0.saturating_sub(self.last.0);
        self.last = now;
        if passed_ms > SLEPT_MS {
            tracing::warn!(passed_ms, "leases were not checked for long: workers may renew them first");
            self.spared = SPARED;
        }
        let due = self.spared == 0;
        self.spared = self.spared.saturating_sub(1);
        due
    }
}

impl Pipeline {
    /// Takes back jobs whose leases ran out, and forgets what nobody waits for any more; answers how many jobs were
    /// taken back. [`Error::Stalled`] if it had to wait so long that workers may have had to wait as well.
    pub async fn look_after(&self) -> Result<usize> {
        let begun = Instant::now();
        self.jobs.settle(self.db.now()).await?;
        let mut taken = 0;
        while self.jobs.has_expired(self.db.now()).await? {
            let mut tx = self.db.begin().await?;
            let waited = begun.elapsed();
            if waited > STALLED {
                return Err(Error::Stalled { waited });
            }
            let released = self.jobs.expire(&mut tx, self.db.now()).await?;
            taken += self.tell(tx, released).await?;
        }
        Ok(taken)
    }

    /// Looks at all that waits, so that none of it waits for a clock that was set back or a worker that is not there
    /// without anybody being told.
    async fn look_around(&self) -> Result<()> {
        let jobs = self.jobs.pull_back(self.db.now()).await?;
        if jobs > 0 {
            tracing::warn!(jobs, "the clock was set back: waiting jobs were rescheduled");
        }
        self.note_stranded(self.db.now()).await
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
                "no encoding worker is running: start one (`worker.slots` above 0)".to_owned()
            } else {
                format!(
                    "no running worker has the encoder that this encode started with ({capability}): re-encode it with \
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
        let released = self.jobs.release_worker(&mut tx, self.db.now(), worker).await?;
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

#[cfg(test)]
mod tests {
    use blob::Blob;
    use catalogue::Catalogue;
    use jobs::{Claim, New, Progress, Queue};
    use serde_json::json;

    use super::*;

    #[test]
    fn who_may_have_slept_as_well_may_renew_leases_first() {
        let mut rota = Rota { last: Timestamp(0), spared: 0 };
        let mut due = |seconds: i64| rota.is_due(Timestamp(seconds * 1000));
        assert!(due(1) && due(2) && due(11), "a slow look");
        for looks in 0..SPARED {
            assert!(!due(43 + i64::from(looks)), "the machine was asleep");
        }
        assert!(due(53));
        assert!(due(-3600) && due(-3599), "a clock that is set back makes no lease run out");
        assert!(!due(2));
    }

    /// Nobody can write, and so no worker can say that it lives.
    #[tokio::test]
    async fn a_database_that_stalls_costs_no_worker_its_job() {
        for test in db::testing::databases(&[blob::MIGRATIONS, jobs::MIGRATIONS, catalogue::MIGRATIONS]).await
        {
            if test.engine() == db::Engine::Postgres {
                continue; // No transaction keeps another one from beginning.
            }
            let folder = db::testing::in_memory();
            let blob = Blob::open(test.db.clone(), folder.path()).await.unwrap();
            let queue = Queue::new(test.db.clone());
            let catalogue = Catalogue::open(test.db.clone()).await.unwrap();
            let pipeline = Pipeline::new(test.db.clone(), blob, queue.clone(), catalogue, Vec::new());
            let mut tx = test.db.begin().await.unwrap();
            queue.enqueue(&mut tx, queue.now(), &New::job("chunk", json!({}))).await.unwrap();
            tx.commit().await.unwrap();
            let claim = Claim { worker: "up/0", kinds: &["chunk"], capabilities: &[], lease: Duration::ZERO };
            let lease = queue.claim(queue.now(), &claim).await.unwrap().unwrap();

            let writer = test.db.begin().await.unwrap();
            let stall = async {
                tokio::time::sleep(2 * STALLED).await;
                drop(writer);
            };
            let (looked, ()) = tokio::join!(pipeline.look_after(), stall);
            assert!(matches!(looked, Err(Error::Stalled { .. })), "{looked:?}");
            queue.progress(queue.now(), &lease, &Progress::default()).await.unwrap();
        }
    }
}
