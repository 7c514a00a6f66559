//! The bytes of a source that a chunk needs, from the container's index alone.
//!
//! Known for MP4 and MOV with sample tables (ISO 14496-12 §8.6, §8.7); fragmented files, compressed indexes and
//! all other containers are read whole. Pure: [`Finder`] says what to read next and is given it.

mod table;

use std::ops::Range;

use model::Plan;
use model::media::Source;
use model::plan::{CaptionOrigin, Medium};
use package::boxes::Header;

use self::table::Track;

/// Bytes that are read of each box on the top level to know it.
const HEADER: u64 = Header::MAX_BYTES as u64;
/// Bytes of an index that are read.
const MAX_INDEX: u64 = 64 << 20;
/// Boxes beside each other on the top level; more are no film.
const MAX_BOXES: usize = 1024;
/// Bytes that ffmpeg looks at from the beginning to know the streams (its `probesize`), and a little more.
const HEAD_BYTES: u64 = 6 << 20;
/// The same where the first pictures are decoded to know them.
const HEAD_BYTES_TO_PROBE: u64 = 64 << 20;
/// How much of the beginning it looks at, in µs (its `analyzeduration` is 5 s).
const HEAD_US: i64 = 10_000_000;
/// A track that small is read whole: chapters, time codes.
const SMALL: u64 = 256 << 10;
/// Read before the moment that is sought: reordering, edit lists, rounding.
const BEFORE_US: i64 = 2_000_000;
/// Read behind the last frame: reordering, decoders that work ahead.
const BEHIND_US: i64 = 5_000_000;
/// The two stretches in which captions within the picture are looked for, and a little more.
const STRETCH_US: i64 = 36_000_000;
/// The end of every track, where the probe looks for it.
const TAIL_US: i64 = 20_000_000;
/// Sounds that are scanned from the beginning.
const SHORT_US: i64 = 150_000_000;
/// Ranges with less than that between them become one.
const JOIN: u64 = 64 << 10;

/// The next step.
#[derive(Debug)]
pub enum Step {
    /// Read these bytes of the source and hand them to [`Finder::next`].
    Read(Range<u64>),
    /// The index is known; `None`: the source is read whole.
    Done(Option<Map>),
}

/// Finds the index of an MP4 file.
#[derive(Debug)]
pub struct Finder {
    bytes: u64,
    at: u64,
    keep: Vec<Range<u64>>,
    moov: Option<Range<u64>>,
    boxes: usize,
}

/// Where the samples of a source are.
#[derive(Debug)]
pub struct Map {
    bytes: u64,
    keep: Vec<Range<u64>>,
    tracks: Vec<Track>,
}

impl Finder {
    /// Begins with a source of so many bytes; the first [`Finder::next`] gets nothing.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, at: 0, keep: vec![], moov: None, boxes: 0 }
    }

    /// Takes what was asked for and says what to do next.
    pub fn next(&mut self, read: &[u8]) -> Step {
        if self.bytes == 0 {
            return Step::Done(None);
        }
        if read.is_empty() {
            return self.header();
        }
        if self.at >= self.bytes {
            return Step::Done(self.map(read));
        }
        match self.walk(read) {
            Some(()) if self.at < self.bytes => self.header(),
            Some(()) => self.moov.clone().map_or(Step::Done(None), Step::Read),
            None => Step::Done(None),
        }
    }

    /// Where the index is, once that and where it ends are known.
    pub(crate) fn index(&self) -> Option<&Range<u64>> {
        self.moov.as_ref().filter(|_| self.at >= self.bytes)
    }

    fn header(&self) -> Step {
        Step::Read(self.at..self.bytes.min(self.at + HEADER))
    }

    /// Passes over a box on the top level.
    fn walk(&mut self, header: &[u8]) -> Option<()> {
        let header = Header::read("source", header).ok()?;
        let length = header.size_within(self.bytes - self.at)?;
        let end = self.at + length;
        self.boxes += 1;
        if self.boxes > MAX_BOXES {
            return None;
        }
        let whole = self.at..end;
        match &header.kind {
            b"moof" | b"sidx" | b"mfra" | b"styp" => return None,
            b"mdat" | b"free" | b"skip" | b"wide" => self.keep.push(self.at..end.min(self.at + HEADER)),
            b"moov" if self.moov.is_some() || length > MAX_INDEX => return None,
            b"moov" => {
                self.moov = Some(whole.clone());
                self.keep.push(whole);
            }
            _ if length > MAX_INDEX => return None,
            _ => self.keep.push(whole),
        }
        self.at = end;
        Some(())
    }

    fn map(&self, moov: &[u8]) -> Option<Map> {
        let tracks = table::tracks(moov)?;
        // A table may announce milliards of samples in a few bytes; they would all be walked.
        let possible = tracks.iter().all(|track| track.bytes <= self.bytes);
        (!tracks.is_empty() && possible).then(|| Map { bytes: self.bytes, keep: self.keep.clone(), tracks })
    }
}

