//! A chunk of video: decode once, scale in cascade, encode every rendition.

use std::ops::Range;
use std::time::Duration;

use model::media::Video;
use model::plan::{Chunk, Medium, Track};

use super::seen::{self, Seen};
use super::{Encoding, Progress, Work, limits};
use crate::argv;
use crate::colour::Colour;
use crate::filter::Pictures;
use crate::ladder::{Rung, rungs};
use crate::retime::Encoded;
use crate::run::{Arg, MAX_STALL, Name, Timeouts};
use crate::{Container, Error, Rejection, Result};
use jail::Limits;
use template::Template;

/// Time that may be missing at either end of a title, in ms: the first or last frame is shown that much longer.
const MISSING_MS: u64 = 500;

/// A gap in the picture of that length is a fault of the file, if the decoder complained.
const BROKEN_US: i64 = 1_000_000;

pub(super) async fn encode(
    encoding: &Encoding<'_>,
    frames: Range<u64>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Vec<Encoded>> {
    let plan = encoding.work.plan;
    let no_video = || Error::Plan { reason: "it has video, the source has none".to_owned() };
    let video = encoding.work.source.video.as_ref().ok_or_else(no_video)?;
    let template = encoding.template;
    let rungs = planned(encoding, template)?;
    let missing = if frames.end >= video.shown() { missing(video) } else { 0 };
    let list = Name::new(seen::LIST);
    let pictures = Pictures {
        video,
        rungs: &rungs,
        frames: frames.clone(),
        decode_from: encoding.chunk.decode_from,
        missing,
        features: encoding.runner.tools.features(),
        seen: &list,
    };

    let count = frames.end - frames.start;
    let mut report = |now: crate::run::Progress| progress(Progress::of(now, now.frame, count));
    let mut decoded = Seen::default();
    for start in starts(encoding.work.source.container, video, encoding.chunk.decode_from) {
        let mut after = vec!["-filter_complex".into(), pictures.graph()];
        for (n, rung) in (0_u64..).zip(&rungs) {
            after.extend(["-map".into(), Arg::of(&[&"[v", &n, &"]"])]);
            after.extend(argv::h264(
                &template.h264_settings,
                rung,
                Colour::of(video),
                encoding.runner.tools.threads(),
            ));
            after.extend(["-force_key_frames".into(), keyframes(encoding, &frames)]);
            after.extend(argv::video_file(&output(n)));
        }
        let timeouts = timeouts(video, &frames, start.map(|_| encoding.chunk.decode_from));
        let limits =
            Limits { cpu: timeouts.wall * u32::from(encoding.runner.tools.threads()), ..limits(&rungs) };
        let bounds = (limits, timeouts);
        seen::forget(&encoding.file(&list))?;
        let done = encoding.ffmpeg(before(encoding, start), after, bounds, &mut report).await?;
        let complained = done.complaints > 0;
        decoded = encoding.seen(&list).await?;
        // A gap that the decoder says nothing about is the film's own.
        decoded.gap = decoded.gap.filter(|_| complained);
        // Where decoding began too late, it begins earlier the next time.
        let is_early = is_early(video, &frames, decoded.first);
        if encoding.work.holes && (!is_early || complained) {
            return Err(Error::Holes);
        }
        if is_early {
            break;
        }
    }
    check(video, &frames, missing, decoded)?;
    let mut encoded = vec![];
    for track in plan.tracks().filter(|track| track.medium() == Medium::Video) {
        let Track::Video(n) = track else { continue };
        encoded.push(encoding.retimed(track, 0, &output(n.into())).await?);
    }
    Ok(encoded)
}

/// The plan's renditions, each with the place of the picture in it.
fn planned(encoding: &Encoding<'_>, template: &Template) -> Result<Vec<Rung>> {
    let ladder = rungs(encoding.work.source, template);
    let renditions = &encoding.work.plan.renditions;
    let same = |(rung, r): (&Rung, &model::plan::Rendition)| {
        (rung.size.width, rung.size.height) == (r.width, r.height)
    };
    if ladder.len() != renditions.len() || !ladder.iter().zip(renditions).all(same) {
        return Err(Error::Plan { reason: "its renditions are not the template's".to_owned() });
    }
    let rates = |(rung, r): (Rung, &model::plan::Rendition)| Rung {
        crf: r.crf,
        max_rate: r.max_rate,
        buffer_bits: r.buffer_bits,
        ..rung
    };
    Ok(ladder.into_iter().zip(renditions).map(rates).collect())
}

/// Where decoding may start, in µs of the source's clock, best first; `None` is the beginning of the file.
///
/// ffmpeg goes to the last keyframe at or before the time. Where the container is not indexed by presentation
/// times, it first takes 3/23 s off, or looks at decoding times only.
fn starts(container: Container, video: &Video, keyframe: u64) -> Vec<Option<i64>> {
    const TAKEN_OFF_US: i64 = 3_000_000 / 23;
    const UNINDEXED_US: i64 = 700_000;
    const EARLIER_US: i64 = 10_000_000;
    if keyframe == 0 {
        return vec![None];
    }
    let us = |halves: u64| (video.rate.frame_us(halves) / 2).saturating_add(video.start_us);
    let middle = us(2 * keyframe + 1);
    let next = video.keyframes.iter().copied().find(|key| *key > keyframe).unwrap_or(u64::MAX / 4);
    let best = match container {
        Container::Mov => middle,
        Container::MpegTs | Container::MpegPs | Container::Ogg => middle - UNINDEXED_US,
        _ if middle + TAKEN_OFF_US < us(2 * next - 1) => middle + TAKEN_OFF_US,
        _ => middle,
    };
    [best, middle - EARLIER_US]
        .into_iter()
        .filter(|start| *start > video.start_us)
        .map(Some)
        .chain([None])
        .collect()
}

/// Frames that may be missing at either end of a title.
pub(super) fn missing(video: &Video) -> u64 {
    MISSING_MS * u64::from(video.rate.num()) / u64::from(video.rate.den()) / 1000
}

fn before(encoding: &Encoding<'_>, start: Option<i64>) -> Vec<Arg> {
    let mut args = argv::list([&["-noautorotate", "-copyts"][..]]);
    args.extend(["-threads".into(), Arg::of(&[&encoding.runner.tools.threads()])]);
    if let Some(start) = start {
        args.extend(argv::list([&["-noaccurate_seek", "-seek_timestamp", "1", "-ss"][..]]));
        args.push(Arg::of(&[&start, &"us"]));
    }
    args
}

/// Times of the chunk's boundaries, behind its start.
fn keyframes(encoding: &Encoding<'_>, frames: &Range<u64>) -> Arg {
    let rate = encoding.work.plan.grid.rate;
    let boundaries = encoding.work.plan.grid.boundaries.iter().filter(|frame| frames.contains(frame));
    let times: Vec<Arg> =
        boundaries.map(|frame| Arg::of(&[&rate.frame_us(frame - frames.start), &"us"])).collect();
    argv::join(&times, ",")
}

/// Whether decoding began early enough for a chunk that is still being encoded.
pub(super) fn begins_well(work: &Work<'_>, chunk: &Chunk, first: Option<i64>) -> bool {
    let (Some(video), Some(frames)) = (&work.source.video, work.plan.grid.span(&chunk.segments)) else {
        return false;
    };
    is_early(video, &frames, first)
}

/// Whether these frames are there if decoding begins at `first`, in µs; nothing is decoded in front of the file's first
/// picture.
fn is_early(video: &Video, frames: &Range<u64>, first: Option<i64>) -> bool {
    number(first, video).is_some_and(|first| first <= frames.start.max(video.lead))
}

pub(super) fn output(n: u64) -> Name {
    Name::new(&format!("v{n}.mp4"))
}

/// A hundred times what it should take; nothing is written while frames before the chunk are decoded, which are those
/// from a keyframe on, or all (`None`).
fn timeouts(video: &Video, frames: &Range<u64>, keyframe: Option<u64>) -> Timeouts {
    let pixels = u64::from(video.width) * u64::from(video.height);
    let first = frames.start.min(video.shown());
    let skipped = first.saturating_sub(keyframe.unwrap_or(0)).saturating_mul(pixels) / 20_000_000;
    let stall = MAX_STALL + Duration::from_secs(skipped);
    let encoded = (frames.end - frames.start).saturating_mul(pixels) / 200_000;
    Timeouts { wall: stall + Duration::from_secs(600 + encoded), stall }
}

/// The place on the grid of a time in µs.
fn number(us: Option<i64>, video: &Video) -> Option<u64> {
    let (num, den) = (i128::from(video.rate.num()), i128::from(video.rate.den()) * 1_000_000);
    let number = (2 * i128::from(us?) * num + den).div_euclid(2 * den);
    Some(u64::try_from(number).unwrap_or(0))
}

/// The frames that were decoded make up the chunk, but for a little at the title's end.
pub(super) fn check(video: &Video, frames: &Range<u64>, at_end: u64, decoded: Seen) -> Result<()> {
    let ms = |frame: u64| video.rate.frame_ms(frame);
    let late = if frames.start <= video.lead { missing(video) } else { 0 };
    let first_wanted = frames.start.max(video.lead) + late;
    let readable = match (number(decoded.first, video), number(decoded.last, video)) {
        (Some(first), Some(last)) if first <= first_wanted => last + 1,
        (Some(first), Some(_)) => {
            return Err(Rejection::Gap { from_ms: ms(frames.start), to_ms: ms(first) }.into());
        }
        _ => frames.start,
    };
    // Frames that repeat the last picture are not decoded.
    if readable.saturating_add(at_end) < frames.end.min(video.shown()) {
        let (readable_ms, announced_ms) = (ms(readable), ms(video.frames));
        return Err(Rejection::Truncated { readable_ms, announced_ms }.into());
    }
    match decoded.gap {
        Some((gap, from)) if gap > BROKEN_US => {
            let ms = |us: i64| u64::try_from(us / 1000).unwrap_or(0);
            Err(Rejection::Gap { from_ms: ms(from), to_ms: ms(from + gap) }.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use model::testing::film;

    #[test]
    fn what_is_decoded_from_the_beginning_of_the_file_is_given_time_for_all_of_it() {
        let video = film(1920, 1080, FrameRate::new(24, 1).unwrap(), 180_000).video.unwrap();
        let check = |frames: Range<u64>, keyframe, seconds| {
            let timeouts = timeouts(&video, &frames, keyframe);
            assert_eq!(timeouts.stall, MAX_STALL + Duration::from_secs(seconds), "{frames:?} {keyframe:?}");
            assert!(timeouts.wall > timeouts.stall);
        };
        check(0..200, None, 0);
        // 2,073,600 pixels a frame, 20 million a second.
        check(172_800..173_000, Some(172_704), 9);
        check(172_800..173_000, None, 17_915);
    }
}
