//! From the index of a delivered segment to transforms.

use std::ops::Range;
use std::sync::Arc;

use model::plan::Track;

use super::packet::{PACKET, count};
use super::transform::{DELIMITER, Format, Kind, Unit};
use super::{Input, Transform, adts, clock};
use crate::codec::avc;
use crate::index::{self, Sample};
use crate::track::Media;
use crate::{Error, Result, TrackInit};

/// Most bytes of pictures in one transform, but for the last picture.
const INPUT_BYTES: u64 = 512 << 10;

/// Grid segments of one track.
pub(crate) struct Stream<'a> {
    pub(crate) track: Track,
    pub(crate) init: &'a TrackInit,
    /// The chunk of each grid segment, and what it holds.
    pub(crate) segments: Vec<(u32, &'a index::Segment)>,
}

/// Makes the transforms of a delivered segment whose first grid segment is `first`. `main` is a picture with
/// `sound` or without, or an audio track alone.
pub(crate) fn segment(first: u32, main: &Stream<'_>, sound: Option<&Stream<'_>>) -> Result<Vec<Transform>> {
    let mut list = Vec::new();
    for (k, at) in (first..).zip(0..main.segments.len()) {
        list.push(Entry::tables(k));
        let mut own = entries(main, at)?.into_iter().peekable();
        let sound = sound.map_or(Ok(Vec::new()), |sound| entries(sound, at))?;
        // The picture that comes first in decoding order begins every segment.
        list.extend(own.next());
        for entry in sound {
            while let Some(earlier) = own.next_if(|e| e.order <= entry.order) {
                list.push(earlier);
            }
            list.push(entry);
        }
        list.extend(own);
    }
    let format = Arc::new(format(main, sound)?);
    size(&mut list, &format)?;
    Ok(group(&list, &format))
}

/// Where the key frame of each grid segment lies in a delivered segment: with the tables before it.
pub(crate) fn iframe(transforms: &[Transform]) -> Vec<Range<u64>> {
    let (mut found, mut at, mut tables) = (Vec::new(), 0, None);
    for unit in transforms.iter().flat_map(|t| &t.units) {
        let end = at + u64::from(unit.packets) * PACKET as u64;
        match (unit.kind, tables.take()) {
            (Kind::Tables(_), _) => tables = Some(at),
            (Kind::Key, Some(start)) => found.push(start..end),
            _ => {}
        }
        at = end;
    }
    found
}

/// A unit and where its samples are.
struct Entry<'a> {
    unit: Unit,
    samples: &'a [Sample],
    input: Option<Input>,
    /// Where it belongs in decoding order, in ticks that do not wrap.
    order: i128,
}

impl Entry<'_> {
    fn tables(k: u32) -> Self {
        let unit = Unit { kind: Kind::Tables((k & 15) as u8), samples: 0, packets: 2, pts: 0, dts: 0 };
        Self { unit, samples: &[], input: None, order: 0 }
    }
}

fn entries<'a>(stream: &Stream<'a>, at: usize) -> Result<Vec<Entry<'a>>> {
    let (chunk, segment) =
        *stream.segments.get(at).ok_or(Error::Plan("it was laid out with another grid"))?;
    let video = matches!(stream.track, Track::Video(_));
    // A program clock must come at least every 100 ms.
    let together = if video { 1 } else { (stream.init.timescale / 10_240).max(1) as usize };
    let (mut entries, mut offset) = (Vec::new(), segment.data().start);
    let mut time = i128::from(segment.decode_time) - i128::from(stream.init.start);
    for samples in segment.samples.chunks(together) {
        let bytes: u64 = samples.iter().map(|s| u64::from(s.size)).sum();
        if samples.iter().any(|s| s.size == 0 || !video && s.size as usize > adts::MAX_FRAME) {
            return Err(Error::Unsupported { what: "sample in MPEG-TS", found: format!("{bytes} bytes") });
        }
        let ticks = |t| clock(t, stream.init.timescale);
        let first = samples[0];
        let kind = match (video, first.sync) {
            (false, _) => Kind::Sound,
            (true, true) => Kind::Key,
            (true, false) => Kind::Picture,
        };
        let unit = Unit {
            kind,
            samples: u32::try_from(samples.len()).map_err(|_| Error::TooLarge { what: "segment" })?,
            packets: 0,
            pts: ticks(time + i128::from(first.composition_offset)),
            dts: ticks(time),
        };
        let input = Input { track: stream.track, chunk, range: offset..offset + bytes };
        let order = time * 1_000_000 / i128::from(stream.init.timescale.max(1));
        entries.push(Entry { unit, samples, input: Some(input), order });
        offset += bytes;
        time += samples.iter().map(|s| i128::from(s.duration)).sum::<i128>();
    }
    Ok(entries)
}

