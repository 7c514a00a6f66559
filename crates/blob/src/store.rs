//! The parts of an open store, and its settings.

use std::sync::Arc;
use std::time::Duration;

use db::{Db, args};
use model::Timestamp;
use model::setting::{OutOfRange, need};
use runtime::blocking;
use serde::Deserialize;
use tokio::sync::watch;

use crate::Result;
use crate::bad::BadFiles;
use crate::disk::Disk;
use crate::opened::Opened;
use crate::pins::Pins;
use crate::replaced::Replaced;

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
    /// Files whose reading failed, to be checked.
    pub(crate) suspects: Arc<BadFiles>,
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
    /// Existing files can be read either way.
    pub sealed: bool,
    /// Bytes a second that are read to find damaged files, at least 65,536; 0: none.
    pub scrub_bytes_second: u64,
    /// Days from the beginning of one look through all files to that of the next, 1 to 36,500.
    pub scrub_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reserve_bytes: None,
            linger_seconds: 60,
            upload_days: 8,
            event_days: 7,
            sealed: true,
            scrub_bytes_second: 8 << 20,
            scrub_days: 7,
        }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "store", name, expected);
        need(self.linger_seconds <= 31_536_000, "linger_seconds", "at most 31,536,000")?;
        need((1..=36_500).contains(&self.upload_days), "upload_days", "1 to 36,500")?;
        need(self.event_days <= 36_500, "event_days", "at most 36,500")?;
        let rate = self.scrub_bytes_second;
        need(rate == 0 || rate >= 65_536, "scrub_bytes_second", "at least 65,536, or 0")?;
        need((1..=36_500).contains(&self.scrub_days), "scrub_days", "1 to 36,500")
    }
}

impl Blob {
    /// The time now, by the clock of the database.
    pub fn now(&self) -> Timestamp {
        self.db.now()
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
