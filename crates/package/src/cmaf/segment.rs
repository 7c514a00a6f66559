//! `moof` and the head of `mdat`: the bytes in front of a segment's samples.

use super::init::{FLAGS_NON_SYNC, FLAGS_SYNC, TRACK_ID};
use crate::boxes::{put, put_full};
use crate::index::{self, Index, Sample};
use crate::{Error, Result};

/// Writes the segments of one chunk one after another and keeps the index of what was written.
///
/// For each segment: write what [`ChunkWriter::segment`] gives, then the samples' bytes in the same order.
#[derive(Debug)]
pub struct ChunkWriter {
    index: Index,
    at: u64,
}

impl ChunkWriter {
    /// Begins a chunk whose first segment has this number in the grid.
    pub fn new(first_segment: u32) -> Self {
        Self { index: Index { first_segment, segments: Vec::new() }, at: 0 }
    }

    /// The header of the next segment, to be followed by the bytes of its samples.
    ///
    /// `decode_time` is that of the first sample in ticks of the track. A segment without samples (a tail shorter
    /// than an AAC frame) has no bytes.
    pub fn segment(&mut self, decode_time: u64, samples: Vec<Sample>) -> Result<Vec<u8>> {
        const WHAT: &str = "segment number";
        let ahead = u32::try_from(self.index.segments.len()).map_err(|_| Error::TooLarge { what: WHAT })?;
        let sequence = self.index.first_segment.checked_add(ahead).and_then(|n| n.checked_add(1));
        let sequence = sequence.ok_or(Error::TooLarge { what: WHAT })?;
        let header = match samples.is_empty() {
            true => Vec::new(),
            false => header(&Segment { sequence, decode_time, samples: &samples })?,
        };
        let data: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
        let end = self.at + header.len() as u64 + data;
        self.index.segments.push(index::Segment { range: self.at..end, decode_time, samples });
        self.at = end;
        Ok(header)
    }

    /// The index of what was written.
    pub fn finish(self) -> Index {
        self.index
    }
}

/// One `moof` with its `mdat`.
#[derive(Debug, Clone, Copy)]
struct Segment<'a> {
    /// `mfhd`'s sequence number: the grid segment's number + 1.
    sequence: u32,
    /// Decode time of the first sample in ticks.
    decode_time: u64,
    /// Samples in decode order.
    samples: &'a [Sample],
}

/// Writes everything of a segment but the samples' bytes, which follow it (§8.8.4, §8.1.1).
fn header(segment: &Segment<'_>) -> Result<Vec<u8>> {
    let first = segment.samples.first().ok_or(Error::Missing { what: "sample in a segment" })?;
    let data: u64 = segment.samples.iter().map(|s| u64::from(s.size)).sum();
    let mdat = u32::try_from(data + 8).map_err(|_| Error::TooLarge { what: "segment" })?;
    let run = Run::new(segment.samples, first);
    let mut out = Vec::with_capacity(128 + 12 * segment.samples.len());
    put(&mut out, b"moof", |out| {
        put_full(out, b"mfhd", 0, 0, |out| out.extend_from_slice(&segment.sequence.to_be_bytes()));
        put(out, b"traf", |out| {
            run.track_header(out);
            put_full(out, b"tfdt", 1, 0, |out| out.extend_from_slice(&segment.decode_time.to_be_bytes()));
            run.write(out);
        });
    });
    // The data offset counts from the start of the moof to behind the header of the mdat.
    let offset = u32::try_from(out.len() + 8).map_err(|_| Error::TooLarge { what: "segment" })?;
    let at = run.offset_position(out.len());
    out[at..at + 4].copy_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&mdat.to_be_bytes());
    out.extend_from_slice(b"mdat");
    Ok(out)
}

/// Which fields a `trun` needs for its samples.
struct Run<'a> {
    samples: &'a [Sample],
    default: Sample,
    flags: u32,
}

impl<'a> Run<'a> {
    fn new(samples: &'a [Sample], first: &Sample) -> Self {
        let rest = samples.get(1).unwrap_or(first);
        let default = Sample { size: 0, composition_offset: 0, ..*rest };
        let mut flags = 0x201; // data offset, sizes
        if samples.iter().any(|s| s.duration != default.duration) {
            flags |= 0x100;
        }
        if samples.iter().skip(1).any(|s| s.sync != default.sync) {
            flags |= 0x400;
        } else if first.sync != default.sync {
            flags |= 0x004;
        }
        if samples.iter().any(|s| s.composition_offset != 0) {
            flags |= 0x800;
        }
        Self { samples, default, flags }
    }

    /// `tfhd` (§8.8.7): default-base-is-moof, default duration and flags.
    fn track_header(&self, out: &mut Vec<u8>) {
        put_full(out, b"tfhd", 0, 0x02_0028, |out| {
            for word in [TRACK_ID, self.default.duration, sample_flags(self.default)] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        });
    }

    /// `trun` (§8.8.8), version 1: composition offsets are signed. The data offset is patched in later.
    fn write(&self, out: &mut Vec<u8>) {
        put_full(out, b"trun", 1, self.flags, |out| {
            let count = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
            if self.flags & 0x004 != 0 {
                out.extend_from_slice(&sample_flags(self.samples[0]).to_be_bytes());
            }
            for sample in self.samples {
                if self.flags & 0x100 != 0 {
                    out.extend_from_slice(&sample.duration.to_be_bytes());
                }
                out.extend_from_slice(&sample.size.to_be_bytes());
                if self.flags & 0x400 != 0 {
                    out.extend_from_slice(&sample_flags(*sample).to_be_bytes());
                }
                if self.flags & 0x800 != 0 {
                    out.extend_from_slice(&sample.composition_offset.to_be_bytes());
                }
            }
        });
    }

    /// Position of the data offset in a `moof` of that length, whose last box the `trun` is.
    fn offset_position(&self, moof: usize) -> usize {
        let fields = [0x100, 0x200, 0x400, 0x800].iter().filter(|f| self.flags & **f != 0).count();
        let first = if self.flags & 0x004 != 0 { 4 } else { 0 };
        moof - self.samples.len() * fields * 4 - first - 4
    }
}

fn sample_flags(sample: Sample) -> u32 {
    if sample.sync { FLAGS_SYNC } else { FLAGS_NON_SYNC }
}
