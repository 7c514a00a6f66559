//! The index of a stored chunk: where each segment lies, and its samples.
//!
//! A stored chunk is its grid segments (`moof` and `mdat` each) one after another, so a delivered segment is a
//! copied range. The samples are there for what is computed later from the same bytes: other containers,
//! I-frame playlists, encryption.
//!
//! Encoded form, version 1: the magic `KIDX`, the version as one byte, then LEB128 numbers. `s` marks zigzag.
//! First segment; number of segments; then of each: length in bytes; decode time (the first absolute, later
//! ones `s` difference to where the segment before ended); number of samples; form bits (1: all
//! durations are equal, 2: all composition offsets are 0, 4: all samples are sync samples,
//! 8: the first sample alone is); the duration if equal; then of each sample: size `· 2 + sync` (size alone
//! with form bits 4 or 8), duration if not equal, composition offset (`s`) if not 0.

use std::ops::Range;

use crate::{Error, Result};

mod varint;

use varint::{Numbers, put_signed, put_unsigned};

/// The version that is written.
pub const VERSION: u8 = 1;

const MAGIC: &[u8; 4] = b"KIDX";
const WHAT: &str = "index";

const EQUAL_DURATIONS: u64 = 1;
const NO_OFFSETS: u64 = 2;
const ALL_SYNC: u64 = 4;
const FIRST_SYNC: u64 = 8;

/// The index of one chunk of one track.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// The grid number of the first segment.
    pub first_segment: u32,
    /// Segments in order.
    pub segments: Vec<Segment>,
}

/// One segment of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Bytes of the stored chunk: `moof` and `mdat`. The samples' bytes are its end.
    pub range: Range<u64>,
    /// Decode time of the first sample in ticks.
    pub decode_time: u64,
    /// Samples in decode order.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Bytes.
    pub size: u32,
    /// Ticks.
    pub duration: u32,
    /// Presentation time less decode time, in ticks.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
}

impl Index {
    /// The segment with this number in the grid.
    pub fn segment(&self, number: u32) -> Option<&Segment> {
        let at = number.checked_sub(self.first_segment)?;
        self.segments.get(usize::try_from(at).ok()?)
    }

    /// Bytes of the stored chunk.
    pub fn bytes(&self) -> u64 {
        self.segments.last().map_or(0, |s| s.range.end)
    }

    /// Writes the compact form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(16 + self.segments.iter().map(|s| 16 + 4 * s.samples.len()).sum::<usize>());
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        put_unsigned(&mut out, self.first_segment.into());
        put_unsigned(&mut out, self.segments.len() as u64);
        let mut expected = 0;
        for segment in &self.segments {
            put_unsigned(&mut out, segment.range.end - segment.range.start);
            put_signed(&mut out, segment.decode_time.wrapping_sub(expected).cast_signed());
            put_samples(&mut out, &segment.samples);
            expected = segment.end_time();
        }
        out
    }

    /// Reads the compact form. Any bytes are safe to try.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let Some((head, body)) = bytes.split_at_checked(MAGIC.len() + 1) else {
            return Err(Error::Truncated { what: WHAT });
        };
        if head[..4] != *MAGIC {
            return Err(Error::Malformed { what: WHAT, why: "not an index" });
        }
        if head[4] != VERSION {
            return Err(Error::Unsupported { what: "index version", found: head[4].to_string() });
        }
        let mut numbers = Numbers::new(WHAT, body);
        let mut index = Self { first_segment: numbers.u32()?, segments: Vec::new() };
        let (mut at, mut expected) = (0_u64, 0_u64);
        for _ in 0..numbers.u32()? {
            let length = numbers.unsigned()?;
            let decode_time = expected.wrapping_add_signed(numbers.signed()?);
            let samples = samples(&mut numbers)?;
            let data: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
            let end = at.checked_add(length).filter(|_| data <= length);
            let end =
                end.ok_or(Error::Malformed { what: WHAT, why: "a segment is smaller than its samples" })?;
            let segment = Segment { range: at..end, decode_time, samples };
            (at, expected) = (end, segment.end_time());
            index.segments.push(segment);
        }
        if numbers.is_empty() {
            Ok(index)
        } else {
            Err(Error::Malformed { what: WHAT, why: "bytes are left over" })
        }
    }
}

impl Segment {
    /// Where the samples' bytes lie in the stored chunk.
    pub fn data(&self) -> Range<u64> {
        let data: u64 = self.samples.iter().map(|s| u64::from(s.size)).sum();
        self.range.end.saturating_sub(data)..self.range.end
    }

