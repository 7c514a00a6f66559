//! Opaque files under a root folder. This is the part that other stores will stand beside: it knows no names,
//! only ids of files, and every call is one of write, read a range, delete, list.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use uuid::Uuid;

use crate::error::disk;
use crate::lane::{Lane, blocking};
use crate::space::{Claim, Space};
use crate::{Error, Result, fault};

/// Files below one root: `tmp/` while they are written, then `00/` to `ff/` by the first digits of their id.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: Arc<Path>,
    space: Arc<Space>,
}

/// Names a stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileId(Uuid);

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl FromStr for FileId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let id = Uuid::try_parse(text).ok().map(Self).filter(|id| id.to_string() == text);
        id.ok_or_else(|| Error::Row(format!("`{text}` is not a file's id")))
    }
}

impl Disk {
    /// Makes the folders. What an earlier process left half-written is cleared by sweeping.
    pub(crate) fn open(root: &Path, reserve: Option<u64>) -> Result<Self> {
        for folder in std::iter::once("tmp".to_owned()).chain((0..=255).map(|n| format!("{n:02x}"))) {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(disk("make folder", path))?;
        }
        let root = root.canonicalize().map_err(disk("find", root))?;
        sync_folder(&root)?;
        sync_folder(root.parent().unwrap_or(&root))?;
        Ok(Self { space: Arc::new(Space::new(&root, reserve)?), root: root.into() })
    }

    /// Begins a file of about `length` bytes.
    pub(crate) async fn write(&self, length: Option<u64>) -> Result<Writing> {
        let store = self.clone();
        blocking(move || {
            let claim = store.space.claim(length.unwrap_or(0))?;
            let id = FileId(Uuid::new_v4());
            let path = store.root.join("tmp").join(id.to_string());
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(disk("create", &path))?;
            Ok(Writing { lane: Lane::new(Temporary { store, id, file, claim, kept: false }) })
        })
        .await
    }

    /// Opens a stored file.
    pub(crate) fn open_file(&self, id: FileId) -> Result<File> {
        let path = self.path(id);
        File::open(&path).map_err(disk("open", path))
    }

    /// Reads `length` bytes from `position` on. Blocks.
    pub(crate) fn read_at(&self, id: FileId, file: &File, position: u64, length: usize) -> Result<Bytes> {
        let mut buffer = vec![0; length];
        file.read_exact_at(&mut buffer, position).map_err(disk("read", self.path(id)))?;
        Ok(buffer.into())
    }

    /// Deletes a file; that it is not there is fine. Blocks.
    pub(crate) fn delete(&self, id: FileId) -> Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk("delete", self.path(id))(e)),
            _ => Ok(()),
        }
    }

    /// Gives a stored file a second name if both are on the same file system. Blocks.
    pub(crate) fn link(&self, id: FileId, to: &Path) -> Result<bool> {
        match fs::hard_link(self.path(id), to) {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::PermissionDenied) => {
                Ok(false)
            }
            Err(e) => Err(disk("link", to)(e)),
        }
    }

    /// Files of one of the 256 folders that nothing was written to since `before`. Blocks.
    pub(crate) fn files(&self, folder: u8, before: SystemTime) -> Result<Vec<FileId>> {
        let path = self.root.join(format!("{folder:02x}"));
        Ok(old_files(&path, before)?.filter_map(|name| name.parse().ok()).collect())
    }

    /// Deletes half-written files that nothing was written to since `before`; answers how many. Blocks.
    pub(crate) fn clear_temporary(&self, before: SystemTime) -> Result<u64> {
        let folder = self.root.join("tmp");
        let mut count = 0;
        for name in old_files(&folder, before)? {
            let path = folder.join(name);
            match fs::remove_file(&path) {
                Ok(()) => count += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(disk("delete", path)(e)),
            }
        }
        Ok(count)
    }

    /// Free space and what is promised of it.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    fn path(&self, id: FileId) -> PathBuf {
        let name = id.to_string();
        self.root.join(&name[..2]).join(name)
    }
}

/// A file under way. Dropping it deletes what was written.
pub(crate) struct Writing {
    lane: Lane<Temporary>,
}

impl Writing {
    /// Appends; answers while the bytes are still on their way to the disk.
    pub(crate) async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.lane.start(move |file| file.append(&pieces)).await
    }

    /// Answers once the bytes and the name are on disk.
    pub(crate) async fn finish(self) -> Result<FileId> {
        let file = self.lane.finish().await?;
        blocking(move || file.keep()).await
    }
}

struct Temporary {
    store: Disk,
    id: FileId,
    file: File,
    claim: Claim,
    kept: bool,
}

impl Temporary {
    fn append(&mut self, pieces: &[Bytes]) -> Result<()> {
        self.claim.spend(pieces.iter().map(|p| p.len() as u64).sum())?;
        for group in pieces.chunks(512) {
            let mut slices: Vec<IoSlice<'_>> = group.iter().map(|p| IoSlice::new(p)).collect();
            let mut rest = slices.as_mut_slice();
            while !rest.is_empty() {
                match self.file.write_vectored(rest) {
                    Ok(0) if rest.iter().all(|s| s.is_empty()) => break,
                    Ok(0) => return Err(self.failed("write", io::ErrorKind::WriteZero.into())),
                    Ok(n) => IoSlice::advance_slices(&mut rest, n),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(self.failed("write", e)),
                }
            }
        }
        Ok(())
    }

    fn keep(mut self) -> Result<FileId> {
        fault::point("disk.written");
        self.file.sync_all().map_err(|e| self.failed("sync", e))?;
        fault::point("disk.synced");
        let (from, to) = (self.path(), self.store.path(self.id));
        fs::rename(&from, &to).map_err(|e| self.failed("rename", e))?;
        self.kept = true;
        fault::point("disk.renamed");
        sync_folder(to.parent().unwrap_or(&to))?;
        Ok(self.id)
    }

    fn failed(&self, what: &'static str, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.store.space.full(),
            _ => disk(what, self.path())(source),
        }
    }

    fn path(&self) -> PathBuf {
        self.store.root.join("tmp").join(self.id.to_string())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // The sweeper finds it if this fails.
            remove_soon(self.path());
        }
    }
}

/// Deletes a stored file that no row will ever mention, off the runtime's threads.
pub(crate) fn forget(disk: &Disk, id: FileId) {
    remove_soon(disk.path(id));
}

fn remove_soon(path: PathBuf) {
    let remove = move || drop(fs::remove_file(path));
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(remove)),
        Err(_) => remove(),
    }
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
    File::open(path).and_then(|folder| folder.sync_all()).map_err(disk("sync folder", path))
}
