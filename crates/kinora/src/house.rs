//! The composition root: the parts that a process is made of, opened once and then started.
//!
//! Nothing of the domain is here, only who is handed to whom.

mod doors;
mod open;
mod room;
mod services;
mod settings;
mod start;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use encode::Jail;
use http_face::Changes;
use identity::Identity;
use jobs::Queue;
use notify::{Notifier, Outbox};
use pipeline::Pipeline;
use playback::Playback;
use seal::KeyRing;
use upload::Uploads;

use crate::keys;
use crate::metrics::Metrics;

pub(crate) use doors::{Doors, listen};
pub(crate) use room::patiently;
pub(crate) use services::{Services, stop_signal};
pub(crate) use settings::patience;

/// How long changes whose clients are gone may take when everything else has stopped.
pub(crate) const LAST_CHANGES: Duration = Duration::from_secs(5);
/// How long the database may take to close: it waits for what is being written.
pub(crate) const LAST_WRITES: Duration = Duration::from_secs(5);

/// The parts of this process, on one database and one data folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) place: Place,
    /// The data folder.
    pub(crate) data: PathBuf,
    pub(crate) db: Db,
    pub(crate) ring: KeyRing,
    pub(crate) blob: Blob,
    pub(crate) catalogue: Catalogue,
    pub(crate) jobs: Queue,
    pub(crate) identity: Identity,
    pub(crate) playback: Playback,
    pub(crate) pipeline: Pipeline,
    pub(crate) uploads: Uploads,
    /// What requests to pages and the API change, until it is done.
    pub(crate) changes: Changes,
    pub(crate) outbox: Outbox,
    /// How mails leave; `None` where nobody gets any.
    pub(crate) mail: Option<Arc<dyn Notifier>>,
    /// The folder that they go to where no mail server takes them.
    pub(crate) mailbox: Option<PathBuf>,
    /// Whether people get codes by mail to sign in with; without, links are the only way in.
    pub(crate) codes: bool,
    /// What uploads are opened in.
    pub(crate) jail: Jail,
    pub(crate) metrics: Metrics,
}

/// Where this installation is, as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Scheme, host and port that viewers use.
    pub(crate) origin: String,
    /// The same of the S3 face.
    pub(crate) s3_origin: String,
    pub(crate) profile: Profile,
}

/// How far strangers are to be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `kinora up`: loopback, a mailbox folder, ready-made keys.
    Development,
    /// `kinora serve`.
    Production,
}

impl House {
    /// What an operator must do about the keys.
    pub(crate) fn reminder(&self) -> anyhow::Result<Option<&'static str>> {
        Ok((!self.ring.is_exported()?).then_some(keys::REMINDER))
    }

    /// Closes the database once what was being changed is done, when no requests come any more; what is committed is then
    /// in its file, or stays in its log if that takes too long.
    pub(crate) async fn close(&self) {
        if !self.changes.end(LAST_CHANGES).await {
            tracing::warn!("changes were broken off that took too long");
        }
        if tokio::time::timeout(LAST_WRITES, self.db.close()).await.is_err() {
            tracing::warn!(
                "the database was left open: it is still at work on something, and loses nothing that was acknowledged"
            );
        }
    }
}