impl Map {
    /// Bytes of the whole source.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The ranges that probing reads, ascending; `None` where only the whole source tells.
    pub fn to_probe(&self) -> Option<Vec<Range<u64>>> {
        self.film()?;
        // Tracks that the index alone does not describe are parsed packet by packet.
        let told = self.tracks.iter().all(|track| {
            (!track.is_picture || track.is_plain) && (!track.is_sound || track.end_us > SHORT_US)
        });
        if !told {
            return None;
        }
        self.collect(HEAD_BYTES_TO_PROBE, |track, times| times.end > track.end_us - TAIL_US)
    }

    /// The ranges that a look for captions within the picture reads beyond those of [`Self::to_probe`], ascending;
    /// `None` where only the whole source tells.
    pub fn to_find_captions(&self) -> Option<Vec<Range<u64>>> {
        let (film, known) = (self.film()?, self.to_probe()?);
        // Seek times count from the first picture or sound of the file.
        let heard = self.tracks.iter().filter(|track| track.is_picture || track.is_sound);
        let start = heard.map(Track::first_us).fold(film.first_us(), i64::min);
        let middle = start + (film.end_us - film.first_us()) / 2;
        let middle = film.sync_before(middle - BEFORE_US) - BEFORE_US..middle + STRETCH_US;
        let ranges = self.collect(HEAD_BYTES, |track, times| {
            let stretch = times.start < track.first_us() + STRETCH_US
                || times.start < middle.end && times.end > middle.start;
            std::ptr::eq(track, film) && stretch
        });
        Some(without(ranges?, &known))
    }

    /// The track that is the film.
    fn film(&self) -> Option<&Track> {
        self.tracks.iter().filter(|track| track.is_picture).max_by_key(|track| track.bytes)
    }

    /// The ranges that encoding a chunk reads, ascending; `None` where only the whole source will do.
    pub fn ranges(&self, plan: &Plan, chunk: u32, source: &Source) -> Option<Vec<Range<u64>>> {
        let chunk = plan.chunk(chunk)?;
        let frames = plan.grid.span(&chunk.segments)?;
        let streams = match chunk.of {
            Medium::Video => vec![source.video.as_ref()?.stream],
            Medium::Audio(n) => {
                let stream = plan.audio.get(usize::from(n))?.stream;
                source.audio.iter().find(|audio| audio.stream == stream)?.streams()
            }
            Medium::Captions(n) => match plan.captions.get(usize::from(n))?.from {
                CaptionOrigin::Stream(stream) => vec![stream],
                CaptionOrigin::Cea608(_) => return None,
            },
        };
        let track = |stream: u32| self.tracks.get(usize::try_from(stream).ok()?);
        let wanted: Vec<&Track> = streams.into_iter().map(track).collect::<Option<_>>()?;
        let zero = match (&source.video, source.audio.first()) {
            (Some(video), _) => video.start_us,
            (None, audio) => audio?.start_us,
        };
        let us = |frame: u64| plan.grid.rate.frame_us(frame).saturating_add(zero);
        // Sound is warmed up before its first frame; both are far less than what is added.
        let sought = us(chunk.decode_from.min(frames.start)).saturating_sub(BEFORE_US);
        // Seeking goes to a keyframe of the picture, also for sound.
        let pictures = self.tracks.iter().filter(|track| track.is_picture);
        let from = pictures.map(|track| track.sync_before(sought)).fold(sought, i64::min);
        let window = from.saturating_sub(BEFORE_US)..us(frames.end).saturating_add(BEHIND_US);
        let all = matches!(chunk.of, Medium::Captions(_));
        self.collect(HEAD_BYTES, |track, times| {
            let is_wanted = wanted.iter().any(|wanted| std::ptr::eq(track, *wanted));
            is_wanted && (all || times.start < window.end && times.end > window.start)
        })
    }

    /// Collects what is always read, so many bytes of the beginning of each track, and the runs of samples that are
    /// wanted.
    fn collect(
        &self,
        head_bytes: u64,
        is_wanted: impl Fn(&Track, &Range<i64>) -> bool,
    ) -> Option<Vec<Range<u64>>> {
        let mut ranges = self.keep.clone();
        for track in &self.tracks {
            let small = track.bytes <= SMALL;
            let mut head = 0;
            track.runs(|times, bytes| {
                let begins = times.start < track.first_us().saturating_add(HEAD_US) && head < head_bytes;
                if begins {
                    head = head.saturating_add(bytes.end - bytes.start);
                }
                if small || begins || is_wanted(track, &times) {
                    ranges.push(bytes);
                }
            });
        }
        if ranges.iter().any(|range| range.end > self.bytes) {
            return None;
        }
        Some(joined(ranges))
    }
}

