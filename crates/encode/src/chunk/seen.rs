//! The frames that ffmpeg decoded, from the list that the filter graph writes.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use crate::{Error, Result};

/// File name of the list in the folder of a run.
pub(super) const LIST: &str = "seen";

/// Bytes of a line at most; ffmpeg's have less than a hundred.
const MAX_LINE: u64 = 4096;

/// Times of decoded frames in the unit of the filter graph, in the order in which they left the decoder. A picture ends
/// where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// How many.
    pub(super) frames: u64,
    /// The least time at which one begins.
    pub(super) first: Option<i64>,
    /// The greatest time at which one ends.
    pub(super) last: Option<i64>,
    /// The widest distance between the end of one and the beginning of the next, and where it begins.
    pub(super) gap: Option<(i64, i64)>,
}

/// The first time in a list that ffmpeg still writes, if there is one in its first lines: decoding began at it or
/// earlier.
pub(super) fn first(path: &Path) -> Result<Option<i64>> {
    /// Bytes that are read: some hundred frames.
    const HEAD: u64 = 16 << 10;
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(HEAD).read_to_end(&mut head).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // A line without an end may contain half a number.
    Ok(head.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).find_map(time))
}

/// Reads the list: lines of `frame:0    pts:1001    pts_time:0.04`, others between them. No file, no frames.
///
/// # Errors
/// Also where the list ends in the middle of a line, because ffmpeg says nothing of what it could not write of it, or has
/// a line that is none of its own.
pub(super) fn read(path: &Path) -> Result<Seen> {
    let (mut times, mut seen) = (Times::open(path)?, Seen::default());
    while let Some(time) = times.next()? {
        seen.add(time, time);
    }
    Ok(seen)
}

/// Reads two such lists of the same frames of sound: where each begins, and where it ends.
///
/// # Errors
/// As [`read`], and where one list is shorter.
pub(super) fn read_both(starts: &Path, ends: &Path) -> Result<Seen> {
    let (mut starts, mut ends, mut seen) = (Times::open(starts)?, Times::open(ends)?, Seen::default());
    while let Some(start) = starts.next()? {
        let end = ends.next()?.ok_or_else(|| ends.failed(ErrorKind::UnexpectedEof.into()))?;
        seen.add(start, end);
    }
    Ok(seen)
}

/// A list that is read.
struct Times<'a> {
    path: &'a Path,
    file: Option<BufReader<File>>,
    line: Vec<u8>,
}

impl<'a> Times<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let times = |file| Self { path, file, line: vec![] };
        match File::open(path) {
            Ok(file) => Ok(times(Some(BufReader::new(file)))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(times(None)),
            Err(error) => Err(times(None).failed(error)),
        }
    }

    /// The next time; `None` at the end of the list.
    fn next(&mut self) -> Result<Option<i64>> {
        loop {
            self.line.clear();
            let Some(file) = &mut self.file else { return Ok(None) };
            match file.take(MAX_LINE).read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(None),
                Ok(_) if self.line.ends_with(b"\n") => {}
                Ok(read) if read as u64 == MAX_LINE => {
                    return Err(self.failed(ErrorKind::InvalidData.into()));
                }
                Ok(_) => return Err(self.failed(ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(self.failed(error)),
            }
            if let Some(time) = time(&self.line) {
                return Ok(Some(time));
            }
        }
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::File { path: self.path.to_owned(), source }
    }
}

/// Removes the list of an earlier run.
pub(super) fn forget(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn time(line: &[u8]) -> Option<i64> {
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("frame:")?;
    rest.split_ascii_whitespace().find_map(|word| word.strip_prefix("pts:"))?.parse().ok()
}

impl Seen {
    fn add(&mut self, start: i64, end: i64) {
        if let Some(last) = self.last {
            let gap = start.saturating_sub(last);
            if self.gap.is_none_or(|(widest, _)| gap > widest) {
                self.gap = Some((gap, last));
            }
        }
        self.frames += 1;
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
        self.last = Some(self.last.map_or(end, |last| last.max(end)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_between_other_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        assert_eq!(read(&path).unwrap(), Seen::default());
        let text = "frame:0    pts:-41  pts_time:-0.04\nseen=1\nframe:1    pts:0       pts_time:0\nseen=1\n\
                    frame:2    pts:NOPTS   pts_time:NOPTS\nframe:3    pts:125     pts_time:1\n";
        std::fs::write(&path, text).unwrap();
        let seen = Seen { frames: 3, first: Some(-41), last: Some(125), gap: Some((125, 0)) };
        assert_eq!(read(&path).unwrap(), seen);
    }

    #[test]
    fn frames_of_sound_end_where_the_other_list_says() {
        let folder = tempfile::tempdir().unwrap();
        let (starts, ends) = (folder.path().join("starts"), folder.path().join("ends"));
        let list = |times: &[i64]| -> String {
            times.iter().map(|time| format!("frame:0    pts:{time}  pts_time:0\nseen=1\n")).collect()
        };
        std::fs::write(&starts, list(&[-10, 65_525, 200_000])).unwrap();
        std::fs::write(&ends, list(&[65_525, 131_060, 210_000])).unwrap();
        let seen = Seen { frames: 3, first: Some(-10), last: Some(210_000), gap: Some((68_940, 131_060)) };
        assert_eq!(read_both(&starts, &ends).unwrap(), seen);
        std::fs::write(&ends, list(&[65_525, 131_060])).unwrap();
        assert!(read_both(&starts, &ends).unwrap_err().is_retryable());
    }

    #[test]
    fn the_first_time_is_told_as_soon_as_its_line_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        assert_eq!(first(&path).unwrap(), None);
        let check = |text: &str, expected| {
            std::fs::write(&path, text).unwrap();
            assert_eq!(first(&path).unwrap(), expected, "{text}");
        };
        check("", None);
        check("frame:0    pts:-41", None);
        check("frame:0    pts:-41  pts_time:-0.04\nseen=1\nframe:1    pts:12", Some(-41));
        check("frame:0    pts:NOPTS   pts_time:NOPTS\nseen=1\nframe:1    pts:0  pts_time:0\n", Some(0));
        check(&"seen=1\n".repeat(1_000_000), None);
    }

    #[test]
    fn foreign_lines_are_passed_over_and_endless_ones_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let frame = b"frame:0    pts:7  pts_time:0.000007\n";
        std::fs::write(&path, [&b"caf\xe9\n"[..], frame].concat()).unwrap();
        assert_eq!(read(&path).unwrap().frames, 1);
        assert_eq!(first(&path).unwrap(), Some(7));
        std::fs::write(&path, [&frame[..], &[b' '; 1 << 20]].concat()).unwrap();
        let Error::File { source, .. } = read(&path).unwrap_err() else { panic!("another error") };
        assert_eq!(source.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn a_list_that_is_cut_short_is_no_list_of_all_frames() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        for cut in [
            "frame:0    pts:-41  pts_time:-0.04\nseen=1\nframe:1    pts:12",
            "frame:0    pts:0  pts_time:0\nseen",
        ] {
            std::fs::write(&path, cut).unwrap();
            let error = read(&path).unwrap_err();
            assert!(error.is_retryable() && error.log().is_empty(), "{error:?}");
        }
    }
}
