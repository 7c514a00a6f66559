//! A chunk of audio: on the grid of AAC frames, joined to its neighbours without a trace.
//!
//! The encoder begins some frames before the chunk's first and continues past its last; those frames are dropped.
//! Sound that is missing is silence: a track that begins late, ends early or has a hole. A track that cannot be
//! decoded at all is left out when the source is probed; where decoding fails later, the chunk is silent and its
//! note says so, because a bad audio track must not cost the film.

use std::time::Duration;

use model::media::Audio;
use model::plan::{AAC_FRAME_SAMPLES, AudioTrack, Chunk, Track};

use super::seen::{self, Seen};
use super::{Encoding, Progress, Work, changing, limits};
use crate::argv;
use crate::filter::{Lists, Sound, silence};
use crate::retime::Encoded;
use crate::run::{Arg, Name, Said, Timeouts};
use crate::{Container, Error, Rejection, Result};

/// AAC frames that the encoder gets before the chunk's first, until its rate control has settled (0.7 s).
const WARM_UP: u64 = 32;

/// AAC frames that it gets behind the chunk's last, because it looks ahead.
const BEHIND: u64 = 3;

/// Milliseconds of sound that may be missing at the end of a title without video.
const MISSING_AT_END_MS: u64 = 2000;

pub(super) async fn encode(
    encoding: &Encoding<'_>,
    n: u16,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Encoded> {
    let source = encoding.work.source;
    let lists = lists();
    let part = part(&encoding.work, encoding.chunk, n, &lists)?;
    let skip = part.skip();
    let Part { audio, track, sound, end, .. } = part;
    let count = sound.samples.end - sound.samples.start;
    // ffmpeg's time of a run that keeps the source's times is relative; its bytes are not.
    let bytes = count * u64::from(track.bit_rate.0) / (8 * u64::from(track.sample_rate.max(1)));
    let mut report = |now: crate::run::Progress| progress(Progress::of(now, now.bytes, bytes));

    let mut note = None;
    let mut is_silent = true;
    if sounds(audio, &sound) {
        let heard = decode(encoding, track, &sound, &mut report).await?;
        if source.video.is_none() {
            check(audio, &sound, end, heard.seen)?;
        }
        is_silent = heard.seen.frames == 0;
        let damage = damage(&sound, &heard);
        note = heard.failed.or_else(|| missing(audio, &sound, heard.seen)).or(damage);
    }
    if is_silent {
        run(encoding, track, vec![], silence(count, track.sample_rate), &mut report).await?;
    }
    let encoded = encoding.retimed(Track::Audio(n), skip, &output()).await?;
    Ok(Encoded { note, ..encoded })
}

/// The part of a track that a chunk needs.
pub(super) struct Part<'a> {
    pub(super) audio: &'a Audio,
    track: &'a AudioTrack,
    pub(super) sound: Sound<'a>,
    /// The AAC frame behind its last.
    pub(super) end: u64,
    warm_up: u64,
}

impl Part<'_> {
    /// AAC frames in front of the chunk's first. The encoder's own first holds nothing but the run-up to it.
    pub(super) fn skip(&self) -> u64 {
        self.warm_up + 1
    }

    /// Whether decoding began early enough for a chunk that is still being encoded.
    pub(super) fn begins_well(&self, first: Option<i64>) -> bool {
        let wanted = self.sound.first_sample().max(self.sound.audio_start());
        sounds(self.audio, &self.sound) && first.is_some_and(|first| first <= wanted)
    }
}

/// The lists of decoded frames, and their file names.
pub(super) fn lists() -> Lists {
    Lists { starts: Name::new(seen::LIST), ends: Name::new("ends") }
}

pub(super) fn part<'a>(work: &Work<'a>, chunk: &Chunk, n: u16, seen: &'a Lists) -> Result<Part<'a>> {
    let (plan, source) = (work.plan, work.source);
    let no_audio = || Error::Plan { reason: format!("the source has no audio track for a{n}") };
    let track = plan.audio.get(usize::from(n)).ok_or_else(no_audio)?;
    let audio = source.audio.iter().find(|audio| audio.stream == track.stream).ok_or_else(no_audio)?;
    let frames = |k| plan.grid.aac_frames(k, track.sample_rate);
    let last = chunk.segments.end.saturating_sub(1);
    let (Some(first), Some(last)) = (frames(chunk.segments.start), frames(last)) else {
        return Err(Error::Plan { reason: "a chunk leaves the grid".to_owned() });
    };
    let (first, end) = (first.start, last.end);
    let warm_up = WARM_UP.min(first);
    let led = source.video.as_ref().filter(|video| video.lead > 0);
    let first_picture = led.map(|video| video.start_us.saturating_add(video.rate.frame_us(video.lead)));
    let sound = Sound {
        audio,
        zero_us: source.video.as_ref().map_or(audio.start_us, |video| video.start_us),
        samples: (first - warm_up) * AAC_FRAME_SAMPLES..(end + BEHIND) * AAC_FRAME_SAMPLES,
        rate: track.sample_rate,
        has_joints: !source.pieces.is_empty(),
        coarse_clock: has_coarse_clock(source.container),
        seekable_us: first_picture.unwrap_or(i64::MIN),
        is_mixed: false,
        seen,
    };
    Ok(Part { audio, track, sound, end, warm_up })
}

/// Decoded parts of a chunk.
#[derive(Default)]
struct Heard {
    seen: Seen,
    /// Lines in which the decoder complained.
    complaints: u32,
    /// A note, if decoding failed.
    failed: Option<String>,
}

