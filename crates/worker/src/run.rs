//! The loop of a worker: claim, have it done, claim again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use blob::Blob;
use encode::{Jail, Runner, Tools, first_frame};
use jobs::{Claim, Presence, Queue};
use model::Timestamp;
use pipeline::{Pipeline, Work};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::attend::Attendant;
use crate::sources::Sources;
use crate::task;
use crate::turn::Turn;

/// How long a silent worker keeps its job.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How often a worker says that it is there.
const PRESENT: Duration = Duration::from_secs(5);
/// How often the queue is looked at when nothing was announced.
pub(crate) const LOOK: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1000 });

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

    /// What runs this worker's tools; `cancel` kills them.
    pub(crate) fn runner<'a>(&'a self, cancel: &'a CancellationToken) -> Runner<'a> {
        Runner { tools: &self.tools, jail: &self.jail, cancel }
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
            Err(error) if db::is_full(&error) => tokio::time::sleep(LOOK).await,
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
                error = %model::Chain(&error),
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
    let attendant = Attendant {
        fingerprint: worker.tools.fingerprint(),
        queue: worker.queue.clone(),
        pipeline: worker.pipeline.clone(),
    };
    let claim = Claim { worker: &name, kinds, capabilities: &[&attendant.fingerprint], lease: LEASE };
    let mut hints = worker.queue.hints();
    while !shutdown.is_cancelled() {
        match worker.queue.claim(now(), &claim).await {
            Ok(Some(lease)) => {
                let turn = Turn::new(&lease, &shutdown);
                // It is large: on the heap it is not moved about.
                let task = Box::pin(task::run(&worker, &sources, &turn));
                attendant.attend(&turn, task).await;
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(error = %model::Chain(&error), "no job can be claimed"),
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
