//! Long-running parts: started together, stopped together; one that breaks stops all.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The running parts of this process.
pub(crate) struct Services {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: CancellationToken,
}

impl Services {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), shutdown }
    }

    /// Starts a part; it gets the token that tells it to stop.
    pub(crate) fn start<F, R>(&mut self, name: &'static str, part: F)
    where
        F: FnOnce(CancellationToken) -> R,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let running = part(self.shutdown.clone());
        self.tasks.spawn(async move { (name, running.await) });
    }

    /// Runs until `stop` or until a part ends by itself, which is an error; then waits for the others, but not longer
    /// than `patience`.
    pub(crate) async fn run(
        mut self,
        stop: impl Future<Output = anyhow::Result<()>>,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let mut outcome = tokio::select! {
            stopped = stop => stopped,
            ended = self.tasks.join_next() => match ended {
                None => Ok(()),
                Some(ended) => {
                    let (name, result) = ended.context("a part broke")?;
                    result.with_context(|| format!("{name} broke"))
                        .and_then(|()| Err(anyhow!("{name} ended by itself")))
                }
            },
        };
        self.shutdown.cancel();
        let waiting = async {
            while let Some(ended) = self.tasks.join_next().await {
                let ended = ended.context("a part broke while stopping").and_then(|(name, result)| {
                    result.with_context(|| format!("{name} broke while stopping"))
                });
                if let Err(error) = ended
                    && outcome.is_ok()
                {
                    outcome = Err(error);
                }
            }
        };
        if tokio::time::timeout(patience, waiting).await.is_err() {
            tracing::warn!(parts = self.tasks.len(), "parts that did not stop in time were broken off");
        }
        outcome
    }
}
