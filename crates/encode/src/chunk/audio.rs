//! A chunk of audio: on the grid of AAC frames, joined to its neighbours without a trace.
//!
//! The encoder begins some frames before the chunk's first and goes on behind its last; those frames are dropped.
//! Sound that is missing is silence: a track that begins late, ends early or has a hole. A track that cannot be
//! decoded at all is left out when the source is probed; where decoding fails later, the chunk is silent and its
//! note says so, because a bad audio track must not cost the film.

use std::time::Duration;

use model::media::Audio;
use model::plan::{AAC_FRAME_SAMPLES, AudioTrack, Track};

use super::seen::{self, Seen};
use super::{Here, Progress, limits, name};
use crate::argv;
use crate::filter::{Sound, silence};
use crate::retime::Encoded;
use crate::run::{Arg, Patience};
use crate::{Container, Error, Rejection, Result};

/// AAC frames that the encoder gets before the chunk's first, until its rate control has settled (0.7 s).
const WARM_UP: u64 = 32;

/// AAC frames that it gets behind the chunk's last, because it looks ahead.
const BEHIND: u64 = 3;

/// Milliseconds of sound that may be missing at the end of a title without video.
const MISSING_AT_END_MS: u64 = 2000;

pub(super) async fn encode(
    here: &Here<'_>,
    n: u16,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Encoded> {
    let (plan, source) = (here.work.plan, here.work.source);
    let no_audio = || Error::Plan { reason: format!("the source has no audio track for a{n}") };
    let track = plan.audio.get(usize::from(n)).ok_or_else(no_audio)?;
    let audio = source.audio.iter().find(|audio| audio.stream == track.stream).ok_or_else(no_audio)?;
    let frames = |k| plan.grid.aac_frames(k, track.sample_rate);
    let last = here.chunk.segments.end.saturating_sub(1);
    let (Some(first), Some(last)) = (frames(here.chunk.segments.start), frames(last)) else {
        return Err(Error::Plan { reason: "a chunk leaves the grid".to_owned() });
    };
    let (first, end) = (first.start, last.end);
    let warm_up = WARM_UP.min(first);
    let list = name("seen");
    let sound = Sound {
        audio,
        zero_us: source.video.as_ref().map_or(audio.start_us, |video| video.start_us),
        samples: (first - warm_up) * AAC_FRAME_SAMPLES..(end + BEHIND) * AAC_FRAME_SAMPLES,
        rate: track.sample_rate,
        coarse_clock: has_coarse_clock(here.container),
        seen: &list,
    };
    let count = sound.samples.end - sound.samples.start;
    // ffmpeg's time of a run that keeps the source's times is relative; its bytes are not.
    let bytes = count * u64::from(track.bit_rate.0) / (8 * u64::from(track.sample_rate.max(1)));
    let mut report = |now: crate::run::Progress| progress(Progress::of(now, now.bytes, bytes));

    let mut note = None;
    if sounds(audio, &sound) {
        let done = run(here, track, before(&sound), sound.graph(), &mut report).await;
        let decoded = match done {
            Ok(()) => seen::read(&here.file(&list))?,
            // The same file would fail the same way again.
            Err(Error::Exited { log, .. }) => {
                note = Some(log.last().cloned().unwrap_or_else(|| "nothing could be decoded".to_owned()));
                Seen::default()
            }
            Err(error) => return Err(error),
        };
        if source.video.is_none() {
            check(audio, &sound, end, decoded)?;
        }
        if decoded.frames == 0 {
            run(here, track, vec![], silence(count, track.sample_rate), &mut report).await?;
        }
    } else {
        run(here, track, vec![], silence(count, track.sample_rate), &mut report).await?;
    }
    // The encoder's first frame holds nothing but the run-up to the first sample.
    let encoded = here.retimed(Track::Audio(n), warm_up + 1, &name("a.mp4")).await?;
    let said = note.map(|reason| format!("silence in place of sound that cannot be decoded: {reason}"));
    Ok(Encoded { note: said, ..encoded })
}

async fn run(
    here: &Here<'_>,
    track: &AudioTrack,
    before: Vec<Arg>,
    graph: Arg,
    report: impl FnMut(crate::run::Progress) + Send,
) -> Result<()> {
    let mut after = vec!["-filter_complex".into(), graph, "-map".into(), "[a]".into()];
    after.extend(argv::aac(track.bit_rate));
    after.extend(argv::audio_file(&name("a.mp4")));
    let mut options = argv::baseline();
    options.extend(argv::list([&["-copyts", "-threads", "1"][..]]));
    options.extend(before);
    let patience = Patience { wall: Duration::from_secs(1800), stall: Duration::from_secs(120) };
    here.ffmpeg(options, after, (limits(&[]), patience), report).await.map(|_| ())
}

fn before(sound: &Sound<'_>) -> Vec<Arg> {
    let Some(seek) = sound.seek_us() else { return vec![] };
    let mut args = argv::list([&["-noaccurate_seek", "-seek_timestamp", "1", "-ss"][..]]);
    args.push(Arg::of(&[&seek, &"us"]));
    args
}

/// Containers whose times are rounded to something coarser than a sample.
fn has_coarse_clock(container: Container) -> bool {
    use Container::{Asf, Flv, Matroska, MpegPs, MpegTs};
    matches!(container, Asf | Flv | Matroska | MpegPs | MpegTs)
}

/// Whether the track has sound where the chunk is.
fn sounds(audio: &Audio, sound: &Sound<'_>) -> bool {
    let us = |samples: u64| i64::try_from(u128::from(samples) * 1_000_000 / u128::from(sound.rate.max(1)));
    let (Ok(from), Ok(to)) = (us(sound.samples.start), us(sound.samples.end)) else { return false };
    let starts = audio.start_us.saturating_sub(sound.zero_us);
    let ends =
        starts.saturating_add(i64::try_from(audio.duration_ms).unwrap_or(i64::MAX).saturating_mul(1000));
    starts < to && from < ends
}

/// Where sound is all there is, it must be there.
fn check(audio: &Audio, sound: &Sound<'_>, end: u64, decoded: Seen) -> Result<()> {
    let ms = |samples: u64, rate: u32| samples.saturating_mul(1000) / u64::from(rate.max(1));
    let first = ms(sound.samples.start, sound.rate);
    let readable = decoded.last.and_then(|last| u64::try_from(last).ok());
    let readable_ms = readable.map_or(first, |last| ms(last, audio.sample_rate));
    let wanted = ms(end * AAC_FRAME_SAMPLES, sound.rate).min(audio.duration_ms);
    let missing = MISSING_AT_END_MS.max(audio.duration_ms / 100);
    if readable_ms + missing < wanted {
        return Err(Rejection::Truncated { readable_ms, announced_ms: audio.duration_ms }.into());
    }
    Ok(())
}
