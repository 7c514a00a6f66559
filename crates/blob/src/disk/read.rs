//! Reading stored files: never bytes that are not what was written.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use model::FileId;
use rustix::buffer::spare_capacity;
use rustix::io::ReadWriteFlags;
use seal::Purpose;
use seal::stream::{HEADER, Opener, stored_length};

use super::{Disk, associated};
use crate::error::disk;
use crate::{Error, Result};

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

impl Disk {
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
}

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

/// Whoever reads only sees that nothing more comes, so it is told here.
fn damaged(id: FileId, why: seal::Error) -> Error {
    tracing::error!(file = %id, %why, "a stored file is not what was written: restore it from a backup");
    Error::Damaged { file: id.to_string(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Keys;

    #[tokio::test]
    async fn what_the_system_holds_is_read_at_once_if_it_is_little() {
        for ring in [None, Some(seal::testing::ring(1))] {
            let folder = tempfile::tempdir().unwrap();
            let seals = ring.is_some();
            let store = Disk::open(folder.path(), Some(0), Keys { ring, seals }).unwrap();
            let bytes: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
            let size = bytes.len() as u64;
            let mut writing = store.write(Some(size)).await.unwrap();
            writing.append(vec![bytes.clone().into()]).await.unwrap();
            let stored = writing.finish().await.unwrap();
            let key = stored.key.map(|key| key.dek);
            let file = store.open_file(stored.id, size, key.as_deref()).unwrap();
            assert_eq!(file.read_all(0..size).unwrap(), bytes, "now it is held");
            let mut some = [0];
            let slices = &mut [IoSliceMut::new(&mut some)];
            if let Err(error @ rustix::io::Errno::OPNOTSUPP) =
                rustix::io::preadv2(&file.file, slices, 0, ReadWriteFlags::NOWAIT)
            {
                return model::testing::skipped(&format!(
                    "what is read without waiting (this file system does not: {error})"
                ));
            }
            for range in [0..1, 0..100_000, 65_000..66_000, 140_000..220_000, size - 1..size] {
                let expected = &bytes[range.start as usize..range.end as usize];
                // A system that is short of memory may have let go of it in between.
                let found = (0..100).find_map(|_| {
                    file.read_all(range.clone()).unwrap();
                    file.read_held(&range)
                });
                assert_eq!(found.as_deref(), Some(expected), "{range:?}, sealed: {seals}");
            }
            for range in [0..size, 0..HELD + 1, 5..5, size - 1..size + 1] {
                assert_eq!(file.read_held(&range), None, "{range:?}, sealed: {seals}");
            }
        }
    }
}