/// Encodes what can be decoded.
async fn decode(
    encoding: &Encoding<'_>,
    track: &AudioTrack,
    sound: &Sound<'_>,
    mut report: impl FnMut(crate::run::Progress) + Send,
) -> Result<Heard> {
    /// How much earlier reading starts where an unindexed container was entered too late, in µs.
    const EARLIER_US: i64 = 10_000_000;
    let mut heard = Heard::default();
    for earlier in [0, EARLIER_US] {
        seen::forget(&encoding.file(&sound.seen.starts))?;
        seen::forget(&encoding.file(&sound.seen.ends))?;
        let seek = sound.seek_us().map(|seek| seek - earlier);
        match run(encoding, track, before(seek), sound.graph(), &mut report).await {
            Ok(done) if encoding.work.holes && done.complaints > 0 => return Err(Error::Holes),
            Ok(done) => {
                heard.complaints = done.complaints;
                heard.seen = encoding.heard(sound.seen).await?;
            }
            Err(Error::Exited { .. }) if encoding.work.holes => return Err(Error::Holes),
            // The same file would fail the same way again.
            Err(Error::Exited { log, .. }) => {
                let reason = log.last().map_or("nothing was decoded", String::as_str);
                let failed = Some(format!("silence for sound that cannot be decoded: {reason}"));
                return Ok(Heard { failed, ..Heard::default() });
            }
            Err(error) => return Err(error),
        }
        if seek.is_none() || heard.seen.first.is_some_and(|first| first <= sound.first_sample()) {
            break;
        }
        if encoding.work.holes {
            return Err(Error::Holes);
        }
    }
    if sound.audio.drift_ppb == 0 && changing::is_likely(sound, heard.seen) {
        let after = |again: &Sound<'_>| arguments(track, again.graph());
        heard.seen = changing::decode(encoding, sound, before(sound.seek_us()), after, &mut report).await?;
    }
    Ok(heard)
}

/// A note where the decoder complained about a quarter of what it decoded, or more: it fills in silence by itself.
fn damage(sound: &Sound<'_>, heard: &Heard) -> Option<String> {
    let much = u64::from(heard.complaints).saturating_mul(4) >= heard.seen.frames.max(1);
    let second = |sample: u64| sample / u64::from(sound.rate.max(1));
    let (from, to) = (second(sound.samples.start), second(sound.samples.end));
    much.then(|| format!("much of the sound from {from} s to {to} s is damaged"))
}

async fn run(
    encoding: &Encoding<'_>,
    track: &AudioTrack,
    before: Vec<Arg>,
    graph: Arg,
    report: impl FnMut(crate::run::Progress) + Send,
) -> Result<Said> {
    let mut options = argv::baseline();
    options.extend(argv::list([&["-copyts", "-threads", "1"][..]]));
    options.extend(before);
    let timeouts = Timeouts::of(Duration::from_secs(1800));
    encoding.ffmpeg(options, arguments(track, graph), (limits(&[]), timeouts), report).await
}

/// Everything behind the input.
fn arguments(track: &AudioTrack, graph: Arg) -> Vec<Arg> {
    let mut after = vec!["-filter_complex".into(), graph, "-map".into(), "[a]".into()];
    after.extend(argv::aac(track.bit_rate));
    after.extend(argv::audio_file(&output()));
    after
}

pub(super) fn output() -> Name {
    Name::new("a.mp4")
}

fn before(seek: Option<i64>) -> Vec<Arg> {
    let Some(seek) = seek else { return vec![] };
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

/// A note where a second or more of announced sound was not decoded.
pub(super) fn missing(audio: &Audio, sound: &Sound<'_>, decoded: Seen) -> Option<String> {
    let rate = i64::from(sound.source_rate());
    let starts = sound.audio_start();
    let ends = starts.saturating_add(i64::try_from(audio.duration_ms).ok()?.saturating_mul(rate) / 1000);
    let wanted = sound.samples.end.saturating_mul(sound.source_rate().into()) / u64::from(sound.rate.max(1));
    let (from, to) = (sound.first_sample().max(starts), ends.min(i64::try_from(wanted).ok()?));
    let (first, last) = (decoded.first.unwrap_or(to).max(from), decoded.last.unwrap_or(from).max(from));
    let gap = decoded.gap.map_or(0, |(gap, _)| gap);
    let second = |samples: i64| samples.max(0) / rate;
    let inside = (decoded.gap.map_or(0, |(_, at)| at), gap);
    let (at, length) = [(from, first.saturating_sub(from)), inside, (last, to.saturating_sub(last))]
        .into_iter()
        .max_by_key(|(_, length)| *length)?;
    (length > rate)
        .then(|| format!("{} s of silence for missing sound from {} s on", second(length), second(at)))
}

/// Where sound is all there is, it must be there.
pub(super) fn check(audio: &Audio, sound: &Sound<'_>, end: u64, decoded: Seen) -> Result<()> {
    let ms = |samples: u64, rate: u32| samples.saturating_mul(1000) / u64::from(rate.max(1));
    let first = ms(sound.samples.start, sound.rate);
    let readable = decoded.last.and_then(|last| u64::try_from(last).ok());
    let readable_ms = readable.map_or(first, |last| ms(last, sound.source_rate()));
    let wanted = ms(end * AAC_FRAME_SAMPLES, sound.rate).min(audio.duration_ms);
    let missing = MISSING_AT_END_MS.max(audio.duration_ms / 100);
    if readable_ms + missing < wanted {
        return Err(Rejection::Truncated { readable_ms, announced_ms: audio.duration_ms }.into());
    }
    Ok(())
}
