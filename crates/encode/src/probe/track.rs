//! From what was seen of a stream to a picture or a sound in Kinora's terms.

use model::FrameRate;
use model::media::{Audio, Video};

use super::answer::{self, Stream, TimeBase};
use super::ask::{FirstPictures, FirstSounds};
use super::rate::Grid;
use super::{MAX_CHANNELS, geometry, language, layout, scan, text};
use crate::{Rejection, Result, codecs};

/// Whether its pictures consist of two fields, as far as the container says.
pub(super) fn interlaced(stream: &Stream) -> Option<bool> {
    match stream.field_order.as_deref() {
        Some("progressive") => Some(false),
        Some("tt" | "bb" | "tb" | "bt") => Some(true),
        _ => None,
    }
}

/// A picture, of what was seen of its packets and, where that was asked, its first frames.
pub(super) fn video(
    (stream, codec): (&Stream, String),
    seen: &scan::Stream,
    base: TimeBase,
    first: Option<FirstPictures>,
) -> Result<Video> {
    let interlaced =
        interlaced(stream).unwrap_or_else(|| first.as_ref().is_some_and(|first| first.interlaced));
    let mut shown = shown(seen, first.and_then(|first| first.start));
    let declared = stream.r_frame_rate.as_deref().and_then(|text| answer::fraction(text, '/'));
    let declared = declared.and_then(|(num, den)| FrameRate::new(num, den));
    let lay = |shown: &[i64]| Grid::lay(shown, base, declared, seen.last_duration);
    let mut grid = lay(&shown).ok_or(Rejection::NoFrames)?;
    if interlaced && Grid::without_second_fields(&mut shown, base, grid.rate) {
        grid = lay(&shown).ok_or(Rejection::NoFrames)?;
    }
    let keys = seen.keys.iter().copied().filter(|key| *key >= grid.start && !seen.decoding_times);
    let rotation = geometry::clockwise(stream.rotation());
    let aspect = stream.sample_aspect_ratio.as_deref().and_then(|text| answer::fraction(text, ':'));
    let (width, height) = (stream.width, stream.height);
    let (display_width, display_height) = geometry::display((width, height), aspect, rotation);
    let named = |name: &Option<String>| name.clone().filter(|name| name != "unknown");
    Ok(Video {
        stream: stream.index,
        codec,
        width,
        height,
        display_width,
        display_height,
        rotation,
        mirrored: stream.is_mirrored(),
        rate: grid.rate,
        frames: grid.frames,
        held: grid.held,
        lead: 0,
        start_us: base.us(grid.start),
        keyframes: grid.numbers(keys),
        pixel_format: named(&stream.pix_fmt).ok_or(Rejection::Damaged)?,
        interlaced,
        transfer: named(&stream.color_transfer),
        matrix: named(&stream.color_space),
    })
}

/// The times of the frames that decoding shows, ascending, each once.
///
/// Decoding starts at the first keyframe; frames before it are never shown. Where only decoding times are known,
/// the first frame comes as much later as the decoder holds frames back (`first`), and so do all.
fn shown(seen: &scan::Stream, first: Option<i64>) -> Vec<i64> {
    let mut times = seen.shown.clone();
    times.sort_unstable();
    times.dedup();
    if seen.decoding_times {
        let delay = first.zip(times.first()).map_or(0, |(first, dts)| first.saturating_sub(*dts));
        times.iter_mut().for_each(|time| *time = time.saturating_add(delay));
    } else if let Some(start) = seen.first_key {
        times.retain(|time| *time >= start);
    }
    times
}

/// A sound that begins to be heard at a tick, by what was decoded of it first.
pub(super) fn track(
    stream: &Stream,
    first: Option<FirstSounds>,
    seen: Option<&scan::Stream>,
) -> Option<Audio> {
    let codec = stream.codec();
    let base = stream.time_base()?;
    let sample_rate: u32 = stream.sample_rate.as_deref()?.parse().ok()?;
    let first = first?;
    let start = base.us(first.start);
    // Where a scan of the end found nothing, the container's word counts.
    let end = match seen.and_then(|seen| seen.span) {
        Some((_, end)) => base.us(end),
        None => stream.announced()?.1,
    };
    let duration = end.saturating_sub(start);
    let channels = (1..=MAX_CHANNELS).contains(&stream.channels);
    let usable = codecs::is_audio(&codec) && sample_rate > 0 && channels && duration > 0;
    usable.then(|| Audio {
        stream: stream.index,
        codec,
        sample_rate,
        channels: stream.channels,
        language: language::tag(stream.language()),
        label: text::label(stream),
        start_us: start,
        duration_ms: u64::try_from(duration).unwrap_or(0).div_ceil(1000),
        mix: layout::mix(stream.channel_layout.as_deref()),
        drift_ppb: match (seen, first.samples) {
            (Some(seen), Some(samples)) => {
                seen.clock.drift_ppb(samples, sample_rate, f64::from(base.num) / f64::from(base.den))
            }
            _ => 0,
        },
    })
}
