//! Opening the store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use db::{Db, args};
use model::setting::{OutOfRange, need};
use model::{BucketName, Timestamp};
use seal::KeyRing;
use serde::Deserialize;
use tokio::sync::watch;

use crate::bad::BadFiles;
use crate::bucket;
use crate::disk::{Disk, Keys};
use crate::lane::blocking;
use crate::opened::Opened;
use crate::read::Pins;
use crate::reseal::Replaced;
use crate::{Error, Result, owner};

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blob {
    pub(crate) db: Db,
    pub(crate) disk: Disk,
    pub(crate) config: Config,
    pub(crate) pins: Arc<Pins>,
    pub(crate) opened: Arc<Opened>,
    pub(crate) replaced: Arc<Replaced>,
    /// Clear files that cannot be read.
    pub(crate) unreadable: Arc<BadFiles>,
    /// Files whose keys do not open.
    pub(crate) unopened: Arc<BadFiles>,
    pub(crate) hint: Arc<watch::Sender<()>>,
}

/// How the store behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Bytes of the file system that stay free: what would go below is refused. When absent: 256 MiB, or a twentieth
    /// of a small file system.
    pub reserve_bytes: Option<u64>,
    /// Seconds that the bytes of an overwritten or deleted object stay for readers under way, at most 31,536,000.
    pub linger_seconds: u32,
    /// Days without a new part after which an upload that was neither completed nor aborted is dropped, 1 to 36,500.
    pub upload_days: u32,
    /// Days that handled events are kept, at most 36,500.
    pub event_days: u32,
    /// Whether objects are sealed. Those that are clear are sealed by and by; if this is off, everything stays as it is.
    /// What is there is read either way.
    pub sealed: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { reserve_bytes: None, linger_seconds: 60, upload_days: 8, event_days: 7, sealed: true }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "store", name, expected);
        need(self.linger_seconds <= 31_536_000, "linger_seconds", "at most 31,536,000")?;
        need((1..=36_500).contains(&self.upload_days), "upload_days", "1 to 36,500")?;
        need(self.event_days <= 36_500, "event_days", "at most 36,500")
    }
}

impl Blob {
    /// Opens a store without keys, which writes clear: for examples and tests. The database is migrated already.
    pub async fn open(db: Db, root: &Path) -> Result<Self> {
        Self::open_with(db, root, Config { sealed: false, ..Config::default() }, None).await
    }

    /// Opens the store below `root`; makes the folders and the buckets `source` and `media` if they are missing.
    ///
    /// # Errors
    /// [`Error::NoKeys`] if objects are to be sealed and there is no ring; [`Error::OtherDatabase`] and
    /// [`Error::FilesElsewhere`] if folder and database do not belong together.
    pub async fn open_with(db: Db, root: &Path, config: Config, keys: Option<KeyRing>) -> Result<Self> {
        if config.sealed && keys.is_none() {
            return Err(Error::NoKeys);
        }
        let (root, reserve) = (root.to_owned(), config.reserve_bytes);
        let keys = Keys { ring: keys, seals: config.sealed };
        let disk = blocking(move || Disk::open(&root, reserve, keys)).await?;
        owner::check(&db, &disk).await?;
        for name in [BucketName::source(), BucketName::media()] {
            db.execute(bucket::INSERT, args![name, now()]).await?;
        }
        let hint = Arc::new(watch::Sender::new(()));
        Ok(Self {
            db,
            disk,
            config,
            pins: Arc::default(),
            opened: Arc::default(),
            replaced: Arc::default(),
            unreadable: Arc::default(),
            unopened: Arc::default(),
            hint,
        })
    }

    /// How long the bytes of what was deleted stay for readers under way.
    pub fn lingers(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.linger_seconds))
    }

    /// Whether what is written is sealed.
    pub fn seals(&self) -> bool {
        self.config.sealed
    }

    /// Bytes that all stored files take.
    pub async fn used(&self) -> Result<u64> {
        let sql = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM files";
        Ok(self.db.one(sql, args![]).await?.get("bytes")?)
    }

    /// Bytes that could be written now without touching the reserve or what other writers were promised.
    pub async fn available(&self) -> Result<u64> {
        let space = self.disk.space().clone();
        blocking(move || space.available()).await
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
