//! The manifest: it marks a folder as a backup, and names the files of its newest state.

use std::io;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use super::files::hash;
use crate::folder;

/// 2: the list of the objects and the manifest itself have hashes, and what the list says was compared with what was
/// written.
pub(super) const FORMAT: u32 = 2;
pub(super) const NAME: &str = "manifest.json";

/// The newest complete state of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// SHA-256 of that file; `None` in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) objects_sha256: Option<String>,
    /// Number of objects.
    pub(super) count: u64,
    /// Bytes of the objects.
    pub(super) bytes: u64,
    /// Whether the key ring is in it.
    pub(super) keys: bool,
    /// Stored files that the database names and that are not in it: the store had lost them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
    /// SHA-256 of the manifest without this line; `None` in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
}

/// Type of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

/// The name of the list of the objects.
pub(super) fn list_of(turn: u64) -> String {
    format!("objects-{turn}.sha256")
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
        manifest.check().with_context(|| format!("{} cannot be used", path.display()))?;
        ensure!(
            manifest.format < 2
                || (manifest.sha256 == manifest.digest()? && manifest.objects_sha256.is_some()),
            "{} is damaged. Remove it and back up into the same folder again: every file is verified then, and intact \
             ones stay",
            path.display()
        );
        Ok(Some(manifest))
    }

    /// Refuses what a later version made, and files that are not of its turn: they could be any, in any folder.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.format <= FORMAT, "this backup was made by a newer Kinora ({})", self.kinora);
        ensure!(self.turn < u64::MAX, "there is no turn after {}", self.turn);
        let (database, objects) = (self.engine.file(self.turn), list_of(self.turn));
        for (named, own) in [(&self.database, database), (&self.objects, objects)] {
            ensure!(*named == own, "it names {named:?} where {own} belongs");
        }
        Ok(())
    }

    /// Makes this the state of the backup, at once.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let protected = Self { sha256: self.digest()?, ..self.clone() };
        folder::write_private(&folder.join(NAME), &serde_json::to_vec_pretty(&protected)?)
    }

    fn digest(&self) -> anyhow::Result<Option<String>> {
        let plain = Self { sha256: None, ..self.clone() };
        Ok(Some(hash(&serde_json::to_vec(&plain)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_the_files_of_its_turn_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let check = |turn: u64, database: &str, objects: &str, expected: Option<&str>| {
            let text = serde_json::json!({
                "format": 1, "kinora": "0.1.0", "made": "2026-11-21T00:00:00Z", "turn": turn, "engine": "sqlite",
                "database": database, "database_sha256": "", "objects": objects, "count": 0, "bytes": 0, "keys": false,
            });
            std::fs::write(folder.path().join(NAME), text.to_string()).unwrap();
            let refused = Manifest::read(folder.path()).err().map(|error| format!("{error:#}"));
            match (&refused, expected) {
                (None, None) => {}
                (Some(said), Some(words)) => assert!(said.contains(words), "{said}"),
                _ => panic!("{turn} {database} {objects}: {refused:?}"),
            }
        };
        check(3, "kinora-3.db", "objects-3.sha256", None);
        check(3, "/etc/passwd", "objects-3.sha256", Some("/etc/passwd"));
        check(3, "kinora-3.db", "../other/objects-3.sha256", Some("../other"));
        check(3, "kinora-2.db", "objects-3.sha256", Some("kinora-3.db belongs"));
        check(
            u64::MAX,
            "kinora-18446744073709551615.db",
            "objects-18446744073709551615.sha256",
            Some("no turn"),
        );
    }
}
