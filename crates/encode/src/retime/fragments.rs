//! Reads ffmpeg's fragmented MP4 one fragment at a time.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use package::TrackInit;
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
    fn read_box(&mut self, to: &mut Vec<u8>) -> Result<[u8; 4]> {
        let start = to.len();
        self.append(8, to)?;
        let size = to[start..start + 4].try_into().map(u32::from_be_bytes).unwrap_or(0);
        let kind = to[start + 4..start + 8].try_into().unwrap_or_default();
        let (size, header) = match size {
            1 => {
                self.append(8, to)?;
                (to[start + 8..start + 16].try_into().map(u64::from_be_bytes).unwrap_or(0), 16)
            }
            size => (u64::from(size), 8),
        };
        let body = size.checked_sub(header).ok_or_else(|| self.broken("a box smaller than its header"))?;
        self.append(body, to)?;
        Ok(kind)
    }

    fn append(&mut self, bytes: u64, to: &mut Vec<u8>) -> Result<()> {
        if bytes > self.left || bytes > MAX_BYTES {
            return Err(self.broken("a box larger than the file"));
        }
        let read = (&mut self.file).take(bytes).read_to_end(to);
        let read = read.map_err(|source| Error::File { path: self.path.clone(), source })?;
        if read as u64 != bytes {
            return Err(Error::File { path: self.path.clone(), source: ErrorKind::UnexpectedEof.into() });
        }
        self.left -= bytes;
        Ok(())
    }

    fn broken(&self, reason: &str) -> Error {
        Error::Unplanned { reason: format!("ffmpeg's file consists of {reason}") }
    }
}

/// The end of the last whole fragment; the file is at its beginning again.
fn whole(file: &mut BufReader<File>, bytes: u64) -> std::io::Result<u64> {
    let (mut at, mut end) = (0_u64, 0);
    while bytes - at >= 16 {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = header;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            1 => u64::from_be_bytes(header[8..].try_into().unwrap_or_default()),
            size => u64::from(size),
        };
        if size < 8 || size > bytes - at {
            break;
        }
        at += size;
        if &kind == b"mdat" {
            end = at;
        }
    }
    file.rewind()?;
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_stands_in_front_is_passed_over_in_the_time_that_its_bytes_take() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.mp4");
        std::fs::write(&path, b"\0\0\0\x08ftyp".repeat(400_000)).unwrap();
        let begun = Instant::now();
        assert!(Fragments::open(&path).unwrap().next().unwrap().is_none());
        // Far more than it takes, and far less than if each were copied with all before it.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
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
