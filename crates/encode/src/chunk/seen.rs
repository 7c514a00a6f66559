//! Which frames ffmpeg decoded, from the list that the filter graph writes.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use crate::{Error, Result};

/// Times of decoded frames in the unit of the filter graph, in the order in which they left the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// How many.
    pub(super) frames: u64,
    /// The least time.
    pub(super) first: Option<i64>,
    /// The greatest time.
    pub(super) last: Option<i64>,
    /// The widest distance between neighbours, and where it begins.
    pub(super) gap: Option<(i64, i64)>,
}

/// Reads the list: lines of `frame:0    pts:1001    pts_time:0.04`, others between them. No file, no frames.
///
/// # Errors
/// Also where the list ends in the middle of a line: ffmpeg says nothing of what it could not write of it.
pub(super) fn read(path: &Path) -> Result<Seen> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::default()),
        Err(error) => return Err(failed(error)),
    };
    let (mut seen, mut line) = (Seen::default(), String::new());
    while file.read_line(&mut line).map_err(failed)? > 0 {
        if !line.ends_with('\n') {
            return Err(failed(ErrorKind::UnexpectedEof.into()));
        }
        if let Some(time) = time(&line) {
            seen.add(time);
        }
        line.clear();
    }
    Ok(seen)
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

fn time(line: &str) -> Option<i64> {
    let rest = line.strip_prefix("frame:")?;
    rest.split_ascii_whitespace().find_map(|word| word.strip_prefix("pts:"))?.parse().ok()
}

impl Seen {
    fn add(&mut self, time: i64) {
        if let Some(last) = self.last {
            let gap = time.saturating_sub(last);
            if self.gap.is_none_or(|(widest, _)| gap > widest) {
                self.gap = Some((gap, last));
            }
        }
        self.frames += 1;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
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
