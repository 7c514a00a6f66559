//! The packets of all pictures and sounds in the order of the file, where a clock jumps.

use std::collections::BTreeMap;

use super::answer::Answer;
use crate::clock::{Jumps, Parts, Stamp};
use crate::run::{Arg, Lines};
use crate::{Container, Result};

/// The question whose answer is read here.
pub(super) fn question() -> Vec<Arg> {
    let entries = "packet=stream_index,pts,dts,duration,pos";
    ["-show_entries", entries, "-of", "compact=p=0:nk=1"].map(Arg::from).to_vec()
}

/// Takes ffprobe's lines apart: `stream|pts|dts|duration|pos`.
#[derive(Debug)]
pub(super) struct Scan {
    lines: Lines,
    second: i64,
    parts: Parts,
    streams: BTreeMap<u32, Known>,
    /// The last reported byte position; ffprobe reports none for packets that a parser split.
    at: u64,
}

/// Facts about a stream.
#[derive(Debug)]
struct Known {
    id: u32,
    is_picture: bool,
    /// Ticks of the last packet that told how long it lasts.
    duration: i64,
    /// How much later than it is decoded the last packet was shown that told both.
    delay: i64,
}

impl Scan {
    /// A scan of all pictures and sounds; `None` where they do not share one clock.
    pub(super) fn new(container: Container, answer: &Answer) -> Option<Self> {
        let mut streams = BTreeMap::new();
        let mut base = None;
        for stream in answer.streams.iter().filter(|stream| stream.is_picture() || stream.is_sound()) {
            let own = stream.time_base()?;
            if *base.get_or_insert(own) != own {
                return None;
            }
            let id = match (container, stream.is_picture()) {
                (Container::Flv, true) => 9,
                (Container::Flv, false) => 8,
                _ => stream.id()?,
            };
            streams
                .insert(stream.index, Known { id, is_picture: stream.is_picture(), duration: 0, delay: 0 });
        }
        let base = base?;
        let second = i64::from(base.den / base.num).max(1);
        Some(Self { lines: Lines::default(), second, parts: Parts::new(second), streams, at: 0 })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`crate::Rejection::JumpingClock`] where the clock jumps again and again.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        let fed = lines.feed(bytes, |line| {
            let Some(stamp) = self.stamp(line) else { return Ok(()) };
            Ok(self.parts.take(&stamp)?)
        });
        self.lines = lines;
        fed
    }

    /// Takes the next packet.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub(super) fn take(&mut self, stamp: &Stamp) -> Result<()> {
        Ok(self.parts.take(stamp)?)
    }

    fn stamp(&mut self, line: &[u8]) -> Option<Stamp> {
        let mut fields = std::str::from_utf8(line).ok()?.split('|');
        let stream = self.streams.get_mut(&fields.next()?.parse().ok()?)?;
        let mut time = || fields.next().map(|text| text.parse::<i64>().ok());
        let (pts, dts, duration) = (time()?, time()?, time()?);
        if let Some(from) = fields.next().and_then(|text| text.parse().ok()) {
            self.at = from;
        }
        if let Some(duration) = duration.filter(|ticks| (1..self.second).contains(ticks)) {
            stream.duration = duration;
        }
        if let (Some(pts), Some(dts)) = (pts, dts) {
            stream.delay = pts.saturating_sub(dts);
        }
        // MPEG-PS keeps the one time or the other of some frames.
        let shown = pts.or_else(|| Some(dts?.saturating_add(stream.delay)))?;
        Some(Stamp {
            id: stream.id,
            is_picture: stream.is_picture,
            pts: shown,
            dts: dts.or(pts)?,
            duration: stream.duration,
            from: self.at,
        })
    }

    /// Where the clock jumps; `None` where it does not.
    pub(super) fn finish(self) -> Option<Jumps> {
        let second = self.second;
        let (pieces, leaps) = self.parts.laid();
        let note = |(at, length): (i64, i64)| {
            let (at, length) = (at.max(0) / second, length / second);
            format!(
                "the recording pauses for {} at {}: the pause is left out",
                clock_time(length),
                clock_time(at)
            )
        };
        let notes = leaps.into_iter().take(MAX_NOTES).map(note).collect();
        (!pieces.is_empty()).then_some(Jumps { pieces, notes })
    }
}

/// Pauses that are told.
const MAX_NOTES: usize = 20;

/// `0:07`, `1:02:03`.
fn clock_time(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(container: Container, lines: &str) -> Option<Jumps> {
        let answer: Answer = serde_json::from_str(
            r#"{"streams": [
            {"index": 0, "id": "0x100", "codec_type": "video", "time_base": "1/1000"},
            {"index": 1, "id": "0x101", "codec_type": "audio", "time_base": "1/1000"}]}"#,
        )
        .unwrap();
        let mut scan = Scan::new(container, &answer).unwrap();
        lines.as_bytes().chunks(7).for_each(|part| scan.feed(part).unwrap());
        scan.finish()
    }

    #[test]
    fn pieces_begin_where_the_last_known_byte_is() {
        let lines = "0|0|0|40|564\n1|0|N/A|20|N/A\n\n0|N/A|40|N/A|900\n2|9|9|9|9\n0|5400000|5400000|40|2000\n\
                     1|5400000|5400000|20|N/A\n";
        let jumps = scan(Container::MpegTs, lines).unwrap();
        assert_eq!(jumps.pieces[1].starts, [(0x100, 2000), (0x101, 2000)]);
        assert_eq!(jumps.pieces[1].ticks, 80 - 5_400_000);
        assert_eq!(jumps.notes, ["the recording pauses for 1:29:59 at 0:00: the pause is left out"]);
        let tags = scan(Container::Flv, lines).unwrap();
        assert_eq!(tags.pieces[1].starts, [(8, 2000), (9, 2000)]);
        assert_eq!(scan(Container::Flv, "0|0|0|40|1\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([0-9|NA/-]{0,40}\n){0,20}") {
            scan(Container::MpegTs, &text);
        }
    }
}
