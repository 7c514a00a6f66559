//! Gives up what nobody goes on with.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Uploads, now};

/// How often uploads are looked at.
const LOOK: Duration = Duration::from_secs(600);

/// Sweeps abandoned uploads. A service.
#[derive(Debug)]
pub struct Sweeper {
    uploads: Uploads,
}

impl Uploads {
    /// The service that gives up abandoned uploads.
    pub fn sweeper(&self) -> Sweeper {
        Sweeper { uploads: self.clone() }
    }
}

impl Sweeper {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            if let Err(error) = self.uploads.sweep(now()).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "uploads are not swept");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
