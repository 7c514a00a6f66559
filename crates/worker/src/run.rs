//! The loop of a worker: claim, run, keep the lease alive, hand in or give back.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use blob::Blob;
use encode::{Jail, Tools, first_frame};
use jobs::{Claim, Lease, Presence, Queue, Wait};
use model::{Timestamp, WaitsFor};
use pipeline::{Pipeline, Work};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::sources::Sources;
use crate::task::{self, Report, Stop};

/// How long a silent worker keeps its job.
const LEASE: Duration = Duration::from_secs(30);
/// How often a running job says that it lives and how far it is.
const BEAT: Duration = Duration::from_secs(1);
/// How long a free slot may take to claim what is due, before pictures give way to it.
const CLAIMED: Duration = Duration::from_millis(250);
/// Why pictures are put back that gave way.
const GIVES_WAY: &str = "gives way to what somebody waits for";
/// How often a worker says that it is there.
const PRESENT: Duration = Duration::from_secs(5);
/// How often the queue is looked at when nothing was announced.
const LOOK: Duration = Duration::from_secs(1);

/// A worker in this process, with as many slots as configured. A service.
#[derive(Debug)]
pub struct Worker {
    pub(crate) name: String,
    pub(crate) slots: usize,
    pub(crate) queue: Queue,
    pub(crate) pipeline: Pipeline,
    pub(crate) blob: Blob,
    pub(crate) tools: Tools,
    pub(crate) jail: Jail,
    pub(crate) scratch: PathBuf,
    pub(crate) headers: first_frame::Known,
}

impl Worker {
    /// Makes a worker. `name` is unique among running workers; `scratch` is a folder of its own, emptied at the start.
    #[expect(clippy::too_many_arguments, reason = "the binary wires every part here, once")]
    pub fn new(
        name: String,
        config: &Config,
        queue: Queue,
        pipeline: Pipeline,
        blob: Blob,
        tools: Tools,
        jail: Jail,
        scratch: PathBuf,
    ) -> Self {
        let headers = first_frame::Known::default();
        Self { name, slots: config.slots, queue, pipeline, blob, tools, jail, scratch, headers }
    }

    /// Runs until told to stop; running jobs are given back.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        // Whatever is there belonged to a process that is gone.
        remove(&self.scratch).await.with_context(|| {
            format!("cannot remove what is left of an earlier process: {}", self.scratch.display())
        })?;
        make(&self.scratch).await.context("cannot make the scratch folder")?;
        let sources = Arc::new(Sources::new(self.blob.clone(), self.scratch.clone()));
        let worker = Arc::new(self);
        let mut slots = JoinSet::new();
        slots.spawn(present(worker.clone(), shutdown.clone()));
        for n in 0..worker.slots {
            let name = format!("{}/{n}", worker.name);
            // Pictures take long and nobody waits for them: they leave the other slots free, and this one to what is
            // waited for.
            let kinds: &[&str] = if n == 0 { &Work::KINDS } else { &Work::AWAITED };
            slots.spawn(slot(worker.clone(), name, kinds, sources.clone(), shutdown.clone()));
        }
        while let Some(ended) = slots.join_next().await {
            ended.context("a slot of the worker broke")?;
        }
        if let Err(error) = remove(&worker.scratch).await {
            let folder = worker.scratch.display();
            tracing::warn!(%folder, %error, "the scratch folder stays until the next start");
        }
        Ok(())
    }
}

/// Makes the scratch folder. A disk that is full is waited for: whoever watches needs no room.
async fn make(scratch: &Path) -> io::Result<()> {
    loop {
        match tokio::fs::create_dir_all(scratch).await {
            Err(error) if matches!(Stop::disk(&error), Stop::Held { .. }) => tokio::time::sleep(LOOK).await,
            other => return other,
        }
    }
}

/// Removes a folder with all that is in it, if it is there.
async fn remove(folder: &Path) -> io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Says that this worker is there, until told to stop.
async fn present(worker: Arc<Worker>, shutdown: CancellationToken) {
    let presence = Presence {
        name: worker.name.clone(),
        capability: worker.tools.fingerprint(),
        slots: worker.slots as u64,
    };
    while !shutdown.is_cancelled() {
        if let Err(error) = worker.queue.present(now(), &presence).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "nobody learns that this worker is there"
            );
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PRESENT) => {}
        }
    }
    // Whoever looks next learns it from the silence otherwise.
    let _ = worker.queue.leave(&presence.name).await;
}