fn format(main: &Stream<'_>, sound: Option<&Stream<'_>>) -> Result<Format> {
    let adts = |init: &TrackInit| match &init.media {
        Media::Aac { config, .. } => adts::Template::of(config),
        Media::Avc { .. } => Err(Error::NoTrack(main.track)),
    };
    match &main.init.media {
        Media::Avc { avcc, .. } => {
            let mut key = DELIMITER.to_vec();
            for nal in avc::parameter_sets(avcc)? {
                key.extend_from_slice(&[0, 0, 0, 1]);
                key.extend_from_slice(nal);
            }
            Ok(Format { key: Some(key), audio: sound.map(|s| adts(s.init)).transpose()? })
        }
        Media::Aac { .. } => Ok(Format { key: None, audio: Some(adts(main.init)?) }),
    }
}

/// Counts packets, and makes the number of each track's a multiple of 16.
fn size(list: &mut [Entry<'_>], format: &Format) -> Result<()> {
    let (mut totals, mut last) = ([0_u64; 2], [None; 2]);
    for (n, entry) in list.iter_mut().enumerate() {
        let Some(which) = which(entry.unit.kind) else { continue };
        let bytes: u64 = entry.samples.iter().map(|s| u64::from(s.size)).sum();
        let bytes = bytes + entry.unit.header_bytes() + format.extra(&entry.unit);
        entry.unit.packets = count(bytes, which == 0 || format.key.is_none());
        totals[which] += u64::from(entry.unit.packets);
        last[which] = Some(n);
    }
    for (total, last) in totals.into_iter().zip(last) {
        // A PES packet has at least 21 bytes, so one more for each of 15 packets is always there.
        if let Some(last) = last {
            list[last].unit.packets += (total.next_multiple_of(16) - total) as u32;
        }
    }
    Ok(())
}

fn which(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Tables(_) => None,
        Kind::Picture | Kind::Key => Some(0),
        Kind::Sound => Some(1),
    }
}

fn group(list: &[Entry<'_>], format: &Arc<Format>) -> Vec<Transform> {
    let mut counters = [0_u8; 2];
    let empty = |counters| Transform {
        format: format.clone(),
        inputs: Vec::new(),
        units: Vec::new(),
        sizes: Vec::new(),
        counters,
    };
    let mut current = empty(counters);
    let mut done = Vec::new();
    for entry in list {
        if !fits(&current, entry) {
            done.push(std::mem::replace(&mut current, empty(counters)));
        }
        if let Some(from) = &entry.input {
            match current.inputs.iter_mut().find(|i| i.track == from.track) {
                Some(known) => known.range.end = from.range.end,
                None => current.inputs.push(from.clone()),
            }
        }
        if let Some(which) = which(entry.unit.kind) {
            counters[which] = ((u32::from(counters[which]) + entry.unit.packets) & 15) as u8;
        }
        current.units.push(entry.unit);
        current.sizes.extend(entry.samples.iter().map(|s| s.size));
    }
    done.push(current);
    done
}

/// Whether a unit continues the reads of a transform that is not too large yet.
fn fits(current: &Transform, entry: &Entry<'_>) -> bool {
    let Some(from) = &entry.input else { return true };
    let read: u64 = current.inputs.iter().map(|i| i.range.end - i.range.start).sum();
    let known = current.inputs.iter().find(|i| i.track == from.track);
    let next = known.is_none_or(|i| i.chunk == from.chunk && i.range.end == from.range.start);
    next && (read < INPUT_BYTES || matches!(entry.unit.kind, Kind::Sound) && known.is_some())
}