    /// Decode time after the last sample.
    pub fn end_time(&self) -> u64 {
        let ticks: u64 = self.samples.iter().map(|s| u64::from(s.duration)).sum();
        self.decode_time.wrapping_add(ticks)
    }
}

fn put_samples(out: &mut Vec<u8>, samples: &[Sample]) {
    let duration = samples.first().map_or(0, |s| s.duration);
    let mut form = 0;
    if samples.iter().all(|s| s.duration == duration) {
        form |= EQUAL_DURATIONS;
    }
    if samples.iter().all(|s| s.composition_offset == 0) {
        form |= NO_OFFSETS;
    }
    if samples.iter().all(|s| s.sync) {
        form |= ALL_SYNC;
    } else if samples.iter().enumerate().all(|(n, s)| s.sync == (n == 0)) {
        form |= FIRST_SYNC;
    }
    put_unsigned(out, samples.len() as u64);
    put_unsigned(out, form);
    if form & EQUAL_DURATIONS != 0 {
        put_unsigned(out, duration.into());
    }
    for sample in samples {
        let size = u64::from(sample.size);
        let mixed = form & (ALL_SYNC | FIRST_SYNC) == 0;
        put_unsigned(out, if mixed { size << 1 | u64::from(sample.sync) } else { size });
        if form & EQUAL_DURATIONS == 0 {
            put_unsigned(out, sample.duration.into());
        }
        if form & NO_OFFSETS == 0 {
            put_signed(out, sample.composition_offset.into());
        }
    }
}

fn samples(numbers: &mut Numbers<'_>) -> Result<Vec<Sample>> {
    let count = numbers.u32()?;
    let form = numbers.unsigned()?;
    let equal = if form & EQUAL_DURATIONS != 0 { Some(numbers.u32()?) } else { None };
    let mut samples = Vec::new();
    // Every sample takes at least a byte, so the end of the bytes bounds the loop.
    for n in 0..count {
        let number = numbers.unsigned()?;
        let (size, sync) = match form & (ALL_SYNC | FIRST_SYNC) {
            0 => (number >> 1, number & 1 == 1),
            FIRST_SYNC => (number, n == 0),
            _ => (number, true),
        };
        samples.push(Sample {
            size: u32::try_from(size).map_err(|_| Error::TooLarge { what: "sample" })?,
            duration: match equal {
                Some(duration) => duration,
                None => numbers.u32()?,
            },
            composition_offset: match form & NO_OFFSETS {
                0 => i32::try_from(numbers.signed()?)
                    .map_err(|_| Error::TooLarge { what: "composition offset" })?,
                _ => 0,
            },
            sync,
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sample() -> impl Strategy<Value = Sample> {
        (
            any::<u32>(),
            prop_oneof![Just(1024_u32), any::<u32>()],
            prop_oneof![Just(0_i32), any::<i32>()],
            any::<bool>(),
        )
            .prop_map(|(size, duration, composition_offset, sync)| Sample {
                size,
                duration,
                composition_offset,
                sync,
            })
    }

    fn index() -> impl Strategy<Value = Index> {
        let segment = (vec(sample(), 0..8), 0..200_u64, any::<u64>());
        (any::<u32>(), vec(segment, 0..5)).prop_map(|(first_segment, list)| {
            let mut at = 0;
            let segments = list.into_iter().map(|(samples, header, decode_time)| {
                let data: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
                let range = at..at + header + data;
                at = range.end;
                Segment { range, decode_time, samples }
            });
            Index { first_segment, segments: segments.collect() }
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(index in index()) {
            prop_assert_eq!(Index::decode(&index.encode()), Ok(index));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..200)) {
            let _ = Index::decode(&bytes);
            let _ = Index::decode(&[&b"KIDX\x01"[..], &bytes].concat());
        }

        #[test]
        fn damaged_indexes_are_read_without_panic(index in index(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut bytes = index.encode();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let _ = Index::decode(&bytes);
            let _ = Index::decode(&bytes[..at]);
        }
    }

    #[test]
    fn a_regular_sample_takes_few_bytes() {
        let sample = |n: u32| Sample { size: 4000, duration: 1000, composition_offset: 1000, sync: n == 0 };
        let segment =
            Segment { range: 0..48 * 4000 + 700, decode_time: 0, samples: (0..48).map(sample).collect() };
        let bytes = Index { first_segment: 0, segments: vec![segment] }.encode();
        assert_eq!(bytes.len(), 5 + 2 + 3 + 1 + 1 + 1 + 2 + 48 * 4);
    }
}
