//! Output of the jail other than films: lists of decoded frames, pictures.

use encode::Error;
use encode::Rejection::{Gap, Truncated};
use model::plan::Medium;

use crate::input::first;
use crate::place::memory;
use crate::sources::FILM;

/// Lists of the frames that ffmpeg decoded, where each begins and where it ends: they are read whole or not at all, a
/// chunk of pictures needs some, and what is said of those that are missing makes sense.
pub(crate) fn decoded(bytes: &[u8]) {
    let (starts, ends) = first(bytes);
    let folder = tempfile::tempdir_in(memory()).expect("a folder");
    let lists = (folder.path().join("starts"), folder.path().join("ends"));
    std::fs::write(&lists.0, starts).and_then(|()| std::fs::write(&lists.1, ends)).expect("files");
    let is_whole = |list: &[u8]| list.is_empty() || list.ends_with(b"\n");
    let lines = starts.iter().filter(|byte| **byte == b'\n').count() as u64;
    let (source, plan) = &*FILM;
    for (number, chunk) in (0..).zip(&plan.chunks) {
        let film = (plan, source);
        let found = match encode::fuzzing::decoded(film, number, (&lists.0, &lists.1)) {
            Ok(found) => found,
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                assert!(chunk.of != Medium::Video || !is_whole(starts), "{error}");
                continue;
            }
        };
        assert!(is_whole(starts) && found.frames <= lines, "{found:?}");
        assert!(found.first.is_none_or(|first| found.span.is_some_and(|span| span.0 <= first)), "{found:?}");
        assert!(!found.begins_well || found.first.is_some(), "{found:?}");
        assert!(found.note.is_none_or(|note| note.len() < 100));
        match &found.outcome {
            Ok(()) => {
                assert!(chunk.of != Medium::Video || found.frames > 0, "nothing makes up chunk {number}")
            }
            Err(Error::Rejected(Truncated { readable_ms, announced_ms })) => {
                assert!(readable_ms < announced_ms, "{:?}", found.outcome);
            }
            Err(Error::Rejected(Gap { from_ms, to_ms })) => assert!(from_ms <= to_ms, "{:?}", found.outcome),
            Err(other) => panic!("{other}"),
        }
    }
    are_fields(&String::from_utf8_lossy(starts));
}

/// Frames of fields are many, and as many whole ones beside them make them none.
fn are_fields(said: &str) {
    if encode::fuzzing::are_fields(said) {
        let lines = said.lines().count();
        assert!(lines >= 20, "{said:?}");
        assert!(!encode::fuzzing::are_fields(&format!("{said}\n{}", "=progressive\n".repeat(lines))));
    }
}

/// A JPEG: it has a size only where it is whole, which its pixels do not change.
pub(crate) fn picture(bytes: &[u8]) {
    const END: [u8; 2] = [0xff, 0xd9];
    let Some(size) = encode::fuzzing::size(bytes) else { return };
    let begun = bytes.strip_suffix(&END).expect("a picture that has no end");
    assert_eq!(encode::fuzzing::size(&[begun, &[0; 9], &END].concat()), Some(size));
    assert_eq!(encode::fuzzing::size(&[bytes, &[0]].concat()), None);
    // Alone, the numbers say the same.
    let [width, height] = [size.0, size.1].map(|n| u16::try_from(n).expect("16 bits").to_be_bytes());
    let frame = [&[0xff, 0xd8, 0xff, 0xc0, 0, 8, 8][..], &height, &width, &[0], &END].concat();
    assert_eq!(encode::fuzzing::size(&frame), Some(size));
}
