//! Reads ffmpeg's fragmented MP4 one fragment at a time.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use package::TrackInit;
use package::fragmented::{self, Sample};

use crate::{Error, Result};

/// Bytes of a fragment at most: half a minute of 100 Mbit/s.
const MOST_BYTES: u64 = 512 << 20;

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
    /// `ftyp` and `moov`: every fragment is read behind them.
    head: Vec<u8>,
    left: u64,
}

impl Fragments {
    /// Opens a file that ffmpeg still writes; only its whole fragments are seen.
    pub(crate) fn open_running(path: &Path) -> Result<Self> {
        let mut fragments = Self::open(path)?;
        let whole = whole(&mut fragments.file, fragments.left);
        fragments.left = whole.map_err(|source| Error::File { path: path.to_owned(), source })?;
        Ok(fragments)
    }

    /// Bytes that are not read yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let left = file.metadata().map_err(failed)?.len();
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(256 << 10, file),
            head: vec![],
            left,
        })
    }

    /// The next fragment; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Fragment>> {
        let mut bytes = self.head.clone();
        let mut started = false;
        while self.left > 0 {
            let kind = self.read_box(&mut bytes)?;
            match (&kind, started) {
                (b"ftyp" | b"moov", false) => self.head.clone_from(&bytes),
                (b"moof", false) => started = true,
                (b"mdat", true) => {
                    let read = fragmented::read(&bytes).map_err(Error::Encoded)?;
                    return Ok(Some(Fragment { track: read.track, samples: read.samples, bytes }));
                }
                (b"mfra" | b"free", false) => bytes.truncate(self.head.len()),
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
        if bytes > self.left || bytes > MOST_BYTES {
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
