//! Whether a file is whole: what can be read of it, against what it announces.

use std::collections::BTreeMap;

use super::announced::Announced;
use super::answer::{Answer, Stream, us};
use super::scan;
use crate::{Container, Rejection};

/// Time that may always be missing at the end, in µs: containers round, and count silence and subtitles in.
const ALWAYS_US: i64 = 2_000_000;

/// Time that may be missing of a long film.
const MAX_US: i64 = 10_000_000;

/// A longer missing part is noted.
const TOLD_US: i64 = 500_000;

/// A file as it lies there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) container: Container,
    /// How many bytes there are.
    pub(super) bytes: u64,
    /// The announced length.
    pub(super) announced: Announced,
}

impl Whole {
    /// Refuses a file that was cut off: the packets that can be read end long before the announced end. Where a little
    /// is missing, or nobody knows how much, a note says so.
    pub(super) fn check(
        &self,
        answer: &Answer,
        film: Option<&Stream>,
        packets: &BTreeMap<u32, scan::Stream>,
    ) -> Result<Option<String>, Rejection> {
        if self.announced == Announced::More {
            return Ok(Some("the file stops in the middle, and does not say how much is missing".to_owned()));
        }
        let Some((readable, announced)) = self.length(answer, film, packets) else { return Ok(None) };
        let missing = announced.saturating_sub(readable);
        if missing > (announced / 50).clamp(ALWAYS_US, MAX_US) {
            let ms = |us: i64| u64::try_from(us / 1000).unwrap_or(0);
            return Err(Rejection::Truncated { readable_ms: ms(readable), announced_ms: ms(announced) });
        }
        let tenths = missing / 100_000;
        let note =
            || format!("the file ends {}.{} s before the end that it announces", tenths / 10, tenths % 10);
        Ok((missing >= TOLD_US).then(note))
    }

    /// The readable and the announced length, in µs; `None` where nothing is announced, or only a guess.
    fn length(
        &self,
        answer: &Answer,
        film: Option<&Stream>,
        packets: &BTreeMap<u32, scan::Stream>,
    ) -> Option<(i64, i64)> {
        use Container::{Aiff, Flac, Flv, Matroska, Mov};
        let sound = || answer.streams.iter().find(|stream| stream.is_sound());
        let own = film.or_else(sound);
        let span = |stream: &Stream| Some((stream.time_base()?, packets.get(&stream.index)?.span?));
        let own_us = || {
            own.and_then(span).map_or(0, |(base, (first, last))| base.us(last).saturating_sub(base.us(first)))
        };
        match (self.announced, self.container) {
            (Announced::Us(us), _) => return Some((own_us(), us)),
            // Of these ffmpeg announces what it finds; what there was to be found is known by its bytes.
            (Announced::Bytes(announced), _) => {
                let announced = (announced > self.bytes).then(|| i128::from(announced))?;
                let scaled = i128::from(own_us()) * announced / i128::from(self.bytes.max(1));
                return Some((own_us(), i64::try_from(scaled).ok()?));
            }
            (_, Mov | Flac | Aiff | Matroska | Flv) => {}
            _ => return None,
        }
        let all_ends =
            || answer.streams.iter().filter_map(|stream| span(stream).map(|(base, (_, end))| base.us(end)));
        if let Some(announced) = own.and_then(|stream| us(stream.duration.as_deref())) {
            // Of fragments ffmpeg tells the time of the end, as far as they are there, and not the length: what was taken
            // out of a running broadcast begins late, by years where the time of day is the clock.
            let ends = own.and_then(span).map(|(base, (_, end))| base.us(end));
            if ends.is_some_and(|end| end.saturating_sub(announced).saturating_abs() < TOLD_US) {
                return None;
            }
            // Of Matroska the tags tell of a length until the film's end, however early a stream's own last packet comes.
            let others = match self.container {
                Matroska => all_ends().chain(ends).max().unwrap_or(0),
                _ => 0,
            };
            return Some((own_us().max(others), announced));
        }
        let announced = us(answer.format.duration.as_deref())?;
        // Matroska counts from 0 of the clock, wherever on it the film begins.
        let start = us(answer.format.start_time.as_deref()).unwrap_or(0).min(0);
        Some((all_ends().max().map_or(0, |end| end.saturating_sub(start)), announced))
    }
}

/// Notes on packets whose times are of no use.
pub(super) fn lost(stream: &scan::Stream) -> Vec<String> {
    let what = if stream.shown.is_empty() { "packets" } else { "frames" };
    let repeated = stream.repeated().map(|(repeated, all)| {
        format!(
            "the file's times go back in the middle: {repeated} of {all} {what} have the same time as another one \
             and are left out"
        )
    });
    let untimed = stream
        .untimed()
        .map(|(untimed, all)| format!("{untimed} of {all} {what} have no time and are left out"));
    let stood = stream.stood().map(|(stood, all)| {
        format!("the file's times stand still: {stood} of {all} {what} have the same time as another one and are left out")
    });
    repeated.into_iter().chain(untimed).chain(stood).collect()
}

/// The note on a recording that begins at a byte within a file and is not read.
pub(super) fn appended(at: u64, bytes: u64) -> String {
    let percent = bytes.saturating_sub(at).saturating_mul(100) / bytes.max(1);
    format!(
        "another recording was appended to the file, and {percent} % of its bytes are left out: import it as a file of \
         its own"
    )
}
