//! Checks of what was encoded: never ffmpeg's exit code alone.

use std::ops::Range;

use model::plan::Track;
use package::fragmented::Sample;
use package::{Media, TrackInit};

use crate::fragments::Fragment;
use crate::{Error, Result};

/// NAL unit types (ITU-T H.264 table 7-1).
const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETERS: u8 = 7;
const PICTURE_PARAMETERS: u8 = 8;

/// Bytes of an AAC frame of two channels at most (ISO 14496-3 §4.5.1.1: 6144 bits a channel).
const MAX_AAC_BYTES: usize = 2 * 768;

/// The track is described as planned: equal parameter sets, equal size.
pub(crate) fn header(track: Track, planned: &TrackInit, found: &TrackInit) -> Result<()> {
    let same = match (&planned.media, &found.media) {
        (Media::Avc { .. }, Media::Avc { .. }) => planned.media == found.media,
        // Fields of the sample entry other than the configuration are not used.
        (Media::Aac { config: planned, .. }, Media::Aac { config: found, .. }) => planned == found,
        _ => false,
    };
    if same { Ok(()) } else { unplanned(track, "its headers are not the plan's") }
}

/// The fragment is segment `k`: exactly its frames, an IDR frame first and none later.
pub(crate) fn video(track: Track, k: u32, frames: &Range<u64>, fragment: &Fragment) -> Result<()> {
    let (found, planned) = (fragment.samples.len() as u64, frames.end - frames.start);
    if found != planned {
        return unplanned(track, &format!("segment {k} has {found} frames for {planned}"));
    }
    for (n, sample) in fragment.samples.iter().enumerate() {
        let (first, data) = (n == 0, fragment.data(sample));
        let wrong = |what: &str| unplanned(track, &format!("frame {n} of segment {k} {what}"));
        if sample.sync != first {
            return wrong(if first { "is not marked as a keyframe" } else { "is marked as a keyframe" });
        }
        let mut slices = 0;
        for unit in package::nal_units(data) {
            match unit.map(|unit| unit[0] & 0x1f) {
                Ok(SLICE) if !first => slices += 1,
                Ok(IDR_SLICE) if first => slices += 1,
                Ok(SLICE | IDR_SLICE) => return wrong("is of the wrong kind"),
                Ok(SEQUENCE_PARAMETERS | PICTURE_PARAMETERS) => return wrong("carries parameter sets"),
                Ok(_) => {}
                Err(_) => return wrong("is cut short"),
            }
        }
        if slices == 0 {
            return wrong("has no picture");
        }
    }
    let mut times: Vec<i64> = fragment.samples.iter().map(|sample| sample.pts).collect();
    times.sort_unstable();
    let first_is_first = fragment.samples.first().map(|sample| sample.pts) == times.first().copied();
    if !first_is_first || times.windows(2).any(|pair| pair[0] == pair[1]) {
        return unplanned(track, &format!("segment {k} is out of order"));
    }
    Ok(())
}

/// The bytes are one AAC frame.
pub(crate) fn audio(track: Track, sample: &Sample, data: &[u8]) -> Result<()> {
    if data.is_empty() || data.len() > MAX_AAC_BYTES {
        return unplanned(track, &format!("an audio frame of {} bytes", data.len()));
    }
    if sample.sync { Ok(()) } else { unplanned(track, "an audio frame that depends on others") }
}

fn unplanned<T>(track: Track, reason: &str) -> Result<T> {
    Err(Error::Unplanned { reason: format!("{track}: {reason}") })
}
