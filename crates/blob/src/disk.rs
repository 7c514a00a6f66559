//! Opaque files under a root folder. This is the part that other stores will stand beside: it knows no names,
//! only ids of files, and every call is one of write, read a range, delete, list.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use model::FileId;
use rustix::buffer::spare_capacity;
use rustix::io::ReadWriteFlags;
use seal::stream::{HEADER, Opener, Sealer, stored_length};
use seal::{KeyRing, Purpose, private};

use crate::error::disk;
use crate::lane::{Lane, blocking};
use crate::space::{Claim, Space};
use crate::{Error, Result, fault, mirror};

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
    /// What sealed files are opened with.
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
        for folder in std::iter::once("tmp".to_owned()).chain((0..=255).map(|n| format!("{n:02x}"))) {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(disk("make folder", path))?;
        }
        let root = root.canonicalize().map_err(disk("find", root))?;
        sync_folder(&root)?;
        sync_folder(root.parent().unwrap_or(&root))?;
        let space = Arc::new(Space::new(&root, reserve)?);
        Ok(Self { space, root: root.into(), keys: keys.ring, seals: keys.seals })
    }

    /// Begins a file of about `length` bytes.
    pub(crate) async fn write(&self, length: Option<u64>) -> Result<Writing> {
        let store = self.clone();
        blocking(move || {
            let length = length.unwrap_or(0);
            let claim = store.space.claim(if store.seals { stored_length(length) } else { length })?;
            let id = FileId::new();
            let sealing = store.seals.then(|| store.sealing(id)).transpose()?;
            let path = store.root.join("tmp").join(id.to_string());
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(disk("create", &path))?;
            Ok(Writing { lane: Lane::new(Temporary { store, id, file, claim, sealing, kept: false }) })
        })
        .await
    }

    /// Opens a stored file of `size` bytes. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is longer or shorter, or is not what was sealed.
    pub(crate) fn open_file(&self, id: FileId, size: u64, dek: Option<&[u8]>) -> Result<OpenFile> {
        let path = self.path(id);
        let file = File::open(&path).map_err(disk("open", &path))?;
        let damaged = |why| damaged(id, why);
        let expected = if dek.is_some() { stored_length(size) } else { size };
        let got = file.metadata().map_err(disk("look at", &path))?.len();
        if got != expected {
            return Err(damaged(seal::Error::Length { expected, got }));
        }
        let Some(dek) = dek else { return Ok(OpenFile { id, path, file, size, opener: None }) };
        let name = id.to_string();
        let key = self.ring()?.open_data_key(Purpose::Media, &name, dek).map_err(Error::Keys)?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(disk("read", &path))?;
        let opener = Opener::new(&key, &associated(id), &header, size).map_err(damaged)?;
        Ok(OpenFile { id, path, file, size, opener: Some(opener) })
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

    fn ring(&self) -> Result<&KeyRing> {
        self.keys.as_ref().ok_or(Error::NoKeys)
    }

    fn sealing(&self, id: FileId) -> Result<Sealing> {
        let made = self.ring()?.data_key(Purpose::Media, &id.to_string()).map_err(Error::Keys)?;
        let sealer = Sealer::new(&made.key, &associated(id)).map_err(Error::Keys)?;
        Ok(Sealing { sealer, key: SealedKey { dek: made.sealed, kek: made.version } })
    }

    /// Deletes a file; that it is not there is fine. Blocks.
    pub(crate) fn delete(&self, id: FileId) -> Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk("delete", self.path(id))(e)),
            _ => Ok(()),
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

    /// How many half-written files there are. Blocks.
    pub(crate) fn temporary(&self) -> Result<u64> {
        Ok(old_files(&self.root.join("tmp"), SystemTime::now())?.count() as u64)
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The id that the folder carries, if it has one. Blocks.
    pub(crate) fn id(&self) -> Result<Option<String>> {
        let path = self.root.join("id");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end().to_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(disk("read", path)(e)),
        }
    }

    /// Gives the folder an id unless it has one. Blocks.
    pub(crate) fn set_id(&self, id: &str) -> Result<()> {
        let path = self.root.join("id");
        private::create(&path, format!("{id}\n").as_bytes()).map(drop).map_err(disk("write", path))
    }

    /// Gives the folder an id in place of the one it has. Blocks.
    pub(crate) fn replace_id(&self, id: &str) -> Result<()> {
        let path = self.root.join("id");
        private::write(&path, format!("{id}\n").as_bytes()).map_err(disk("write", path))
    }

    /// Whether a stored file is there. Blocks.
    pub(crate) fn has(&self, id: FileId) -> bool {
        self.path(id).exists()
    }

    /// Whether there is no stored file. Blocks.
    pub(crate) fn is_empty(&self) -> Result<bool> {
        for folder in 0..=255_u8 {
            let path = self.root.join(format!("{folder:02x}"));
            let entries = fs::read_dir(&path).map_err(disk("list", &path))?;
            let names = entries.map(|entry| Ok(entry?.file_name()));
            if any_stored(names).map_err(disk("list", &path))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Free space and what is promised of it.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    fn path(&self, id: FileId) -> PathBuf {
        mirror::path(&self.root, id)
    }
}

/// A stored file, open for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    id: FileId,
    path: PathBuf,
    file: File,
    size: u64,
    opener: Option<Opener>,
}

