//! The clock of a source that jumps: where it does, and its bytes with one clock from the beginning to the end.
//!
//! Recordings are joined, encoders reconnect, discs consist of cells: in MPEG-TS, MPEG-PS and FLV the times then begin
//! again, or leap. Such a source is a row of [pieces](Piece). Once they are known, a copy of the source gets new times
//! in the places of the old ones, so that everything behind that (probing, seeking, encoding) reads a film like any
//! other.

pub(crate) mod flv;
mod parts;
mod pes;
mod ps;
mod ts;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use model::media::Piece;

use crate::{Container, Error, Rejection, Result, sniff};

pub(crate) use self::parts::{Parts, Stamp};
pub use crate::jumps::Jumps;

/// Whether times in files of that kind can be changed where they stand.
pub(crate) fn can_be_set(container: Container) -> bool {
    matches!(container, Container::MpegTs | Container::MpegPs | Container::Flv)
}

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// Bytes that parsers may read beyond the current unit: more than any unit that contains times.
const AHEAD: usize = 1 << 10;

/// Gives a copy of a source one clock: moves the times of its pieces as these say. Flash video files that were appended
/// to each other become one.
///
/// # Errors
/// Of the file system, and [`Error::Rejected`] for containers whose times cannot be changed where they stand.
pub fn set(path: &Path, pieces: &[Piece]) -> Result<()> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let mut head = Vec::new();
    (&file).take(crate::HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    let container = sniff(&head)?;
    let shifts = Shifts(pieces);
    if container == Container::Flv {
        return flv::set(&file, shifts, |at, bytes| file.write_all_at(bytes, at)).map_err(failed);
    }
    let step = step_of(container, ts::packet_bytes(&head)).ok_or(Rejection::JumpingClock)?;
    walk(&file, shifts, step).map_err(failed)
}

/// Changes times in the first of the bytes that it is given, which lie at that place in the file, and says where the next
/// unit begins.
type ChangeUnit = fn(&mut [u8], u64, Shifts<'_>) -> usize;

/// How times are changed in a container; packets of transport streams have so many bytes.
fn step_of(container: Container, packet_bytes: usize) -> Option<ChangeUnit> {
    Some(match (container, packet_bytes) {
        (Container::MpegTs, 188) => ts::step::<188>,
        (Container::MpegTs, 192) => ts::step::<192>,
        (Container::MpegTs, _) => ts::step::<204>,
        (Container::MpegPs, _) => ps::step,
        _ => return None,
    })
}

/// As [`set`] for a file in memory.
#[cfg(feature = "fuzzing")]
pub(crate) fn set_within(
    container: Container,
    packet_bytes: usize,
    file: &mut [u8],
    pieces: &[Piece],
) -> std::io::Result<()> {
    let shifts = Shifts(pieces);
    let Some(step) = step_of(container, packet_bytes) else {
        let before = file.to_vec();
        return flv::set(std::io::Cursor::new(before), shifts, |at, bytes| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            file[at..at + bytes.len()].copy_from_slice(bytes);
            Ok(())
        });
    };
    let mut next = 0;
    while next < file.len() {
        let length = step(&mut file[next..], next as u64, shifts).max(1);
        next = next.saturating_add(length);
    }
    Ok(())
}

/// Walks a file from unit to unit.
fn walk(file: &File, shifts: Shifts<'_>, step: ChangeUnit) -> std::io::Result<()> {
    let bytes = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < bytes {
        let there = usize::try_from(bytes - at).unwrap_or(BLOCK).min(BLOCK);
        let part = &mut block[..there];
        file.read_exact_at(part, at)?;
        let is_last = at + there as u64 == bytes;
        // A unit that may continue after the block is read in the next one.
        let most = if is_last { there } else { there - AHEAD };
        let mut next = 0;
        while next < most {
            let length = step(&mut part[next..], at + next as u64, shifts).max(1);
            next = next.saturating_add(length);
        }
        file.write_all_at(part, at)?;
        at = at.saturating_add(next as u64);
    }
    Ok(())
}

/// By how much times are moved, by stream and place in the file.
#[derive(Debug, Clone, Copy)]
struct Shifts<'a>(&'a [Piece]);

impl Shifts<'_> {
    /// Ticks to be added to times of a stream that stand in a unit which ends at that byte.
    fn of(self, id: u32, end: u64) -> i64 {
        let start = |piece: &Piece| {
            piece.starts.iter().find(|(of, _)| *of == id).map_or(piece.from, |(_, from)| *from)
        };
        // No stream begins a piece before the first that does.
        let begun = self.0.partition_point(|piece| piece.from < end);
        let piece = self.0.iter().take(begun).rfind(|piece| start(piece) < end);
        piece.map_or(0, |piece| piece.ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_its_own_place_where_a_piece_begins() {
        let piece = |from, starts: &[(u32, u64)], ticks| Piece { from, starts: starts.to_vec(), ticks };
        let pieces = [piece(0, &[], 0), piece(100, &[(7, 100), (8, 300)], 5), piece(500, &[(7, 500)], 9)];
        let check = |id, end, ticks| assert_eq!(Shifts(&pieces).of(id, end), ticks, "{id} {end}");
        check(7, 100, 0);
        check(7, 101, 5);
        check(8, 300, 0);
        check(8, 301, 5);
        // A stream that nothing is known of changes with the first that does.
        check(9, 200, 5);
        check(8, 501, 9);
        assert_eq!(Shifts(&[]).of(1, 1), 0);
    }
}