async fn slot(
    worker: Arc<Worker>,
    name: String,
    kinds: &'static [&'static str],
    sources: Arc<Sources>,
    shutdown: CancellationToken,
) {
    let fingerprint = worker.tools.fingerprint();
    let claim = Claim { worker: &name, kinds, capabilities: &[&fingerprint], lease: LEASE };
    let mut hints = worker.queue.hints();
    while !shutdown.is_cancelled() {
        match worker.queue.claim(now(), &claim).await {
            Ok(Some(lease)) => {
                one(&worker, &sources, &lease, &shutdown).await;
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "no job can be claimed"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = hints.wait(LOOK) => {}
        }
    }
}

/// The one clock of this crate.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// Runs one job to its end, whatever that is.
///
/// Every line of it names the job: the span is of the highest level, so that it is there however few lines are wanted.
#[tracing::instrument(level = "error", name = "job", skip_all, fields(job = %lease.job, kind = lease.kind))]
async fn one(worker: &Worker, sources: &Sources, lease: &Lease, shutdown: &CancellationToken) {
    let cancel = shutdown.child_token();
    let report = Report::default();
    let begun = Instant::now();
    let result = tokio::select! {
        result = task::run(worker, sources, lease, &report, &cancel) => result,
        // Polled beside the task, never instead of it: the task may hold the transaction that a beat waits for.
        never = beat(worker, lease, &report, &cancel) => match never {},
        never = give_way(worker, lease, &cancel) => match never {},
    };
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(ms, attempt = lease.attempt, end = end(&result, &cancel), "job left");
    let Err(stop) = result else { return };
    if let Stop::Failed { fault, .. } = &stop
        && !cancel.is_cancelled()
    {
        tracing::warn!(?fault, "job failed");
    }
    // On a full disk this is not written either; when there is room the job goes on at once.
    loop {
        match tell(worker, lease, &stop, &cancel, shutdown).await {
            Ok(()) | Err(pipeline::Error::Jobs(jobs::Error::LeaseLost { .. })) => return,
            Err(error) if error.is_full() && !shutdown.is_cancelled() => {
                let _ = shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                return tracing::error!(error, "the end of a job is not written down");
            }
        }
    }
}

/// Writes down why a job did not end well, and what becomes of it.
async fn tell(
    worker: &Worker,
    lease: &Lease,
    stop: &Stop,
    cancel: &CancellationToken,
    shutdown: &CancellationToken,
) -> pipeline::Result<()> {
    match stop {
        // Stopped by us, so nothing is held against it; where the lease was lost, this changes nothing.
        _ if cancel.is_cancelled() => {
            let why = if shutdown.is_cancelled() { "the worker was stopped" } else { GIVES_WAY };
            Ok(worker.queue.put_back(lease, now(), why).await?)
        }
        Stop::Held { why } => {
            let wait = Wait { until: now().plus_ms(pipeline::HOLD_MS), waits_for: WaitsFor::Room, why };
            Ok(worker.queue.hold_up(lease, &wait).await?)
        }
        Stop::Rejected { title, reason } => worker.pipeline.rejected(lease, *title, reason).await,
        Stop::Failed { fault, log } => worker.pipeline.failed(lease, fault, log).await,
    }
}

/// How a job ended, in a word for the log.
fn end(result: &Result<(), Stop>, cancel: &CancellationToken) -> &'static str {
    match result {
        Ok(()) => "done",
        Err(_) if cancel.is_cancelled() => "put back",
        Err(Stop::Held { .. }) => "held",
        Err(Stop::Rejected { .. }) => "rejected",
        Err(Stop::Failed { .. }) => "failed",
    }
}

/// Says every second that the job lives, and cancels it when its lease is lost.
async fn beat(worker: &Worker, lease: &Lease, report: &Report, cancel: &CancellationToken) -> Infallible {
    let mut interval = tokio::time::interval(BEAT);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        match worker.queue.progress(now(), lease, &report.now()).await {
            Ok(()) => {}
            Err(jobs::Error::LeaseLost { .. }) => {
                tracing::warn!("lease lost");
                cancel.cancel();
                // The task notices and ends; there is nothing more to say.
                std::future::pending::<()>().await;
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the lease is not renewed")
            }
        }
    }
}

/// Cancels pictures when work is due that somebody waits for and no slot takes it.
async fn give_way(worker: &Worker, lease: &Lease, cancel: &CancellationToken) -> Infallible {
    if lease.kind != Work::PICTURES {
        return std::future::pending().await;
    }
    let mut hints = worker.queue.hints();
    loop {
        hints.wait(LOOK).await;
        if !urgent(worker).await {
            continue;
        }
        // Work that became due by the clock was announced to nobody.
        worker.queue.wake();
        tokio::time::sleep(CLAIMED).await;
        if urgent(worker).await {
            cancel.cancel();
            // The task notices and ends.
            return std::future::pending().await;
        }
    }
}

/// Whether work is due that somebody waits for.
async fn urgent(worker: &Worker) -> bool {
    let fingerprint = worker.tools.fingerprint();
    let claim =
        Claim { worker: &worker.name, kinds: &Work::AWAITED, capabilities: &[&fingerprint], lease: LEASE };
    match worker.queue.next_priority(now(), &claim).await {
        Ok(priority) => priority.is_some_and(|priority| priority >= Work::URGENT),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "nobody knows what is due");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_removed_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (scratch, file) = (folder.path().join("scratch"), folder.path().join("file"));
        remove(&scratch).await.unwrap();
        tokio::fs::create_dir_all(scratch.join("deep")).await.unwrap();
        tokio::fs::write(&file, b"").await.unwrap();
        remove(&scratch).await.unwrap();
        assert!(!scratch.exists());
        assert!(remove(&file.join("below")).await.is_err() && remove(&file).await.is_err());
    }
}
