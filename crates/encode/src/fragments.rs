//! Reads ffmpeg's fragmented MP4 one fragment at a time.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use package::TrackInit;
use package::boxes::{Header, Kind};
use package::fragmented::{Head, Sample};

use crate::{Error, Result};

/// Bytes of a fragment at most: half a minute of 100 Mbit/s.
const MAX_BYTES: u64 = 512 << 20;

/// One `moof` with its `mdat`.
#[derive(Debug)]
pub(crate) struct Fragment {
    /// The file's description of the track.
    pub(crate) track: TrackInit,
    /// Samples in decode order.
    pub(crate) samples: Vec<Sample>,
    bytes: Vec<u8>,
}

impl Fragment {
    /// The bytes of a sample.
    pub(crate) fn data(&self, sample: &Sample) -> &[u8] {
        self.bytes.get(sample.data.clone()).unwrap_or_default()
    }
}

/// An open file.
#[derive(Debug)]
pub(crate) struct Fragments {
    path: PathBuf,
    file: BufReader<File>,
    head: Option<Head>,
    bytes: u64,
    left: u64,
}

impl Fragments {
    /// Opens a file that ffmpeg still writes; only its whole fragments are seen.
    pub(crate) fn open_running(path: &Path) -> Result<Self> {
        let mut fragments = Self::open(path)?;
        let whole = whole(&mut fragments.file, fragments.left);
        fragments.bytes = whole.map_err(|source| Error::File { path: path.to_owned(), source })?;
        fragments.left = fragments.bytes;
        Ok(fragments)
    }

    /// Bytes that are not read yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(256 << 10, file),
            head: None,
            bytes,
            left: bytes,
        })
    }

    /// The next fragment; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Fragment>> {
        let mut bytes = vec![];
        let mut started = false;
        while self.left > 0 {
            let kind = self.read_box(&mut bytes)?;
            match (&kind, started) {
                (b"moov", false) if self.head.is_none() => {
                    self.head = Some(Head::read(&bytes).map_err(Error::Encoded)?);
                    bytes.clear();
                }
                (b"ftyp" | b"mfra" | b"free", false) => bytes.clear(),
                (b"moof", false) => started = true,
                (b"mdat", true) => {
                    let head = self.head.as_ref().ok_or_else(|| self.broken("fragments without a head"))?;
                    let from = self.bytes - self.left - bytes.len() as u64;
                    let samples = head.samples(&bytes, from).map_err(Error::Encoded)?;
                    return Ok(Some(Fragment { track: head.track().clone(), samples, bytes }));
                }
                _ => return Err(self.broken("boxes in an unexpected order")),
            }
        }
        if started { Err(self.broken("a fragment without data")) } else { Ok(None) }
    }

    /// Appends the next box.
    fn read_box(&mut self, to: &mut Vec<u8>) -> Result<Kind> {
        let failed = |source| Error::File { path: self.path.clone(), source };
        let header = peek(&mut self.file).map_err(failed)?;
        let header = header.ok_or_else(|| self.broken("a box that is cut short"))?;
        let size = header.size_within(self.left).filter(|size| *size <= MAX_BYTES);
        let size = size.ok_or_else(|| self.broken("a box larger than the file"))?;
        let read = (&mut self.file).take(size).read_to_end(to).map_err(failed)?;
        if read as u64 != size {
            return Err(failed(ErrorKind::UnexpectedEof.into()));
        }
        self.left -= size;
        Ok(header.kind)
    }

    fn broken(&self, reason: &str) -> Error {
        Error::Unplanned { reason: format!("ffmpeg's file consists of {reason}") }
    }
}

/// The header of the next box; `None` where it is broken. The file position stays where it is.
fn peek(file: &mut BufReader<File>) -> std::io::Result<Option<Header>> {
    let mut bytes = Vec::with_capacity(Header::MAX_BYTES);
    file.take(Header::MAX_BYTES as u64).read_to_end(&mut bytes)?;
    file.seek_relative(-(bytes.len() as i64))?;
    Ok(Header::read("ffmpeg's file", &bytes).ok())
}

/// The end of the last whole fragment; the file is at its beginning again.
fn whole(file: &mut BufReader<File>, bytes: u64) -> std::io::Result<u64> {
    let (mut at, mut end) = (0, 0);
    // A box that reaches to the end of a growing file (no size) is not complete yet.
    while let Some(Header { kind, size: Some(size), .. }) = peek(file)?
        && size <= bytes - at
    {
        // Within the buffer where it can be: ffmpeg's file may begin with many small boxes.
        file.seek_relative(size.cast_signed())?;
        at += size;
        if kind == *b"mdat" {
            end = at;
        }
    }
    file.rewind()?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::thread_time::time_of;

    #[test]
    fn what_stands_in_front_is_passed_over_in_the_time_that_its_bytes_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.mp4");
        std::fs::write(&path, b"\0\0\0\x08ftyp".repeat(400_000)).unwrap();
        let took = time_of(|| {
            assert!(Fragments::open(&path).unwrap().next().unwrap().is_none());
            assert_eq!(Fragments::open_running(&path).unwrap().left(), 0);
        });
        // Far more than it takes, and far less than if each were copied with all before it.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn a_second_head_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.mp4");
        let audio = package::TrackInit {
            timescale: 48_000,
            start: 0,
            media: package::Media::Aac { sample_rate: 48_000, channels: 2, config: vec![0x11, 0x90] },
        };
        let init = package::cmaf::init(&audio).unwrap();
        let moov = init.windows(4).position(|kind| kind == b"moov").unwrap() - 4;
        std::fs::write(&path, [&init[..], &init[moov..]].concat()).unwrap();
        assert!(matches!(Fragments::open(&path).unwrap().next(), Err(Error::Unplanned { .. })));
        std::fs::write(&path, &init).unwrap();
        assert!(Fragments::open(&path).unwrap().next().unwrap().is_none());
    }
}
