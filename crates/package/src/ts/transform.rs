//! A run of units that is made from one contiguous read of each track.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::plan::Track;

use super::packet::{AUDIO, Clock, PACKET, Packets, VIDEO};
use super::{DELAY, adts, tables};
use crate::codec::avc::nal_units;
use crate::{Error, Result};

/// Stored bytes that become bytes of a body in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    pub(super) format: Arc<Format>,
    /// Samples of picture, then of sound; either may be empty.
    pub(super) inputs: Vec<Input>,
    pub(super) units: Vec<Unit>,
    /// Sizes of the samples in `units`, one after another.
    pub(super) sizes: Vec<u32>,
    /// Continuity counters of picture and sound at the start.
    pub(super) counters: [u8; 2],
}

/// Bytes of a stored chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The track.
    pub track: Track,
    /// The chunk's number in the plan.
    pub chunk: u32,
    /// Bytes of the stored chunk; never empty.
    pub range: Range<u64>,
}

/// Properties shared by all segments of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    /// Start codes and parameter sets that go before a key frame, the delimiter included; `None` without picture.
    pub(super) key: Option<Vec<u8>>,
    pub(super) audio: Option<adts::Template>,
}

/// One thing in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) kind: Kind,
    /// Samples.
    pub(super) samples: u32,
    /// Transport packets.
    pub(super) packets: u32,
    pub(super) pts: u64,
    pub(super) dts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Both tables, with their counter.
    Tables(u8),
    /// A picture.
    Picture,
    /// A picture that decoding can start at.
    Key,
    /// Frames of sound.
    Sound,
}

/// An access unit delimiter that allows any picture (ITU-T H.264 §7.3.2.4).
pub(super) const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xf0];

impl Transform {
    /// The bytes that must be read, in this order.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Bytes that are made.
    pub fn length(&self) -> u64 {
        self.units.iter().map(|u| u64::from(u.packets)).sum::<u64>() * PACKET as u64
    }

    /// Roughly the memory it takes.
    pub fn weight(&self) -> u64 {
        (self.units.len() * size_of::<Unit>() + self.sizes.len() * 4 + 256) as u64
    }

    /// Makes the bytes of what was read. Fails if that is not what the index said.
    pub fn write(&self, read: &[impl AsRef<[u8]>]) -> Result<Bytes> {
        let mut out = Vec::new();
        self.write_into(read, &mut out)?;
        Ok(out.into())
    }

    /// As [`Transform::write`], in place of what `out` held.
    pub fn write_into(&self, read: &[impl AsRef<[u8]>], out: &mut Vec<u8>) -> Result<()> {
        let length = self.length() as usize;
        out.clear();
        out.reserve(length);
        let input = |kind: fn(&Track) -> bool| {
            let at = self.inputs.iter().position(|i| kind(&i.track));
            at.and_then(|at| read.get(at)).map_or(&[][..], AsRef::as_ref)
        };
        let mut pictures = input(|t| matches!(t, Track::Video(_)));
        let mut sound = input(|t| matches!(t, Track::Audio(_)));
        let [mut video_counter, mut audio_counter] = self.counters;
        let mut sizes = &self.sizes[..];
        for unit in &self.units {
            let (own, later) = sizes.split_at(unit.samples as usize);
            sizes = later;
            let total: u64 = own.iter().map(|s| u64::from(*s)).sum();
            let head = unit.header(self.format.extra(unit) + total);
            let bytes = head.len() as u64 + self.format.extra(unit) + total;
            match unit.kind {
                Kind::Tables(counter) => {
                    let format = &self.format;
                    out.extend_from_slice(&tables::tables(
                        format.key.is_some(),
                        format.audio.is_some(),
                        counter,
                    ));
                }
                Kind::Picture | Kind::Key => {
                    let clock = Clock { base: unit.clock(), random_access: unit.kind == Kind::Key };
                    let pid = (VIDEO, &mut video_counter);
                    let mut packets = Packets::new(out, pid, Some(clock), bytes, unit.packets);
                    packets.put(&head);
                    packets.put(match (&self.format.key, unit.kind) {
                        (Some(key), Kind::Key) => key,
                        _ => &DELIMITER,
                    });
                    // Start codes take the place of lengths, and as many bytes.
                    for nal in nal_units(take(&mut pictures, total)?) {
                        packets.put(&[0, 0, 0, 1]);
                        packets.put(nal?);
                    }
                }
                Kind::Sound => {
                    let alone = self.format.key.is_none();
                    let clock = alone.then_some(Clock { base: unit.clock(), random_access: true });
                    let pid = (AUDIO, &mut audio_counter);
                    let mut packets = Packets::new(out, pid, clock, bytes, unit.packets);
                    packets.put(&head);
                    let template = self.format.audio.ok_or(Error::Missing { what: "sound" })?;
                    for size in own {
                        packets.put(&template.header(*size as usize));
                        packets.put(take(&mut sound, u64::from(*size))?);
                    }
                }
            }
        }
        if out.len() == length {
            Ok(())
        } else {
            Err(Error::Malformed { what: "MPEG-TS", why: "a length is wrong" })
        }
    }
}

impl Format {
    /// Bytes of a PES packet besides its header and samples.
    pub(super) fn extra(&self, unit: &Unit) -> u64 {
        match (unit.kind, &self.key) {
            (Kind::Tables(_), _) => 0,
            (Kind::Key, Some(key)) => key.len() as u64,
            (Kind::Picture | Kind::Key, _) => DELIMITER.len() as u64,
            (Kind::Sound, _) => u64::from(unit.samples) * adts::HEADER as u64,
        }
    }
}

impl Unit {
    fn clock(&self) -> u64 {
        self.dts.wrapping_sub(DELAY) & ((1 << 33) - 1)
    }

    /// Bytes of the header.
    pub(super) fn header_bytes(&self) -> u64 {
        if self.pts == self.dts { 14 } else { 19 }
    }

    /// The header of a PES packet (§2.4.3.6) with `payload` bytes behind it.
    fn header(&self, payload: u64) -> Vec<u8> {
        let both = self.pts != self.dts;
        let stamps: u8 = if both { 10 } else { 5 };
        let picture = self.kind != Kind::Sound;
        // 0 stands for any length, which only pictures may have.
        let length = u16::try_from(payload + 3 + u64::from(stamps)).unwrap_or(0);
        let mut out = vec![0, 0, 1, if picture { 0xe0 } else { 0xc0 }];
        out.extend_from_slice(&length.to_be_bytes());
        // Every PES packet begins with a frame (data alignment).
        out.extend_from_slice(&[0x84, if both { 0xc0 } else { 0x80 }, stamps]);
        stamp(&mut out, if both { 3 } else { 2 }, self.pts);
        if both {
            stamp(&mut out, 1, self.dts);
        }
        out
    }
}

fn stamp(out: &mut Vec<u8>, prefix: u8, time: u64) {
    let bits = |shift: u32, mask: u64| ((time >> shift & mask) << 1 | 1) as u16;
    out.push(prefix << 4 | bits(30, 7) as u8);
    out.extend_from_slice(&bits(15, 0x7fff).to_be_bytes());
    out.extend_from_slice(&bits(0, 0x7fff).to_be_bytes());
}

fn take<'a>(bytes: &mut &'a [u8], count: u64) -> Result<&'a [u8]> {
    let count = usize::try_from(count).map_err(|_| Error::TooLarge { what: "sample" })?;
    let (head, tail) = bytes.split_at_checked(count).ok_or(Error::Truncated { what: "sample" })?;
    *bytes = tail;
    Ok(head)
}
