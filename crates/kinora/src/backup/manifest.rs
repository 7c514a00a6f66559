//! What says that a folder is a backup, and which files are its newest state.

use std::io;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::folder;

pub(super) const FORMAT: u32 = 1;
pub(super) const NAME: &str = "manifest.json";

/// The newest complete state of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// Version that made it.
    pub(super) kinora: String,
    /// RFC 3339.
    pub(super) made: String,
    /// How often this folder was brought up to date.
    pub(super) turn: u64,
    /// The id of the store, which another installation's differs in; `None` in backups of a time before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<String>,
    pub(super) engine: Engine,
    /// File of the database.
    pub(super) database: String,
    pub(super) database_sha256: String,
    /// File with the hashes of the objects, as `sha256sum -c` reads it.
    pub(super) objects: String,
    /// Number of objects.
    pub(super) count: u64,
    /// Bytes of the objects.
    pub(super) bytes: u64,
    /// Whether the key ring is in it.
    pub(super) keys: bool,
    /// Stored files that the database names and that are not in it: the store had lost them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
}

/// What the database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The name of the database's file.
    pub(super) fn file(self, turn: u64) -> String {
        match self {
            Self::Sqlite => format!("kinora-{turn}.db"),
            Self::Postgres => format!("kinora-{turn}.dump"),
        }
    }
}

impl Manifest {
    /// Reads a folder's manifest; `None` if it has none.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        let manifest: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?;
        ensure!(manifest.format <= FORMAT, "this backup was made by a newer Kinora ({})", manifest.kinora);
        Ok(Some(manifest))
    }

    /// Makes this the state of the backup, at once.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        folder::write_private(&folder.join(NAME), &serde_json::to_vec_pretty(self)?)
    }
}
