//! Whether a file is whole: what can be read of it, against what it announces.

use std::collections::BTreeMap;

use super::answer::{Answer, Stream, us};
use super::scan;
use crate::{Container, Rejection};

/// What may always be missing at the end, in µs: containers round, and count silence and subtitles in.
const ALWAYS_US: i64 = 2_000_000;

/// What may be missing of a long film.
const MAX_US: i64 = 10_000_000;

/// What is missing beyond that is told.
const TOLD_US: i64 = 500_000;

/// A file as it lies there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) container: Container,
    /// Its first bytes.
    pub(super) head: &'a [u8],
    /// How many there are.
    pub(super) bytes: u64,
}

impl Whole<'_> {
    /// Refuses a file that was cut off: the packets that can be read end long before the announced end. Where a little
    /// is missing, a note says so.
    pub(super) fn check(
        &self,
        answer: &Answer,
        film: Option<&Stream>,
        packets: &BTreeMap<u32, scan::Stream>,
    ) -> Result<Option<String>, Rejection> {
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

    /// What can be read and what is announced, in µs; `None` where nothing is, or nothing but a guess.
    fn length(
        &self,
        answer: &Answer,
        film: Option<&Stream>,
        packets: &BTreeMap<u32, scan::Stream>,
    ) -> Option<(i64, i64)> {
        use Container::{Aiff, Avi, Flac, Flv, Matroska, Mov, W64, Wav};
        let sound = || answer.streams.iter().find(|stream| stream.is_sound());
        let own = film.or_else(sound);
        let span = |stream: &Stream| Some((stream.time_base()?, packets.get(&stream.index)?.span?));
        let own_us = || {
            own.and_then(span).map_or(0, |(base, (first, last))| base.us(last).saturating_sub(base.us(first)))
        };
        match self.container {
            Mov | Flac | Aiff | Matroska | Flv => {}
            // Of these ffmpeg announces what it finds; what there was to be found stands in front.
            Avi | Wav | W64 => {
                let announced = self.announced_bytes().filter(|announced| *announced > self.bytes)?;
                let scaled = i128::from(own_us()) * i128::from(announced) / i128::from(self.bytes.max(1));
                return Some((own_us(), i64::try_from(scaled).ok()?));
            }
            _ => return None,
        }
        if let Some(announced) = own.and_then(|stream| us(stream.duration.as_deref())) {
            return Some((own_us(), announced));
        }
        let announced = us(answer.format.duration.as_deref())?;
        let ends =
            answer.streams.iter().filter_map(|stream| span(stream).map(|(base, (_, end))| base.us(end)));
        // Matroska counts from 0 of the clock, wherever on it the film begins.
        let start = us(answer.format.start_time.as_deref()).unwrap_or(0).min(0);
        Some((ends.max().map_or(0, |end| end.saturating_sub(start)), announced))
    }

    /// Bytes of the file by its own first words: RIFF and Wave64. Who writes into a pipe does not know them.
    fn announced_bytes(&self) -> Option<u64> {
        const UNKNOWN: u32 = 0x7FFF_0000;
        let rest = |at: usize| self.head.get(at..);
        match self.container {
            Container::W64 => rest(16)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
            _ if self.head.starts_with(b"RIFF") => {
                let size = u32::from_le_bytes(*rest(4)?.first_chunk()?);
                (1..UNKNOWN).contains(&size).then_some(u64::from(size) + 8)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_riff_file_says_how_long_it_is() {
        let check = |container, head: &[u8], expected: Option<u64>| {
            assert_eq!(Whole { container, head, bytes: 1000 }.announced_bytes(), expected, "{head:?}");
        };
        check(Container::Avi, b"RIFF\x10\x27\0\0AVI ", Some(10_008));
        check(Container::Wav, b"RIFF\xff\xff\xff\xffWAVE", None);
        check(Container::Wav, b"RIFF\0\0\0\0WAVE", None);
        check(Container::Wav, b"RIFF\x24\xf0\xff\x7fWAVE", None);
        check(Container::Wav, b"RF64\xff\xff\xff\xffWAVE", None);
        check(Container::Avi, b"RIFF\x10", None);
        check(Container::W64, &[&[b'r'; 16][..], &[1, 1, 0, 0, 0, 0, 0, 0]].concat(), Some(257));
    }
}
