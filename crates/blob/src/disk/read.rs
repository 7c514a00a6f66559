//! Reading stored files: never bytes that are not what was written.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use model::FileId;
use rustix::io::ReadWriteFlags;
use seal::Purpose;
use seal::stream::{HEADER, Opener, boundary, stored_length};

use super::{Disk, associated};
use crate::buffers::Buffer;
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

/// Segments of a sealed file that make a piece: as many bytes as of a clear one.
const SEGMENTS: u64 = 4;
/// Bytes of a clear file that make a piece.
const PIECE: u64 = 256 << 10;
/// Bytes that may be copied, and opened, on a thread that must not wait: 50 to 150 µs.
const HELD: u64 = PIECE;

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
        let length = match &self.opener {
            Some(opener) => {
                let span = opener.span(range.clone(), SEGMENTS);
                span.plain.end - span.plain.start
            }
            None => (range.end - range.start).min(PIECE),
        };
        self.read_all(range.start..range.start + length)
    }

    /// Reads a small range that the system holds in memory. Does not block: `None` for what is larger, for what would
    /// have to come from the disk, and where reading failed; [`OpenFile::read_all`] says why.
    pub(crate) fn read_held(&self, range: &Range<u64>) -> Option<Bytes> {
        if range.is_empty() || range.end > self.size || range.end - range.start > HELD {
            return None;
        }
        let length = usize::try_from(range.end - range.start).ok()?;
        let mut out = Buffer::new(length);
        self.fill_held(range, out.sized(length)).then(|| out.freeze())
    }

    /// Reads a range of the file. Does not block: after each piece others have their turn, and what would have to come from
    /// the disk is `None`, as where reading failed.
    pub(crate) async fn read_by_turns(&self, range: &Range<u64>) -> Option<Bytes> {
        if range.end > self.size {
            return None;
        }
        let length = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let mut out = Buffer::new(length);
        let mut rest = out.sized(length);
        let mut start = range.start;
        while !rest.is_empty() {
            let end = range.end.min(boundary(start, SEGMENTS));
            let (its, others) = rest.split_at_mut_checked(usize::try_from(end - start).ok()?)?;
            if !self.fill_held(&(start..end), its) {
                return None;
            }
            (rest, start) = (others, end);
            tokio::task::yield_now().await;
        }
        Some(out.freeze())
    }

    /// Whether the system held all of it.
    fn fill_held(&self, range: &Range<u64>, out: &mut [u8]) -> bool {
        let read = |out: &mut [u8], at| {
            let wanted = out.len();
            let read =
                rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(out)], at, ReadWriteFlags::NOWAIT)?;
            if read == wanted { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        };
        self.fill_by(range.clone(), out, read).is_ok()
    }

    /// Reads a range of the file. Blocks.
    ///
    /// # Errors
    /// [`Error::Range`] where it leaves the file, [`Error::Damaged`].
    pub(crate) fn read_all(&self, range: Range<u64>) -> Result<Bytes> {
        let outside = Error::Range { size: self.size };
        if range.start > range.end || range.end > self.size {
            return Err(outside);
        }
        let length = usize::try_from(range.end - range.start).map_err(|_| outside)?;
        let mut out = Buffer::new(length);
        self.fill(range, out.sized(length))?;
        Ok(out.freeze())
    }

    /// Reads a range of the file into as many bytes of memory. Blocks.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn fill(&self, range: Range<u64>, out: &mut [u8]) -> Result<()> {
        let filled = self.fill_by(range, out, |out, at| self.file.read_exact_at(out, at));
        filled.map_err(|error| match error {
            Unfilled::Read(error) => self.failed(error),
            Unfilled::Opened(why) => damaged(self.id, why),
        })
    }

    /// Fills `out` by reads that fill what they are given or fail. A sealed file is opened segment by segment, so that what is
    /// opened is still in the processor's cache.
    fn fill_by(
        &self,
        mut range: Range<u64>,
        mut out: &mut [u8],
        read: impl Fn(&mut [u8], u64) -> io::Result<()>,
    ) -> std::result::Result<(), Unfilled> {
        let Some(opener) = &self.opener else { return read(out, range.start).map_err(Unfilled::Read) };
        let mut stored: Option<Buffer> = None;
        while !range.is_empty() {
            let span = opener.span(range.clone(), 1);
            let length = usize::try_from(span.stored.end - span.stored.start).unwrap_or(usize::MAX);
            let stored = stored.get_or_insert_with(|| Buffer::new(length)).sized(length);
            read(stored, span.stored.start).map_err(Unfilled::Read)?;
            let plain = usize::try_from(span.plain.end - span.plain.start).unwrap_or(usize::MAX);
            let short = || Unfilled::Read(io::ErrorKind::InvalidInput.into());
            let (its, others) = out.split_at_mut_checked(plain).ok_or_else(short)?;
            opener.open_into(&span, stored, its).map_err(Unfilled::Opened)?;
            (range.start, out) = (span.plain.end, others);
        }
        Ok(())
    }

    /// A file that became shorter after it was opened is damaged, whatever error the system reports.
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

/// Why memory was not filled.
enum Unfilled {
    Read(io::Error),
    Opened(seal::Error),
}

/// The reader only sees that the stream ends, so the reason is logged here.
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
            for range in [0..size, 0..HELD + 1, 7..HELD + 8, 5..5, size - 1..size + 1] {
                assert_eq!(file.read_held(&range), None, "{range:?}, sealed: {seals}");
            }
            for range in [0..size, 1..size, 65_000..399_999, 7..7] {
                let mut found = None;
                for _ in 0..100 {
                    file.read_all(range.clone()).unwrap();
                    found = found.or(file.read_by_turns(&range).await);
                }
                let expected = &bytes[range.start as usize..range.end as usize];
                assert_eq!(found.as_deref(), Some(expected), "{range:?}, sealed: {seals}");
            }
            assert_eq!(file.read_by_turns(&(1..size + 1)).await, None);
        }
    }
}
