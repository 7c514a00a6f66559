//! The service that delivers the outbox.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{Item, Mail, Mailbox, Outbox, Result};

/// How long a claimed message is ours; after that another delivery may try it.
const LEASE_MS: i64 = 30_000;
/// Messages taken at once.
const BATCH: u32 = 32;
/// How often the outbox is looked at without a hint.
const POLL: Duration = Duration::from_secs(1);
/// Longest pause between two tries of a message.
const MAX_BACKOFF_MS: i64 = 30_000;

/// Writes the mail for a queued message; `None` when there is nothing to say any more.
pub type Render = Arc<dyn Fn(&Item) -> Option<Mail> + Send + Sync>;

/// Delivers queued messages until it is told to stop.
pub struct Service {
    outbox: Outbox,
    mailbox: Mailbox,
    render: Render,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("mailbox", &self.mailbox).finish_non_exhaustive()
    }
}

impl Service {
    /// Makes the service of one process; several processes may deliver the same outbox.
    pub fn new(outbox: Outbox, mailbox: Mailbox, render: Render) -> Self {
        Self { outbox, mailbox, render }
    }

    /// Delivers until `shutdown`; a message under way is finished first. A failing database is tried again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        while !shutdown.is_cancelled() {
            let now = Timestamp(jiff::Timestamp::now().as_millisecond());
            match self.deliver_due(now).await {
                Ok(n) if n == BATCH as usize => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "outbox not delivered")
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.outbox.woken() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        Ok(())
    }

    /// Delivers one batch of what is due at `now` and drops what expired; answers how many messages it took.
    pub async fn deliver_due(&self, now: Timestamp) -> Result<usize> {
        let dropped = self.outbox.drop_expired(now).await?;
        if dropped > 0 {
            tracing::warn!(dropped, "messages expired before they could be sent");
        }
        let items = self.outbox.claim(now, LEASE_MS, BATCH).await?;
        for item in &items {
            self.deliver(item, now).await?;
        }
        Ok(items.len())
    }

    async fn deliver(&self, item: &Item, now: Timestamp) -> Result<()> {
        let sent = match (self.render)(item) {
            Some(mail) => self.mailbox.send(&item.id, &mail, now).await,
            None => Ok(()),
        };
        match sent {
            Ok(()) => self.outbox.sent(item, now).await,
            Err(error) => {
                let tries = item.tries;
                tracing::warn!(error = &error as &dyn std::error::Error, ?item, tries, "message not sent");
                self.outbox.retry(item, now.plus_ms(backoff_ms(tries))).await
            }
        }
    }
}

/// 0.5 s, 1 s, 2 s, … up to the limit.
fn backoff_ms(tries: u32) -> i64 {
    (250_i64 << tries.clamp(1, 16)).min(MAX_BACKOFF_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        assert_eq!([1, 2, 3, 99].map(backoff_ms), [500, 1000, 2000, MAX_BACKOFF_MS]);
    }
}
