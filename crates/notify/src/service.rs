//! The service that delivers the outbox.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::jitter::random_byte;
use crate::{Error, Item, Mail, Notifier, Outbox, Result};

/// How long a claimed message is ours; after that another process may try it.
const LEASE_MS: i64 = 30_000;
/// Longest time one sending may take. Shorter than the lease, so that no two processes send at the same time.
const SENDING: Duration = Duration::from_secs(25);
/// Messages under way at once.
const WIDTH: usize = 8;
/// How often the outbox is polled without a hint.
const POLL: Duration = Duration::from_secs(1);
/// Longest pause between two tries of a message.
const MAX_BACKOFF_MS: i64 = 30_000;

/// Writes the mail for a queued message; `None` when there is nothing to say any more.
pub type Render = Arc<dyn Fn(&Item) -> Option<Mail> + Send + Sync>;

/// Delivers queued messages until it is told to stop. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    outbox: Outbox,
    notifier: Arc<dyn Notifier>,
    render: Render,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("notifier", &self.notifier).finish_non_exhaustive()
    }
}

impl Service {
    /// Makes the service of one process; several processes may deliver the same outbox.
    pub fn new(outbox: Outbox, notifier: Arc<dyn Notifier>, render: Render) -> Self {
        Self { outbox, notifier, render }
    }

    /// Delivers until `shutdown`; messages under way are finished first. A failing database is tried again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut sending = JoinSet::new();
        while !shutdown.is_cancelled() {
            while let Some(done) = sending.try_join_next() {
                settled(done);
            }
            let free = WIDTH - sending.len();
            if free > 0 {
                let now = self.outbox.now();
                match self.claim(now, free).await {
                    Ok(items) => {
                        for item in items {
                            let service = self.clone();
                            sending.spawn(async move { service.deliver(&item, now).await });
                        }
                    }
                    Err(error) => note(&error),
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.outbox.woken() => {}
                Some(done) = sending.join_next() => settled(done),
                () = tokio::time::sleep(POLL) => {}
            }
        }
        while let Some(done) = sending.join_next().await {
            settled(done);
        }
        Ok(())
    }

    /// Delivers what is due at `now`, as much as is sent at once, and drops what expired; answers how many messages
    /// it took.
    pub async fn deliver_due(&self, now: Timestamp) -> Result<usize> {
        let items = self.claim(now, WIDTH).await?;
        let taken = items.len();
        let mut sending = JoinSet::new();
        for item in items {
            let service = self.clone();
            sending.spawn(async move { service.deliver(&item, now).await });
        }
        for done in sending.join_all().await {
            done?;
        }
        Ok(taken)
    }

    async fn claim(&self, now: Timestamp, limit: usize) -> Result<Vec<Item>> {
        if !self.outbox.is_due(now).await? {
            return Ok(Vec::new());
        }
        let dropped = self.outbox.drop_expired(now).await?;
        if dropped > 0 {
            tracing::warn!(dropped, "messages expired before they could be sent");
        }
        self.outbox.claim(now, LEASE_MS, u32::try_from(limit).unwrap_or(1)).await
    }

    /// Sends one message that was claimed at `now`, and settles it.
    async fn deliver(&self, item: &Item, now: Timestamp) -> Result<()> {
        let begun = Instant::now();
        let sent = match (self.render)(item) {
            Some(mail) => {
                let sending = tokio::time::timeout(SENDING, self.notifier.send(&item.id, &mail, now));
                sending.await.unwrap_or(Err(Error::TimedOut))
            }
            None => Ok(()),
        };
        let took = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = now.plus_ms(took);
        let tries = item.tries;
        match sent {
            Ok(()) => self.outbox.sent(item, now).await,
            Err(error) if error.is_permanent() => {
                tracing::error!(error = %model::Chain(&error), ?item, tries, "message dropped");
                self.outbox.failed(item, now).await
            }
            Err(error) => {
                tracing::warn!(error = %model::Chain(&error), ?item, tries, "message not sent");
                self.outbox.retry(item, now.plus_ms(backoff_ms(tries, random_byte()))).await
            }
        }
    }
}

/// A message that panics is retried like one that fails: the others are still sent.
fn settled(done: Result<Result<()>, JoinError>) {
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => note(&error),
        Err(error) => note(&error),
    }
}

fn note(error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(error = %model::Chain(error), "cannot deliver the outbox");
}

/// 0.5 s, 1 s, 2 s, … up to the limit, of which the jitter takes away up to a half: what failed together does not
/// come back together.
fn backoff_ms(tries: u32, jitter: u8) -> i64 {
    let whole = (250_i64 << tries.clamp(1, 16)).min(MAX_BACKOFF_MS);
    whole - whole / 2 * i64::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        assert_eq!([1, 2, 3, 99].map(|n| backoff_ms(n, 0)), [500, 1000, 2000, MAX_BACKOFF_MS]);
        assert_eq!([1, 2, 3, 99].map(|n| backoff_ms(n, 255)), [250, 500, 1000, MAX_BACKOFF_MS / 2]);
    }
}