/// Ranges in order, those that touch or nearly do as one.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut out: Vec<Range<u64>> = vec![];
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(JOIN) => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// The parts of some ranges, in order, that are not in others, in order.
fn without(ranges: Vec<Range<u64>>, mut known: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut out = vec![];
    for range in ranges {
        let mut start = range.start;
        while let Some((first, later)) = known.split_first()
            && first.start < range.end
        {
            if first.start > start {
                out.push(start..first.start);
            }
            start = start.max(first.end);
            if first.end > range.end {
                // It may reach into the next one.
                break;
            }
            known = later;
        }
        if start < range.end {
            out.push(start..range.end);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::thread_time::time_of;

    #[test]
    fn what_is_there_is_not_read_again() {
        let spans = |pairs: &[[u64; 2]]| -> Vec<Range<u64>> {
            pairs.iter().map(|[start, end]| *start..*end).collect()
        };
        let check = |range: [u64; 2], known: &[[u64; 2]], left: &[[u64; 2]]| {
            assert_eq!(without(spans(&[range]), &spans(known)), spans(left), "{known:?}");
        };
        check([10, 20], &[], &[[10, 20]]);
        check([10, 20], &[[0, 10], [20, 30]], &[[10, 20]]);
        check([10, 20], &[[0, 12], [14, 15], [19, 30]], &[[12, 14], [15, 19]]);
        check([10, 20], &[[0, 30]], &[]);
        check([10, 20], &[[0, 5], [6, 12], [18, 30]], &[[12, 18]]);
        let two = vec![10..20, 30..40];
        assert_eq!(without(two, &[0..1, 12..35, 39..50]), [10..12, 35..39]);
    }

    #[test]
    fn many_ranges_are_compared_in_one_pass() {
        let spans = |from: u64| (0..200_000).map(|n| n * 10 + from..n * 10 + from + 4).collect::<Vec<_>>();
        let (all, known, mut left) = (spans(2), spans(0), vec![]);
        let took = time_of(|| left = without(all, &known));
        assert_eq!(
            (left.len(), left.first(), left.last()),
            (200_000, Some(&(4..6)), Some(&(1_999_994..1_999_996)))
        );
        // Far more than it takes, and far less than if each were compared with all.
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    /// A box of some parts.
    fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], kind, &body].concat()
    }

    /// Words in a row.
    fn words(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
        words.into_iter().flat_map(u32::to_be_bytes).collect()
    }

    /// The index of a film of so many pictures of 4 bytes, which has a row of each table for each of them.
    fn index_of(pictures: u32) -> Vec<u8> {
        let stsd = [0, 1, 16, u32::from_be_bytes(*b"avc1"), 0, 0];
        let durations = [0, pictures].into_iter().chain((0..pictures).flat_map(|n| [1, 40 + n % 2]));
        let offsets = [0, pictures].into_iter().chain((0..pictures).map(|n| 1000 + 4 * n));
        let stbl = boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&words(stsd)]),
                &boxed(b"stts", &[&words(durations)]),
                &boxed(b"stsz", &[&words([0, 4, pictures])]),
                &boxed(b"stsc", &[&words([0, 1, 1, 1, 1])]),
                &boxed(b"stco", &[&words(offsets)]),
            ],
        );
        let mdia = boxed(
            b"mdia",
            &[
                &boxed(b"mdhd", &[&words([0, 0, 0, 1000, 0, 0])]),
                &boxed(b"hdlr", &[&words([0, 0, u32::from_be_bytes(*b"vide"), 0, 0, 0])]),
                &boxed(b"minf", &[&stbl]),
            ],
        );
        let mvhd = boxed(b"mvhd", &[&words([0, 0, 0, 1000, 0])]);
        boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&mdia])])
    }

    #[test]
    fn an_index_of_many_rows_is_walked_once() {
        let finder = Finder::new(1 << 30);
        let map = finder.map(&index_of(200_000)).unwrap();
        assert!(map.tracks[0].bytes > SMALL && map.tracks[0].end_us == 8_100_000_000);
        let took = time_of(|| assert!(map.to_probe().is_some() && map.to_find_captions().is_some()));
        // Far more than it takes, and far less than if all durations were added up for each run of samples.
        assert!(took < Duration::from_secs(5), "{took:?}");
    }

    #[test]
    fn neighbours_become_one() {
        assert_eq!(joined(vec![0..8, 300_000..300_001, 4..9, 20..30]), [0..30, 300_000..300_001]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            let mut finder = Finder::new(bytes.len() as u64);
            let mut step = finder.next(&[]);
            for _ in 0..2000 {
                match step {
                    Step::Read(range) => {
                        let part = bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
                        if part.is_empty() { break }
                        step = finder.next(part);
                    }
                    Step::Done(_) => break,
                }
            }
        }
    }
}
