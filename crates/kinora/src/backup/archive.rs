//! The folder of a backup: one user at a time, and nothing in it that its manifest does not name.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use blob::mirror;
use model::FileId;
use seal::{KeyProvider, Ring};

use super::manifest::{self, Manifest};
use crate::folder::got;

/// Not the name of a data folder's lock: one of those is never taken for a backup.
const LOCK: &str = "backup.lock";
/// Where the key ring is, if it is in the backup.
const RING: &str = "keys/ring";

/// A backup's folder, while it is used. Others wait; the lock goes with the process.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    _lock: Option<File>,
}

impl Archive {
    /// Opens the folder for writing: nobody else uses it at the same time. It is created if it is missing.
    ///
    /// # Errors
    /// If it has things in it that no backup left.
    pub(super) fn to_write(path: &Path) -> anyhow::Result<Self> {
        let strange = Manifest::read(path)?.is_none() && has_other(path)?;
        ensure!(!strange, "{} contains other files: choose an empty folder", path.display());
        durable::make_folder(path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let lock = options.open(path.join(LOCK));
        let lock = lock.with_context(|| format!("cannot write to {}", path.display()))?;
        let got = got(lock.try_lock()).with_context(|| format!("cannot lock {}", path.display()))?;
        ensure!(got, "{} is in use by another backup or restore", path.display());
        Ok(Self { path: path.to_owned(), _lock: Some(lock) })
    }

    /// Opens the folder for reading: nobody changes it at the same time. A read-only folder, or one of an older
    /// version, has no lock.
    pub(super) fn to_read(path: &Path) -> anyhow::Result<Self> {
        let lock = match File::open(path.join(LOCK)) {
            Ok(lock) => Some(lock),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        if let Some(lock) = &lock {
            let got =
                got(lock.try_lock_shared()).with_context(|| format!("cannot lock {}", path.display()))?;
            ensure!(got, "a backup into {} is running: retry when it is done", path.display());
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn objects(&self) -> PathBuf {
        self.join("objects")
    }

    /// The key ring that is in it.
    pub(super) fn ring(&self) -> anyhow::Result<Option<Ring>> {
        // The file system of a backup may know no modes.
        let ring = KeyProvider::Credential(self.join(RING)).load();
        ring.with_context(|| format!("the key ring in {} cannot be used", self.path.display()))
    }

    /// Puts the key ring in.
    pub(super) fn put_ring(&self, ring: &Ring) -> anyhow::Result<()> {
        Ok(KeyProvider::File(self.join(RING)).store(ring)?)
    }

    /// Makes sure that there is no key ring, whatever an earlier backup left.
    pub(super) fn remove_ring(&self) -> anyhow::Result<()> {
        let keys = self.join("keys");
        for name in names(&keys)?.iter().filter(|name| name.starts_with("ring")) {
            remove(&keys.join(name))?;
        }
        match fs::remove_dir(&keys) {
            // Somebody keeps something else there.
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => sync(&keys),
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", keys.display()))
            }
            _ => sync(&self.path),
        }
    }

    /// Where an object that has not its hash is put aside: it may be all that is left of it.
    pub(super) fn aside(&self, id: FileId) -> PathBuf {
        mirror::path(&self.objects(), id).with_extension("damaged")
    }

    /// Deletes what the newest state does not name: older or incomplete snapshots and lists, and objects except
    /// those in `kept` and what is left of those in `lost`.
    pub(super) fn prune(
        &self,
        now: &Manifest,
        kept: &BTreeSet<FileId>,
        lost: &BTreeSet<FileId>,
    ) -> anyhow::Result<()> {
        for name in names(&self.path)? {
            let of_ours = is_of_a_turn(&name) || name.starts_with(manifest::NAME);
            if of_ours && ![&*now.database, &*now.objects, manifest::NAME].contains(&name.as_str()) {
                remove(&self.join(&name))?;
            }
        }
        let kept: BTreeSet<PathBuf> = kept
            .iter()
            .map(|id| mirror::path(&self.objects(), *id))
            .chain(lost.iter().flat_map(|id| [mirror::path(&self.objects(), *id), self.aside(*id)]))
            .collect();
        for folder in names(&self.objects())? {
            let folder = self.objects().join(folder);
            for path in names(&folder)?.iter().map(|name| folder.join(name)) {
                if !kept.contains(&path) {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether there is anything in a folder.
pub(super) fn has_any(path: &Path) -> anyhow::Result<bool> {
    Ok(!names(path)?.is_empty())
}

/// Syncs the folders of a tree; its files are synced already.
pub(super) fn sync_tree(path: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync(path)
}

/// Whether there is anything that no broken-off backup left.
fn has_other(path: &Path) -> anyhow::Result<bool> {
    let ours = |name: &String| {
        ["objects", "keys", LOCK].contains(&name.as_str())
            || name.starts_with(manifest::NAME)
            || is_of_a_turn(name)
    };
    Ok(!names(path)?.iter().all(ours))
}

/// Whether a name is one of a snapshot or a list, or of what is beside them while they are written.
fn is_of_a_turn(name: &str) -> bool {
    let rest = name.strip_prefix("kinora-").or_else(|| name.strip_prefix("objects-"));
    let Some((turn, kind)) = rest.and_then(|rest| rest.split_once('.')) else { return false };
    turn.parse::<u64>().is_ok() && ["db", "dump", "sha256"].iter().any(|ours| kind.starts_with(ours))
}

fn names(path: &Path) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn sync(path: &Path) -> anyhow::Result<()> {
    durable::sync_folder(path).with_context(|| format!("cannot sync {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_backup_leaves_is_taken_for_its_own() {
        let check = |name: &str, expected: bool| assert_eq!(is_of_a_turn(name), expected, "{name}");
        check("kinora-1.db", true);
        check("kinora-12.db-wal", true);
        check("kinora-3.dump", true);
        check("objects-3.sha256.new", true);
        check("kinora-keys.txt", false);
        check("kinora-2.txt", false);
        check("kinora.db", false);
        check("objects", false);
    }
}
