//! Sound beside a picture that is not as long: where it goes on, the last picture is held, as players do.

use std::collections::BTreeMap;
use std::ops::Range;

use model::media::{Audio, Video};

use super::answer::Answer;
use super::{MAX_HOURS, scan};

/// By how much lengths may differ without a word, in µs: packets and frames never end at the same time.
const LEAST_US: i64 = 1_000_000;

/// From where to where there is sound in any of the tracks, in µs of the source's clock.
pub(super) fn span<'a>(tracks: impl Iterator<Item = &'a Audio>) -> Option<Range<i64>> {
    let us = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000);
    let span = |track: &Audio| track.start_us..track.start_us.saturating_add(us(track.duration_ms));
    tracks.map(span).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
}

/// Holds the last picture until the sound ends; what people should know of that, and of sound before the picture.
pub(super) fn hold(video: &mut Video, sound: Range<i64>) -> Vec<String> {
    let mut notes = vec![];
    let before = video.start_us.saturating_sub(sound.start);
    if before >= LEAST_US {
        notes.push(format!(
            "the sound begins {} before the picture: that much of it is left out",
            seconds(before)
        ));
    }
    let ends = video.start_us.saturating_add(video.rate.frame_us(video.frames));
    let behind = sound.end.saturating_sub(ends);
    if behind >= LEAST_US {
        let longest = i64::from(MAX_HOURS) * 3_600_000_000;
        if sound.end.saturating_sub(video.start_us) > longest {
            notes.push(format!(
                "the sound goes on for {} behind the picture: that is left out",
                seconds(behind)
            ));
        } else {
            let held = frames(video, behind);
            video.held = video.held.saturating_add(held);
            video.frames = video.frames.saturating_add(held);
            notes.push(format!(
                "the sound goes on for {} behind the picture, which stands still meanwhile",
                seconds(behind)
            ));
        }
    }
    notes
}

/// Which tracks of sound end long before the container says that they do: nothing of the rest is a packet.
///
/// For containers whose index says how long a track is.
pub(super) fn broken_off(answer: &Answer, packets: &BTreeMap<u32, scan::Stream>) -> Vec<String> {
    let sounds = answer.streams.iter().filter(|stream| stream.is_sound());
    let note = |stream: &super::Stream| {
        let (_, announced) = stream.announced()?;
        let (_, end) = packets.get(&stream.index)?.span?;
        let missing = announced.saturating_sub(stream.time_base()?.us(end));
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
    fn the_last_picture_is_held_while_sound_goes_on() {
        let check = |(from, to): (i64, i64), frames, said: &[&str]| {
            // Two seconds, from the third on.
            let mut video = film(64, 64, FrameRate::new(30_000, 1001).unwrap(), 60).video.unwrap();
            video.start_us = 2_000_000;
            assert_eq!(hold(&mut video, from..to), said, "{from}..{to}");
            assert_eq!((video.frames, video.shown()), (frames, 60), "{from}..{to}");
        };
        check((2_000_000, 4_002_000), 60, &[]);
        // A second is told, less is not.
        check((1_000_001, 5_001_999), 60, &[]);
        check(
            (1_000_000, 5_002_000),
            90,
            &[
                "the sound begins 1.0 s before the picture: that much of it is left out",
                "the sound goes on for 1.0 s behind the picture, which stands still meanwhile",
            ],
        );
        check(
            (2_000_000, 3_602_002_000),
            60 + 107_833,
            &["the sound goes on for 3598.0 s behind the picture, which stands still meanwhile"],
        );
        let day = 24 * 3_600_000_000;
        check(
            (2_000_000, day + 2_000_001),
            60,
            &["the sound goes on for 86397.9 s behind the picture: that is left out"],
        );
        check(
            (i64::MIN, i64::MIN),
            60,
            &["the sound begins 9223372036854.7 s before the picture: that much of it is left out"],
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
