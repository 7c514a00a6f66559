//! Lists of decoded frames that are given beforehand: what hostile ones lead to.

use std::path::Path;

use model::Plan;
use model::media::Source;
use model::plan::Medium;

use super::{Work, audio, changing, seen, video};
use crate::{Error, Result};

/// Result of the lists of frames for a chunk.
#[derive(Debug)]
pub struct Decoded {
    /// The first time in the head of the list.
    pub first: Option<i64>,
    /// How many frames were decoded.
    pub frames: u64,
    /// The least time at which one begins, and the greatest at which one ends.
    pub span: Option<(i64, i64)>,
    /// Whether the chunk may be shown before it is whole.
    pub begins_well: bool,
    /// Whether the sound is decoded once more, because its form may change on the way.
    pub again: bool,
    /// Note about missing sound.
    pub note: Option<String>,
    /// Whether the frames make up the chunk.
    pub outcome: Result<()>,
}

/// Evaluates lists of where frames begin, and of sound where they end, for a chunk.
pub(crate) fn decoded(
    (plan, source): (&Plan, &Source),
    number: u32,
    (starts, ends): (&Path, &Path),
) -> Result<Decoded> {
    let (file, scratch) = (Path::new(""), Path::new(""));
    let work = Work { plan, chunk: number, source, file, holes: false, scratch };
    let missing = || Error::Plan { reason: format!("it has no chunk {number}") };
    let chunk = plan.chunk(number).ok_or_else(missing)?;
    let first = seen::first(starts)?;
    let (found, begins_well, again, note, outcome) = match (chunk.of, &source.video) {
        (Medium::Video, Some(film)) => {
            let frames = plan.grid.span(&chunk.segments).ok_or_else(missing)?;
            let padding = if frames.end == plan.grid.frames() { video::missing(film) } else { 0 };
            let found = seen::read(starts)?;
            let outcome = video::check(film, &frames, padding, found);
            (found, video::begins_well(&work, chunk, first), false, None, outcome)
        }
        (Medium::Audio(n), _) => {
            let lists = audio::lists();
            let part = audio::part(&work, chunk, n, &lists)?;
            let found = seen::read_both(starts, ends)?;
            let again = changing::is_likely(&part.sound, found);
            let note = audio::missing(part.audio, &part.sound, found);
            let outcome = audio::check(part.audio, &part.sound, part.end, found);
            (found, part.begins_well(first), again, note, outcome)
        }
        _ => return Err(missing()),
    };
    let span = found.first.zip(found.last);
    Ok(Decoded { first, frames: found.frames, span, begins_well, again, note, outcome })
}
