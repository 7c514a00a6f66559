//! Opaque files under a root folder. This is the part that other stores will stand beside: it knows no names,
//! only ids of files, and every call is one of write, read a range, delete, list.

mod read;
mod write;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use model::FileId;
use seal::{KeyRing, Purpose};

pub(crate) use read::OpenFile;
pub(crate) use write::Writing;

use crate::error::disk;
use crate::space::Space;
use crate::{Error, Result};

/// Files below one root: `tmp/` while they are written, then `00/` to `ff/` by the first digits of their id; and `id`, the
/// store's own.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: Arc<Path>,
    space: Arc<Space>,
    keys: Option<KeyRing>,
    seals: bool,
}

/// How the store gets at its keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// The key ring that opens sealed files.
    pub(crate) ring: Option<KeyRing>,
    /// Whether new files are sealed.
    pub(crate) seals: bool,
}

/// A written file.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) id: FileId,
    /// Its key, if it is sealed.
    pub(crate) key: Option<SealedKey>,
}

/// A file's key as rows keep it.
#[derive(Debug, Clone)]
pub(crate) struct SealedKey {
    /// Sealed under the ring's key for media.
    pub(crate) dek: Vec<u8>,
    /// The version of that key.
    pub(crate) kek: u32,
}

impl Disk {
    /// Makes the folders. What an earlier process left half-written is cleared by sweeping.
    pub(crate) fn open(root: &Path, reserve: Option<u64>, keys: Keys) -> Result<Self> {
        for path in std::iter::once(root.join("tmp")).chain(folders(root)) {
            fs::create_dir_all(&path).map_err(disk("make folder", path))?;
        }
        let root = root.canonicalize().map_err(disk("find", root))?;
        sync_folder(&root)?;
        sync_folder(root.parent().unwrap_or(&root))?;
        let space = Arc::new(Space::new(&root, reserve)?);
        Ok(Self { space, root: root.into(), keys: keys.ring, seals: keys.seals })
    }

    /// Seals a file's key again, under the newest key.
    pub(crate) fn renew(&self, id: FileId, dek: &[u8]) -> Result<SealedKey> {
        let (ring, name) = (self.ring()?, id.to_string());
        let key = ring.open_data_key(Purpose::Media, &name, dek).map_err(Error::Keys)?;
        let (dek, kek) = ring.seal(Purpose::Media, &name, key.expose()).map_err(Error::Keys)?;
        Ok(SealedKey { dek, kek })
    }

    /// The version of the key that files' keys are sealed under now; `None` without a ring.
    pub(crate) fn kek(&self) -> Result<Option<u32>> {
        self.keys.as_ref().map(|ring| ring.version(Purpose::Media)).transpose().map_err(Error::Keys)
    }

    /// The key ring, if the store was opened with one.
    pub(crate) fn keys(&self) -> Option<&KeyRing> {
        self.keys.as_ref()
    }

    fn ring(&self) -> Result<&KeyRing> {
        self.keys.as_ref().ok_or(Error::NoKeys)
    }

    /// Deletes files; that one is not there is fine, and one that cannot be deleted keeps no other. Blocks.
    pub(crate) fn delete(&self, files: &[FileId]) -> Deleted {
        delete_all(files.iter().map(|id| self.path(*id)))
    }

    /// Files of one of the 256 folders that nothing was written to since `before`. Blocks.
    pub(crate) fn files(&self, n: u8, before: SystemTime) -> Result<Vec<FileId>> {
        Ok(old_files(&folder(&self.root, n), before)?.filter_map(|name| name.parse().ok()).collect())
    }

    /// Half-written files that nothing was written to since `before`. Blocks.
    pub(crate) fn half_written(&self, before: SystemTime) -> Result<Vec<PathBuf>> {
        let folder = self.root.join("tmp");
        Ok(old_files(&folder, before)?.map(|name| folder.join(name)).collect())
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Gives the folder an id unless it has one. Blocks.
    pub(crate) fn set_id(&self, id: &str) -> Result<()> {
        let path = self.root.join("id");
        durable::create(&path, format!("{id}\n").as_bytes()).map(drop).map_err(disk("write", path))
    }

    /// Gives the folder an id in place of the one it has. Blocks.
    pub(crate) fn replace_id(&self, id: &str) -> Result<()> {
        let path = self.root.join("id");
        durable::write(&path, format!("{id}\n").as_bytes()).map_err(disk("write", path))
    }

    /// Whether a stored file is there. Blocks.
    pub(crate) fn has(&self, id: FileId) -> bool {
        self.path(id).exists()
    }

    /// Free space and what is promised of it.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    fn path(&self, id: FileId) -> PathBuf {
        path(&self.root, id)
    }
}

/// Where a file is below the store's folder, or below one of the same shape.
pub fn path(root: &Path, id: FileId) -> PathBuf {
    let name = id.to_string();
    root.join(&name[..2]).join(name)
}

/// The folders of stored files.
pub(crate) fn folders(root: &Path) -> impl Iterator<Item = PathBuf> {
    (0..=255_u8).map(|n| folder(root, n))
}

fn folder(root: &Path, n: u8) -> PathBuf {
    root.join(format!("{n:02x}"))
}

/// Result of deleting files.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deleted {
    /// Deleted files.
    pub(crate) files: u64,
    /// Files that could not be deleted.
    pub(crate) stuck: u64,
}

/// Deletes what is there. Of many that cannot be deleted the log names the first: a broken disk has no end of them. Blocks.
pub(crate) fn delete_all(paths: impl Iterator<Item = PathBuf>) -> Deleted {
    let mut deleted = Deleted::default();
    for path in paths {
        match fs::remove_file(&path) {
            Ok(()) => deleted.files += 1,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                if deleted.stuck == 0 {
                    tracing::warn!(path = %path.display(), %error, "cannot delete an unused file");
                }
                deleted.stuck += 1;
            }
        }
    }
    deleted
}

/// Associated data of a sealed file: its purpose, its name, and the format of its bytes (1: Tink's).
pub(crate) fn associated(id: FileId) -> Vec<u8> {
    format!("{}|{id}|1", Purpose::Media).into_bytes()
}

/// Deletes a stored file that no row will ever mention, off the runtime's threads.
pub(crate) fn forget(disk: &Disk, id: FileId) {
    remove_soon(disk.path(id));
}

fn remove_soon(path: PathBuf) {
    runtime::detach(move || drop(fs::remove_file(path)));
}

fn old_files(folder: &Path, before: SystemTime) -> Result<impl Iterator<Item = String>> {
    let entries = fs::read_dir(folder).map_err(disk("list", folder))?;
    Ok(entries.filter_map(move |entry| {
        let entry = entry.ok()?;
        let old = entry.metadata().ok()?.modified().ok()? <= before;
        old.then(|| entry.file_name().into_string().ok()).flatten()
    }))
}

fn sync_folder(path: &Path) -> Result<()> {
    durable::sync_folder(path).map_err(disk("sync folder", path))
}
