//! Segment boundaries: as regular as a playlist wants them, on source keyframes where there are some nearby.

use model::FrameRate;
use model::plan::Grid;

use crate::{Error, Rejection, Result};

/// Segments that a title may have: 55 hours of two seconds each.
const MAX_SEGMENTS: u64 = 100_000;

/// Lays the grid.
///
/// With T the target duration in frames, boundary k lies within T/4 of k·T (not cumulative): on the keyframe
/// nearest to k·T, else at k·T. The last segment ends with the last frame and lasts between T/4 and 7T/4. Where
/// `seconds` hold fewer than two frames, T is a multiple of it that holds two.
///
/// `keyframes` are grid numbers, ascending.
///
/// # Errors
/// [`Rejection::NoFrames`] and [`Rejection::TooLong`].
pub(super) fn lay(rate: FrameRate, frames: u64, seconds: u32, keyframes: &[u64]) -> Result<Grid> {
    if frames == 0 {
        return Err(Rejection::NoFrames.into());
    }
    let target = Target::new(rate, seconds);
    if target.floor(frames) > MAX_SEGMENTS {
        return Err(Error::Rejected(Rejection::TooLong { max_hours: crate::limits::MAX_HOURS }));
    }
    let mut boundaries = vec![0];
    for k in 1.. {
        if !target.leaves_half(k, frames) {
            break;
        }
        let (low, high) = target.window(k);
        let nearest = nearest(keyframes, low, high, |frame| target.distance(k, frame));
        boundaries.push(nearest.unwrap_or_else(|| target.round(k).clamp(low, high)));
    }
    boundaries.push(frames);
    Ok(Grid { rate, boundaries })
}

/// T frames as a fraction.
struct Target {
    num: u128,
    den: u128,
}

impl Target {
    fn new(rate: FrameRate, seconds: u32) -> Self {
        let (num, den) = (u128::from(rate.num()), u128::from(rate.den()));
        let num = num * u128::from(seconds.max(1));
        let multiple = (2 * den).div_ceil(num).max(1);
        Self { num: num * multiple, den }
    }

    /// Whole targets in so many frames.
    fn floor(&self, frames: u64) -> u64 {
        number(u128::from(frames) * self.den / self.num)
    }

    /// Whether at least half a target lies behind k·T.
    fn leaves_half(&self, k: u64, frames: u64) -> bool {
        (2 * u128::from(k) + 1) * self.num <= 2 * self.den * u128::from(frames)
    }

    fn round(&self, k: u64) -> u64 {
        number((2 * u128::from(k) * self.num + self.den) / (2 * self.den))
    }

    /// The frames within T/4 of k·T; at least one, because T is at least two frames.
    fn window(&self, k: u64) -> (u64, u64) {
        let quarters = 4 * u128::from(k);
        let low = ((quarters - 1) * self.num).div_ceil(4 * self.den);
        let high = (quarters + 1) * self.num / (4 * self.den);
        (number(low), number(high))
    }

    /// How far a frame is from k·T, in frames times [`Target::den`].
    fn distance(&self, k: u64, frame: u64) -> u128 {
        (u128::from(frame) * self.den).abs_diff(u128::from(k) * self.num)
    }
}

fn number(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn nearest(keyframes: &[u64], low: u64, high: u64, distance: impl Fn(u64) -> u128) -> Option<u64> {
    let from = keyframes.partition_point(|frame| *frame < low);
    let until = keyframes.partition_point(|frame| *frame <= high);
    keyframes.get(from..until)?.iter().copied().min_by_key(|frame| distance(*frame))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(num: u32, den: u32) -> FrameRate {
        FrameRate::new(num, den).unwrap()
    }

    #[test]
    fn boundaries_prefer_keyframes_near_the_target() {
        let check = |frames, keyframes: &[u64], expected: &[u64]| {
            assert_eq!(lay(rate(24, 1), frames, 2, keyframes).unwrap().boundaries, expected);
        };
        check(1, &[0], &[0, 1]);
        check(71, &[0], &[0, 71]);
        check(72, &[0], &[0, 48, 72]);
        check(240, &[0], &[0, 48, 96, 144, 192, 240]);
        check(240, &[0, 36, 60, 107, 157, 200], &[0, 36, 107, 144, 200, 240]);
        check(240, &[0, 35, 61, 96], &[0, 48, 96, 144, 192, 240]);
    }

    #[test]
    fn slow_pictures_get_longer_segments() {
        assert_eq!(lay(rate(1, 5), 10, 2, &[0]).unwrap().boundaries, [0, 2, 4, 6, 8, 10]);
        assert_eq!(lay(rate(1, 1), 5, 2, &[0]).unwrap().boundaries, [0, 2, 4, 5]);
    }

    #[test]
    fn fractional_rates_do_not_drift() {
        let grid = lay(rate(30_000, 1001), 1_078_921, 2, &[0]).unwrap();
        assert_eq!(grid.boundaries[1000], 59_940);
        assert_eq!(grid.segments(), 18_000);
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert!(matches!(lay(rate(24, 1), 0, 2, &[]), Err(Error::Rejected(Rejection::NoFrames))));
        let endless = lay(rate(24, 1), u64::MAX, 2, &[]);
        assert!(matches!(endless, Err(Error::Rejected(Rejection::TooLong { .. }))));
    }

    proptest! {
        #[test]
        fn boundaries_ascend_within_their_windows(
            num in 1_u32..120_000, den in 1_u32..1002, frames in 1_u64..100_000, seconds in 1_u32..12,
            mut keyframes in proptest::collection::vec(0_u64..100_000, 0..300),
        ) {
            let Some(rate) = FrameRate::new(num, den) else { return Ok(()) };
            keyframes.sort_unstable();
            let grid = lay(rate, frames, seconds, &keyframes).unwrap();
            let (num, den) = (u128::from(rate.num()), u128::from(rate.den()));
            let multiple = (2 * den).div_ceil(num * u128::from(seconds)).max(1);
            let target = num * u128::from(seconds) * multiple;
            prop_assert_eq!(grid.boundaries[0], 0);
            prop_assert_eq!(grid.frames(), frames);
            prop_assert!(grid.boundaries.windows(2).all(|pair| pair[0] < pair[1]));
            let interior = &grid.boundaries[1..grid.boundaries.len() - 1];
            for (k, frame) in (1_u128..).zip(interior) {
                let off = (u128::from(*frame) * den).abs_diff(k * target);
                prop_assert!(off * 4 <= target, "boundary {k} at {frame}");
                let on_keyframe = keyframes.binary_search(frame).is_ok();
                let better = keyframes.iter().any(|key| (u128::from(*key) * den).abs_diff(k * target) * 4 <= target);
                prop_assert!(on_keyframe || !better, "boundary {k} at {frame} passes a keyframe by");
            }
            if grid.segments() > 1 {
                let last = grid.segment(grid.segments() - 1).unwrap();
                let length = u128::from(last.end - last.start) * den * 4;
                prop_assert!(length >= target && length <= 7 * target);
            }
        }
    }
}
