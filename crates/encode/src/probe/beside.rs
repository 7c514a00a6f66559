//! Sound beside a picture that is not as long: where it begins earlier or ends later, the first or the last picture is
//! held, so that nothing of the sound is lost.

use std::collections::BTreeMap;
use std::ops::Range;

use model::media::{Audio, Video};

use super::answer::Answer;
use super::scan;
use crate::limits::MAX_HOURS;

/// By how much lengths may differ without a word, in µs.
const LEAST_US: i64 = 1_000_000;

/// Sound that goes beyond the picture by less than that, in µs, is cut off: packets and frames never begin and end at
/// the same time, and encoders begin with up to two packets of priming.
const HELD_US: i64 = 100_000;

/// Start and end of the sound in any of the tracks, in µs of the source's clock.
pub(super) fn span<'a>(tracks: impl Iterator<Item = &'a Audio>) -> Option<Range<i64>> {
    let us = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
    let span = |track: &Audio| track.start_us..track.start_us.saturating_add(us(track.duration_ms));
    tracks.map(span).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}

/// Shows the first picture from where the sound begins, and the last one until it ends; what people should know of
/// that.
pub(super) fn hold(video: &mut Video, sound: Range<i64>) -> Vec<String> {
    let longest = i64::from(MAX_HOURS) * 3_600_000_000;
    let length = |from: i64, to: i64| to.saturating_sub(from);
    let mut notes = vec![];
    let mut tell = |us: i64, what: &str, then: &str| {
        if us >= LEAST_US {
            notes.push(format!("{} {what}: {then}", seconds(us)));
        }
    };
    let end = |video: &Video| video.start_us.saturating_add(video.rate.frame_us(video.frames));
    let before = length(sound.start, video.start_us);
    if before >= HELD_US {
        const WHAT: &str = "of sound come before the first picture";
        if length(sound.start, end(video)) > longest {
            tell(before, WHAT, "that sound is left out");
        } else {
            let lead = frames(video, before);
            video.start_us = video.start_us.saturating_sub(video.rate.frame_us(lead));
            video.keyframes =
                std::iter::once(0).chain(video.keyframes.iter().map(|key| key + lead)).collect();
            video.lead = lead;
            video.frames = video.frames.saturating_add(lead);
            tell(before, WHAT, "the first picture is shown during that time");
        }
    }
    let behind = length(end(video), sound.end);
    if behind >= HELD_US {
        const WHAT: &str = "of sound come after the last picture";
        if length(video.start_us, sound.end) > longest {
            tell(behind, WHAT, "that sound is left out");
        } else {
            let held = frames(video, behind);
            video.held = video.held.saturating_add(held);
            video.frames = video.frames.saturating_add(held);
            tell(behind, WHAT, "the last picture is shown during that time");
        }
    }
    notes
}

/// Audio tracks that end long before the container says: there are no packets for the rest.
///
/// For containers whose index says how long a track is.
pub(super) fn broken_off(answer: &Answer, packets: &BTreeMap<u32, scan::Stream>) -> Vec<String> {
    let sounds = answer.streams.iter().filter(|stream| stream.is_sound());
    let note = |stream: &super::Stream| {
        let (start, announced) = stream.announced()?;
        let (_, end) = packets.get(&stream.index)?.span?;
        let end = stream.time_base()?.us(end);
        // Of fragments that begin late, the time of the end is told in place of the length.
        let is_end = end.saturating_sub(announced.saturating_sub(start)).saturating_abs() < LEAST_US / 2;
        let missing = if is_end { 0 } else { announced.saturating_sub(end) };
        (missing >= LEAST_US).then(|| {
            format!("audio track {} ends {} before the end that it announces", stream.index, seconds(missing))
        })
    };
    sounds.filter_map(note).collect()
}

fn seconds(us: i64) -> String {
    format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
}

/// Frames that fill so many µs.
fn frames(video: &Video, us: i64) -> u64 {
    let (num, den) = (u128::from(video.rate.num()), u128::from(video.rate.den()) * 1_000_000);
    let frames = (u128::from(us.unsigned_abs()) * num).div_ceil(den);
    u64::try_from(frames).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use model::testing::film;

    use super::*;

    #[test]
    fn the_first_and_the_last_picture_are_held_beside_sound() {
        let check = |(from, to): (i64, i64), (lead, held), said: &[&str]| {
            // Two seconds, from the third on.
            let mut video = film(64, 64, FrameRate::new(30_000, 1001).unwrap(), 60).video.unwrap();
            (video.start_us, video.keyframes) = (2_000_000, vec![0, 30]);
            assert_eq!(hold(&mut video, from..to), said, "{from}..{to}");
            assert_eq!((video.lead, video.held), (lead, held), "{from}..{to}");
            assert_eq!((video.frames, video.shown()), (lead + 60 + held, lead + 60), "{from}..{to}");
            assert_eq!(video.start_us, 2_000_000 - video.rate.frame_us(lead));
            let keys = if lead > 0 { vec![0, lead, lead + 30] } else { vec![0, 30] };
            assert_eq!(video.keyframes, keys);
        };
        check((2_000_000, 4_002_000), (0, 0), &[]);
        check((1_900_001, 4_101_999), (0, 0), &[]);
        // A tenth of a second is held, a second is told.
        check((1_900_000, 4_102_000), (3, 3), &[]);
        check((1_000_001, 5_001_999), (30, 30), &[]);
        check(
            (1_000_000, 5_002_000),
            (30, 30),
            &[
                "1.0 s of sound come before the first picture: the first picture is shown during that time",
                "1.0 s of sound come after the last picture: the last picture is shown during that time",
            ],
        );
        check(
            (2_000_000, 3_602_002_000),
            (0, 107_833),
            &["3598.0 s of sound come after the last picture: the last picture is shown during that time"],
        );
        let day = 24 * 3_600_000_000;
        check(
            (2_000_000, day + 2_000_001),
            (0, 0),
            &["86397.9 s of sound come after the last picture: that sound is left out"],
        );
        check(
            (i64::MIN, i64::MIN),
            (0, 0),
            &["9223372036854.7 s of sound come before the first picture: that sound is left out"],
        );
    }

    #[test]
    fn sound_is_where_any_track_is() {
        let one = film(64, 64, FrameRate::new(25, 1).unwrap(), 250).audio.remove(0);
        let other = Audio { start_us: -500, duration_ms: 3, ..one.clone() };
        assert_eq!(span([&one, &other].into_iter()), Some(-500..10_000_000));
        assert_eq!(span([].into_iter()), None);
        let endless = Audio { start_us: 5, duration_ms: u64::MAX, ..one };
        assert_eq!(span([&endless].into_iter()), Some(5..i64::MAX));
    }
}
