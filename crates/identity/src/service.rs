//! Deletes expired data: challenges, sessions, links, counters; and what older versions left unencrypted.

use std::time::Duration;

use db::args;
use model::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{Identity, Result, network};

const EVERY: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;
/// A device that did not sign in for so long is a stranger again.
const DEVICE_MS: i64 = 180 * DAY_MS;

/// For so long wrong codes in a row are remembered after the last one.
const FAILURES_MS: i64 = 400 * DAY_MS;

const CHALLENGES: &str = "DELETE FROM challenges WHERE expires_at <= $1";
const THROTTLES: &str = "DELETE FROM throttles WHERE forget_at <= $1";
const LINKS: &str = "DELETE FROM links WHERE expires_at <= $1";
const INVITATIONS: &str = "DELETE FROM invitations WHERE expires_at <= $1";
const FAILURES: &str = "DELETE FROM failures WHERE last_at <= $1";
const DEVICES: &str = "DELETE FROM devices WHERE seen_at <= $1";
const NETWORKS: &str = "DELETE FROM network_accounts WHERE seen_at <= $1";
const SESSIONS: &str = "DELETE FROM sessions WHERE seen_at <= $1 OR created_at <= $2";

/// Sweeps every ten minutes until it is told to stop.
#[derive(Debug)]
pub struct Service {
    identity: Identity,
}

impl Service {
    /// Makes the service; one in any process is enough, more do no harm.
    pub fn new(identity: Identity) -> Self {
        Self { identity }
    }

    /// Sweeps until `shutdown`. A failing database is tried again.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        // Not before anybody is let in: a large file takes its time. Not again and again: it takes space.
        match shutdown.run_until_cancelled(self.identity.scrub()).await {
            None => return Ok(()),
            Some(Ok(true)) => {}
            Some(Ok(false)) => {
                tracing::warn!("the database is in use: overwritten data is removed after a later start")
            }
            Some(Err(error)) => {
                let error = model::Chain(&error);
                tracing::warn!(%error, "overwritten data is removed from the database after a later start");
            }
        }
        loop {
            let now = self.identity.db().now();
            if let Err(error) = self.identity.sweep(now).await {
                tracing::warn!(error = %model::Chain(&error), "sweep failed");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

impl Identity {
    /// Deletes what has expired at `now`. Nothing that is deleted could still have been used.
    pub async fn sweep(&self, now: Timestamp) -> Result<()> {
        let lives = &self.config().sessions;
        let longest = |part: fn(&crate::Lifetime) -> u32| {
            let seconds = [lives.viewer, lives.creator, lives.operator].iter().map(part).max().unwrap_or(0);
            i64::from(seconds) * 1000
        };
        let (idle, absolute) = (longest(|l| l.idle_seconds), longest(|l| l.absolute_seconds));
        let db = self.db();
        db.execute(CHALLENGES, args![now]).await?;
        db.execute(THROTTLES, args![now]).await?;
        db.execute(LINKS, args![now]).await?;
        db.execute(INVITATIONS, args![now.plus_ms(-30 * DAY_MS)]).await?;
        db.execute(FAILURES, args![now.plus_ms(-FAILURES_MS)]).await?;
        db.execute(DEVICES, args![now.plus_ms(-DEVICE_MS)]).await?;
        db.execute(NETWORKS, args![now.plus_ms(-network::KNOWN_MS)]).await?;
        db.execute(SESSIONS, args![now.plus_ms(-idle), now.plus_ms(-absolute)]).await?;
        Ok(())
    }
}
