//! Waking waiting workers.

use std::time::Duration;

use tokio::sync::watch;

/// Tells a waiting worker that a claim may succeed now. Hints are only hints: the database is the truth, so waiting
/// is always bounded by a time after which the worker looks by itself.
#[derive(Debug)]
pub struct Hints(watch::Receiver<()>);

impl Hints {
    /// Waits for a hint that was given since the last call (or since the hints were made), at most this long.
    /// Cancel-safe: no hint is lost between a claim that found nothing and this call.
    pub async fn wait(&mut self, at_most: Duration) {
        match tokio::time::timeout(at_most, self.0.changed()).await {
            Ok(Ok(())) | Err(_) => {}
            // There are no more hints; time still passes.
            Ok(Err(_)) => tokio::time::sleep(at_most).await,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Hinter(watch::Sender<()>);

impl Hinter {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    pub(crate) fn hint(&self) {
        self.0.send_replace(());
    }

    pub(crate) fn hints(&self) -> Hints {
        Hints(self.0.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hint_before_the_wait_is_not_lost() {
        let hinter = Hinter::new();
        let mut hints = hinter.hints();
        hinter.hint();
        hints.wait(Duration::MAX).await;
        hints.wait(Duration::from_millis(1)).await;
    }
}
