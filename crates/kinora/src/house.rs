//! The composition root: the parts that a process is made of, opened once; `start` starts them.
//!
//! It contains nothing of the domain, only the wiring.

mod doors;
mod full_disk;
mod open;
mod place;
mod services;
mod settings;
mod sound;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::Api;
use blob::Blob;
use catalogue::Catalogue;
use db::Db;
use http_face::Changes;
use identity::Identity;
use jail::Jail;
use jobs::Queue;
use notify::{Notifier, Outbox};
use pipeline::Pipeline;
use playback::Playback;
use seal::KeyRing;
use upload::Uploads;

use crate::keys;
use crate::metrics::Metrics;

pub(crate) use doors::{Doors, listen, s3_door};
pub(crate) use full_disk::patiently;
pub(crate) use place::{Place, Profile};
pub(crate) use services::{Services, stop_signal};
pub(crate) use settings::stop_time_limit;
pub(crate) use sound::{BALLAST, DAMAGED, keep as keep_sound};

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
    /// Whether the database was too large to be checked at the start.
    pub(crate) unchecked: bool,
    pub(crate) ring: KeyRing,
    pub(crate) blob: Blob,
    pub(crate) catalogue: Catalogue,
    pub(crate) jobs: Queue,
    pub(crate) identity: Identity,
    pub(crate) playback: Playback,
    pub(crate) pipeline: Pipeline,
    pub(crate) uploads: Uploads,
    /// The JSON API over all of these.
    pub(crate) api: Api,
    /// Running changes by requests to pages and the API.
    pub(crate) changes: Changes,
    pub(crate) outbox: Outbox,
    /// How mails leave; `None` where nobody gets any.
    pub(crate) mail: Option<Arc<dyn Notifier>>,
    /// The folder that they go to where no mail server takes them.
    pub(crate) mailbox: Option<PathBuf>,
    /// Whether people get codes by mail to sign in with; without, links are the only way in.
    pub(crate) codes: bool,
    /// The jail for uploads.
    pub(crate) jail: Jail,
    pub(crate) metrics: Metrics,
}

impl House {
    /// The reminder to the operator about the keys.
    pub(crate) fn reminder(&self) -> anyhow::Result<Option<&'static str>> {
        Ok((!self.ring.is_exported()?).then_some(keys::REMINDER))
    }

    /// Closes the database once what was being changed is done, when no requests come any more; what is committed is then
    /// in its file, or stays in its log if that takes too long.
    pub(crate) async fn close(&self) {
        if !self.changes.end(LAST_CHANGES).await {
            tracing::warn!("changes that took too long were aborted");
        }
        if tokio::time::timeout(LAST_WRITES, self.db.close()).await.is_err() {
            tracing::warn!(
                "the database was not closed: it is still busy; nothing that was acknowledged is lost"
            );
        }
    }
}