/// Segments of a sealed file that are opened at once: as many bytes as a piece of a clear one.
const SEGMENTS: u64 = 4;
/// Bytes of a clear file that are read at once.
const PIECE: u64 = 256 << 10;
/// Stored bytes that may be copied, and opened, on a thread that must not wait: some 40 µs.
const HELD: u64 = 160 << 10;

impl OpenFile {
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// Reads the beginning of `range`, which is not empty; never bytes that are not what was written. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn read(&self, range: &Range<u64>) -> Result<Bytes> {
        let mut out = Vec::new();
        self.piece(range.clone(), &mut Vec::new(), &mut out)?;
        Ok(out.into())
    }

    /// Reads a small range that the system holds in memory. Does not block: `None` for what is larger, for what would
    /// have to come from the disk, and where reading failed; [`OpenFile::read_all`] says why.
    pub(crate) fn read_held(&self, range: &Range<u64>) -> Option<Vec<u8>> {
        if range.is_empty() || range.end > self.size {
            return None;
        }
        let span = self.opener.as_ref().map(|opener| opener.span(range.clone(), SEGMENTS));
        let stored = span.as_ref().map_or(range, |span| &span.stored);
        let length = stored.end - stored.start;
        if length > HELD {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let read = rustix::io::preadv2(&self.file, &mut slices, stored.start, ReadWriteFlags::NOWAIT).ok()?;
        if read < bytes.len() {
            return None;
        }
        let (Some(opener), Some(span)) = (&self.opener, &span) else { return Some(bytes) };
        let mut out = Vec::with_capacity(bytes.len());
        opener.open(span, &mut bytes, &mut out).ok()?;
        (span.plain == *range).then_some(out)
    }

    /// Reads a range of the file. Blocks.
    ///
    /// # Errors
    /// [`Error::Range`] where it leaves the file, [`Error::Damaged`].
    pub(crate) fn read_all(&self, range: Range<u64>) -> Result<Vec<u8>> {
        let outside = Error::Range { size: self.size };
        if range.start > range.end || range.end > self.size {
            return Err(outside);
        }
        let length = usize::try_from(range.end - range.start).map_err(|_| outside)?;
        let mut out = Vec::with_capacity(length);
        self.append(range, &mut out)?;
        Ok(out)
    }

    /// Appends a range of the file to `out`. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn append(&self, mut range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        if self.opener.is_none() {
            return self.clear(range, out);
        }
        let mut sealed = Vec::new();
        while !range.is_empty() {
            let before = out.len();
            self.piece(range.clone(), &mut sealed, out)?;
            range.start += (out.len() - before) as u64;
        }
        Ok(())
    }

    /// Appends the beginning of a range to `out`; `sealed` is memory that may be used again.
    fn piece(&self, range: Range<u64>, sealed: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<()> {
        let Some(opener) = &self.opener else {
            return self.clear(range.start..range.end.min(range.start + PIECE), out);
        };
        let span = opener.span(range, SEGMENTS);
        let length = usize::try_from(span.stored.end - span.stored.start).unwrap_or(usize::MAX);
        if sealed.len() < length {
            sealed.resize(length, 0);
        }
        let sealed = &mut sealed[..length];
        self.file.read_exact_at(sealed, span.stored.start).map_err(|e| self.failed(e))?;
        opener.open(&span, sealed, out).map_err(|why| damaged(self.id, why))
    }

    /// Appends bytes as they are stored, into memory that nothing was written to before.
    fn clear(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<()> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let end = out.len().saturating_add(length);
        out.reserve_exact(length);
        let mut at = range.start;
        while out.len() < end {
            match rustix::io::pread(&self.file, spare_capacity(out), at) {
                Ok(0) => return Err(self.failed(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => at += read as u64,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.failed(error.into())),
            }
        }
        // There may have been room for more.
        out.truncate(end);
        Ok(())
    }

    /// A file that was long enough when it was opened and is so no more is damaged, whatever the system calls it.
    fn failed(&self, error: io::Error) -> Error {
        match (error.kind(), self.file.metadata()) {
            (io::ErrorKind::UnexpectedEof, Ok(now)) => {
                let expected = if self.opener.is_some() { stored_length(self.size) } else { self.size };
                damaged(self.id, seal::Error::Length { expected, got: now.len() })
            }
            _ => disk("read", &self.path)(error),
        }
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
    pub(crate) async fn finish(self) -> Result<Stored> {
        let file = self.lane.finish().await?;
        blocking(move || file.keep()).await
    }
}

struct Temporary {
    store: Disk,
    id: FileId,
    file: File,
    claim: Claim,
    sealing: Option<Sealing>,
    kept: bool,
}

/// What seals a file under way.
struct Sealing {
    sealer: Sealer,
    key: SealedKey,
}

impl Temporary {
    fn append(&mut self, pieces: &[Bytes]) -> Result<()> {
        let Some(sealing) = &mut self.sealing else { return self.write(pieces) };
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let mut sealed = Vec::with_capacity(length + (128 << 10));
        for piece in pieces {
            sealing.sealer.push(piece, &mut sealed).map_err(Error::Keys)?;
        }
        self.write(&[sealed.into()])
    }

    fn write(&mut self, pieces: &[Bytes]) -> Result<()> {
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

    fn keep(mut self) -> Result<Stored> {
        let mut key = None;
        if let Some(sealing) = self.sealing.take() {
            let mut end = Vec::new();
            sealing.sealer.finish(&mut end).map_err(Error::Keys)?;
            self.write(&[end.into()])?;
            key = Some(sealing.key);
        }
        fault::point("disk.written");
        self.file.sync_all().map_err(|e| self.failed("sync", e))?;
        fault::point("disk.synced");
        let (from, to) = (self.path(), self.store.path(self.id));
        fs::rename(&from, &to).map_err(|e| self.failed("rename", e))?;
        self.kept = true;
        fault::point("disk.renamed");
        sync_folder(to.parent().unwrap_or(&to))?;
        Ok(Stored { id: self.id, key })
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

/// Whoever reads only sees that nothing more comes, so it is told here.
fn damaged(id: FileId, why: seal::Error) -> Error {
    tracing::error!(file = %id, %why, "a stored file is not what was written: restore it from a backup");
    Error::Damaged { file: id.to_string(), why }
}

/// What a sealed file is bound to: what it is for, its name, and the format of its bytes (1: Tink's).
fn associated(id: FileId) -> Vec<u8> {
    format!("{}|{id}|1", Purpose::Media).into_bytes()
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

/// Whether one of these names is a stored file's. One that cannot be read may be.
fn any_stored(names: impl Iterator<Item = io::Result<OsString>>) -> io::Result<bool> {
    for name in names {
        if name?.to_str().is_some_and(|name| name.parse::<FileId>().is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_to_its_end_is_not_empty() {
        let broken = || Err(io::Error::other("the disk fails"));
        let file = || Ok(FileId::new().to_string().into());
        assert!(!any_stored([Ok("README".into())].into_iter()).unwrap());
        assert!(any_stored([Ok("README".into()), file(), broken()].into_iter()).unwrap());
        assert!(any_stored([Ok("README".into()), broken()].into_iter()).is_err());
    }
}
