//! Edit lists (ISO 14496-12 §8.6.6) that only move a track: a pause, and one stretch that has everything in it.

use super::boxed::{long, word};

/// Ticks beyond which no film goes, so that sums of a few fit.
const MAX: i64 = 1 << 50;

/// An edit list, in ticks of its track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edits {
    /// From the beginning of the film to that of the track.
    pub(super) pause: i64,
    start: i64,
    end: i64,
}

/// A picture of the track.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// When it is shown by the tables alone.
    pub(super) shown: i64,
    /// Whether decoding can start at it.
    pub(super) key: bool,
    /// Whether none stands before it.
    pub(super) is_first: bool,
    /// Ticks until the next one is decoded, if there is a next one.
    pub(super) lasts: Option<i64>,
}

/// A packet of sound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sound {
    /// When it begins by the tables alone.
    pub(super) time: i64,
    /// When the next one does, if there is a next one.
    pub(super) ends: Option<i64>,
}

impl Edits {
    /// The tick of the track that the edit begins with.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// Reads an `elst`, with a film of so many and a track of so many ticks a second. `Some(None)` where it is empty,
    /// `None` where it does more than this knows.
    pub(super) fn read(elst: &[u8], movie: u32, timescale: u32) -> Option<Option<Self>> {
        let rows = word(elst, 4)?;
        let is_long = *elst.first()? == 1;
        let row = |n: usize| -> Option<(u64, i64, u32)> {
            if is_long {
                let at = 8 + 20 * n;
                Some((long(elst, at)?, long(elst, at + 8)?.cast_signed(), word(elst, at + 16)?))
            } else {
                let at = 8 + 12 * n;
                let start = word(elst, at + 4)?.cast_signed();
                Some((u64::from(word(elst, at)?), i64::from(start), word(elst, at + 8)?))
            }
        };
        let ticks = |ticks: u64| {
            // Rounded to the nearest, as ffmpeg does.
            let scaled = u128::from(ticks) * u128::from(timescale) + u128::from(movie / 2);
            i64::try_from(scaled / u128::from(movie)).ok().filter(|ticks| *ticks <= MAX)
        };
        let (pause, (lasts, start, rate)) = match rows {
            0 => return Some(None),
            1 => (0, row(0)?),
            2 => match row(0)? {
                (pause, -1, _) => (ticks(pause)?, row(1)?),
                _ => return None,
            },
            _ => return None,
        };
        let lasts = ticks(lasts).filter(|lasts| *lasts > 0)?;
        let is_known = rate == 0x1_0000 && (0..=MAX).contains(&start);
        is_known.then_some(Some(Self { pause, start, end: start + lasts }))
    }

    /// Whether ffmpeg, which makes its index anew by the edit list, has this picture in it, begins it in front of it and
    /// does not end it behind it.
    pub(super) fn keep(&self, picture: Picture) -> bool {
        let Picture { shown, key, is_first, lasts } = picture;
        let is_within = (self.start..self.end).contains(&shown);
        // It looks for the last picture at or before the start that decoding can start at.
        let begins_in_front = if is_first { key } else { !key || shown > self.start };
        // It ends with such a picture that reaches the end.
        let goes_on = !key || lasts.is_none_or(|lasts| shown + lasts < self.end);
        is_within && begins_in_front && goes_on
    }

    /// Whether ffmpeg has this packet of sound in its index, in whole or as one that is not heard at all. Of what is not heard it
    /// keeps a second.
    pub(super) fn keeps_sound(&self, sound: Sound, timescale: u32) -> bool {
        let Sound { time, ends } = sound;
        let is_halved = time < self.start && ends.is_none_or(|ends| ends > self.start);
        let begins = self.start <= i64::from(timescale) && !is_halved;
        // It ends with the first packet that reaches the end.
        begins && time < self.end && ends.is_none_or(|ends| ends < self.end)
    }
}
