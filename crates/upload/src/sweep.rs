//! Discards abandoned uploads.

use std::time::Duration;

use db::{Row, args};
use model::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::record::Upload;
use crate::{Result, Uploads};

/// How often uploads are looked at.
const LOOK: Duration = Duration::from_secs(600);

const OLD: &str = "SELECT * FROM browser_uploads WHERE COALESCE(completed_at, created_at) <= $1 AND id > $2
    ORDER BY id LIMIT 100";

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

    /// Gives up uploads to which no part came for too long, and forgets those that arrived as long ago; answers how
    /// many. One that cannot be given up is tried again the next time and holds up no other.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize> {
        let days = i64::from(self.inner.config.abandoned_days);
        let before = now.plus_ms(-86_400_000 * days);
        let (mut swept, mut after) = (0, String::new());
        loop {
            let rows = self.inner.db.all(OLD, args![before, &after]).await?;
            let Some(last) = rows.last() else { return Ok(swept) };
            after = last.get("id")?;
            for row in &rows {
                match self.give_up(row, before).await {
                    Ok(gone) => swept += usize::from(gone),
                    Err(error) => {
                        let upload: String = row.get("id")?;
                        let error = model::Chain(&error);
                        tracing::error!(upload, %error, "upload not discarded; retrying");
                    }
                }
            }
        }
    }

    /// Whether nobody had gone on with it.
    async fn give_up(&self, row: &Row, before: Timestamp) -> Result<bool> {
        let upload = Upload::read(row)?;
        if upload.completed_at.is_none() {
            let (blob, bytes) = (&self.inner.blob, upload.size);
            match blob.abandon_upload(&upload.bucket, &upload.key, upload.id, before).await {
                Ok(true) => tracing::info!(upload = %upload.id, bytes, "abandoned upload discarded"),
                // A large file on a slow line takes longer than that.
                Ok(false) => return Ok(false),
                // Complete, or given up before: only the row here lags behind.
                Err(blob::Error::NoSuchUpload(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        self.discard(&upload).await?;
        Ok(true)
    }
}

impl Sweeper {
    /// Runs until told to stop.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        loop {
            if let Err(error) = self.uploads.sweep(self.uploads.inner.db.now()).await {
                tracing::warn!(error = %model::Chain(&error), "cannot sweep uploads");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}
