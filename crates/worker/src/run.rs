//! The loop of a worker: claim, have it done, claim again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jobs::{Claim, Presence};
use pipeline::Work;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::attend::Attendant;
use crate::clock::{LEASE, LOOK};
use crate::sources::Sources;
use crate::task;
use crate::turn::Turn;
use crate::worker::Worker;

/// How often a worker says that it is there.
const PRESENT: Duration = Duration::from_secs(5);
impl Worker {
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
            ended.context("a worker slot failed")?;
        }
        if let Err(error) = remove(&worker.scratch).await {
            let folder = worker.scratch.display();
            tracing::warn!(%folder, %error, "cannot remove the scratch folder before the next start");
        }
        Ok(())
    }
}

/// Makes the scratch folder. It waits while the disk is full: viewers need no space.
async fn make(scratch: &Path) -> io::Result<()> {
    loop {
        match tokio::fs::create_dir_all(scratch).await {
            Err(error) if model::fault::is_full(&error) => tokio::time::sleep(LOOK).await,
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
        if let Err(error) = worker.queue.present(worker.queue.now(), &presence).await {
            tracing::warn!(
                error = %model::Chain(&error),
                "worker heartbeat failed"
            );
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(PRESENT) => {}
        }
    }
    // Otherwise the worker's silence shows it.
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
        match worker.queue.claim(worker.queue.now(), &claim).await {
            Ok(Some(lease)) => {
                let turn = Turn::new(&lease, &shutdown);
                // It is large: on the heap it is not moved about.
                let task = Box::pin(task::run(&worker, &sources, &turn));
                attendant.attend(&turn, task).await;
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::error!(error = %model::Chain(&error), "cannot claim a job"),
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = hints.wait(LOOK) => {}
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
