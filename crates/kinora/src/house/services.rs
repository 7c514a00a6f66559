//! Long-running parts: started together, stopped together; one that breaks stops all.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
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

    /// A watch that follows another one in a different shape. It is a part like the others: what it tells of may be a
    /// secret that is no longer valid, so the process does not continue without it.
    pub(crate) fn follow<A, B>(
        &mut self,
        name: &'static str,
        mut from: watch::Receiver<A>,
        shape: impl Fn(&A) -> B + Send + 'static,
    ) -> watch::Receiver<B>
    where
        A: Send + Sync + 'static,
        B: Send + Sync + 'static,
    {
        let (to, watched) = watch::channel(shape(&from.borrow_and_update()));
        self.start(name, |stop| async move {
            while let Some(changed) = stop.run_until_cancelled(from.changed()).await {
                changed.context("the channel of changes was closed")?;
                to.send_replace(shape(&from.borrow_and_update()));
            }
            Ok(())
        });
        watched
    }

    /// Runs until `stop` or until a part ends by itself, which is an error; then waits for the others, but not longer
    /// than `time_limit`.
    pub(crate) async fn run(
        mut self,
        stop: impl Future<Output = anyhow::Result<()>>,
        time_limit: Duration,
    ) -> anyhow::Result<()> {
        let mut outcome = tokio::select! {
            stopped = stop => stopped,
            ended = self.tasks.join_next() => match ended {
                None => Ok(()),
                Some(ended) => {
                    let (name, result) = ended.context("a service failed")?;
                    result.with_context(|| format!("{name} failed"))
                        .and_then(|()| Err(anyhow!("{name} stopped unexpectedly")))
                }
            },
        };
        self.shutdown.cancel();
        let waiting = async {
            while let Some(ended) = self.tasks.join_next().await {
                let ended = ended.context("a service failed while stopping").and_then(|(name, result)| {
                    result.with_context(|| format!("{name} failed while stopping"))
                });
                if let Err(error) = ended
                    && outcome.is_ok()
                {
                    outcome = Err(error);
                }
            }
        };
        if tokio::time::timeout(time_limit, waiting).await.is_err() {
            tracing::warn!(parts = self.tasks.len(), "services that did not stop in time were aborted");
        }
        outcome
    }
}

/// Ends on Ctrl-C or SIGTERM.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_LIMIT: Duration = Duration::from_secs(20);

    fn services() -> Services {
        Services::new(CancellationToken::new())
    }

    #[tokio::test]
    async fn what_is_followed_takes_its_shape() {
        let (to, from) = watch::channel(1);
        let mut services = services();
        let mut doubled = services.follow("doubled", from, |n| n * 2);
        assert_eq!(*doubled.borrow(), 2);
        to.send_replace(21);
        let stop = async {
            doubled.wait_for(|n| *n == 42).await?;
            Ok(())
        };
        services.run(stop, TIME_LIMIT).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_goes_on_when_what_it_follows_has_ended() {
        let (to, from) = watch::channel(1);
        let mut services = services();
        let _blind = services.follow("secret", from, |n| *n);
        drop(to);
        let ended = services.run(std::future::pending(), TIME_LIMIT).await.unwrap_err();
        assert!(ended.to_string().contains("secret failed"), "{ended:#}");
    }

    #[tokio::test]
    async fn nothing_goes_on_when_a_shape_cannot_be_made() {
        let (to, from) = watch::channel(1);
        let mut services = services();
        let _blind = services.follow("secret", from, |n| {
            assert!(*n == 1, "{n} has no shape");
            *n
        });
        to.send_replace(2);
        let ended = services.run(std::future::pending(), TIME_LIMIT).await.unwrap_err();
        assert!(format!("{ended:#}").contains("panicked"), "{ended:#}");
    }
}
