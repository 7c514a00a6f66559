//! Sound whose channels or rate change in the middle, as in recordings of television.
//!
//! ffmpeg then restarts the filter graph of the sound, which forgets where on the title it is: what was decoded before
//! is in its place, what comes behind begins again with silence. So the sound is first decoded to samples of one form,
//! each frame with its own time, and made into the chunk from there.

use std::time::Duration;

use model::media::{Audio, Mix};

use super::seen::Seen;
use super::{Encoding, limits};
use crate::argv;
use crate::filter::{Lists, Sound};
use crate::mix;
use crate::run::{self, Arg, Ffmpeg, Input, Name, Timeouts};
use crate::{Container, Result};

/// Decoded before and behind what is wanted, in µs.
const MARGIN_US: u64 = 3_000_000;

const TIMEOUTS: Timeouts = Timeouts::of(Duration::from_secs(1800));

/// Whether sound was decoded, but by the list of what was, only from somewhere in the middle on.
pub(super) fn is_likely(sound: &Sound<'_>, decoded: Seen) -> bool {
    let from = sound.first_sample().max(sound.audio_start());
    let alone = !matches!(sound.audio.mix, Mix::Apart(_));
    alone
        && decoded
            .first
            .is_some_and(|first| first > from.saturating_add(i64::from(sound.audio.sample_rate) / 10))
}

/// Decodes what `sound` wants of the source from `seek` (µs) on, then runs ffmpeg over that with `after`, which is
/// made from a sound of the new form. What was decoded, in samples of the source.
pub(super) async fn decode(
    encoding: &Encoding<'_>,
    sound: &Sound<'_>,
    seek: Vec<Arg>,
    after: impl FnOnce(&Sound<'_>) -> Vec<Arg>,
    report: impl FnMut(run::Progress) + Send,
) -> Result<Seen> {
    let samples = Name::new("samples.mka");
    let again = Lists { starts: Name::new("again"), ends: Name::new("again-ends") };
    let wanted = (sound.samples.end - sound.samples.start) * 1_000_000 / u64::from(sound.rate.max(1));
    // Counted from the first sound that is decoded, which may lie far in front of the title's beginning.
    let wanted = wanted.saturating_add(sound.ahead_us());
    let mut options = argv::baseline();
    options.extend(argv::list([&["-copyts", "-threads", "1"][..]]));
    let mut before = options.clone();
    before.extend(seek);
    // Of the input: that of the output counts from the beginning of the source's clock.
    before.extend(["-t".into(), Arg::of(&[&wanted.saturating_add(2 * MARGIN_US), &"us"])]);
    let mut decode = vec!["-map".into(), Arg::of(&[&"0:", &sound.audio.stream]), "-af".into()];
    decode.push(Arg::of(&[&mix::whatever_comes(), &",aresample=", &sound.rate, &":osf=flt"]));
    decode.extend(argv::list([
        &["-c:a", "pcm_f32le", "-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"][..],
        &["-avoid_negative_ts", "disabled", "-f", "matroska"],
    ]));
    decode.push(Arg::output(&samples));
    encoding.ffmpeg(before, decode, (limits(&[]), TIMEOUTS), |_| ()).await?;

    let mix = Mix::Named;
    let audio = Audio { stream: 0, sample_rate: sound.rate, channels: 2, mix, ..sound.audio.clone() };
    let sound_again = Sound {
        audio: &audio,
        zero_us: sound.zero_us,
        samples: sound.samples.clone(),
        rate: sound.rate,
        coarse_clock: true,
        seekable_us: sound.seekable_us,
        is_mixed: true,
        has_joints: sound.has_joints,
        seen: &again,
    };
    let file = encoding.file(&samples);
    let run = Ffmpeg {
        input: Input { file: &file, container: Container::Matroska },
        before: options,
        after: after(&sound_again),
        folder: encoding.folder.path(),
        limits: limits(&[]),
        timeouts: TIMEOUTS,
    };
    encoding.runner.ffmpeg(run, report).await?;
    let seen = encoding.heard(&again).await?;
    let back = |samples: i64| {
        let scaled =
            i128::from(samples) * i128::from(sound.audio.sample_rate) / i128::from(sound.rate.max(1));
        i64::try_from(scaled).unwrap_or(samples)
    };
    Ok(Seen {
        frames: seen.frames,
        first: seen.first.map(back),
        last: seen.last.map(back),
        gap: seen.gap.map(|(gap, at)| (back(gap), back(at))),
    })
}
