//! The grid of a film: the constant rate its frames are laid on, and which frame lies where.
//!
//! Containers round times (Matroska to 1 ms), drop frames and lie about rates; so the rate is the one that the
//! frames' own times fit. Where none fits, the frames come irregularly and the closest usual rate is taken.

use model::FrameRate;

use super::answer::TimeBase;

/// Rates that films are made in, ascending.
const USUAL: [(u32, u32); 24] = [
    (1, 1),
    (2, 1),
    (5, 1),
    (6, 1),
    (15_000, 2002),
    (8, 1),
    (10, 1),
    (12_000, 1001),
    (12, 1),
    (25, 2),
    (15_000, 1001),
    (15, 1),
    (20, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120, 1),
];

/// The highest rate that is kept as it is.
const HIGHEST: f64 = 120.0;

/// Frames on a grid.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) rate: FrameRate,
    /// Time of frame 0 in ticks.
    pub(super) start: i64,
    /// Frames.
    pub(super) frames: u64,
    /// How many of them hold the last one.
    pub(super) held: u64,
    base: TimeBase,
}

impl Grid {
    /// Lays frames that are shown at `times` (ascending ticks of `base`, not empty) on a grid.
    ///
    /// `declared` is the container's opinion, `last` the duration of the last frame in ticks: where that is held
    /// for a second or more (a still picture under music), the grid continues to its end.
    pub(super) fn lay(
        times: &[i64],
        base: TimeBase,
        declared: Option<FrameRate>,
        last: Option<i64>,
    ) -> Option<Self> {
        let (start, end) = (*times.first()?, *times.last()?);
        let rate = sensible(find(times, base, declared)?);
        let mut grid =
            Self { rate, start: phase(times, base, rate).unwrap_or(start), frames: 0, held: 0, base };
        let shown = grid.number(end);
        if base.us(last.unwrap_or(0)) >= 1_000_000 {
            // The last frame's own slot is one of those it is held for.
            let behind = grid.number(end.saturating_add(last.unwrap_or(0)));
            grid.held = behind.saturating_sub(1).saturating_sub(shown);
        }
        grid.frames = shown.saturating_add(grid.held).saturating_add(1);
        Some(grid)
    }

    /// Leaves out the second fields of frames that come as two packets, each with its time.
    ///
    /// No film has 48 or more interlaced frames a second: where it seems so, fields were counted.
    pub(super) fn without_second_fields(times: &mut Vec<i64>, base: TimeBase, rate: FrameRate) -> bool {
        let fields = rate.as_f64() > 47.0;
        if fields {
            // Three quarters of a frame of two fields.
            let least = 1_500_000.0 / rate.as_f64();
            let mut last = None;
            times.retain(|time| {
                let first = last.is_none_or(|last| base.us(time.saturating_sub(last)) as f64 > least);
                if first {
                    last = Some(*time);
                }
                first
            });
        }
        fields
    }

    /// The grid number closest to a time in ticks; 0 before the start.
    pub(super) fn number(&self, time: i64) -> u64 {
        number(time.saturating_sub(self.start), self.base, self.rate)
    }

    /// The numbers of the frames at these times, ascending, each once, the first 0. A time behind the last frame is
    /// that of its second field.
    pub(super) fn numbers(&self, times: impl IntoIterator<Item = i64>) -> Vec<u64> {
        let mut numbers: Vec<u64> = times.into_iter().map(|time| self.number(time)).collect();
        numbers.retain(|number| *number < self.frames);
        numbers.push(0);
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

fn number(ticks: i64, base: TimeBase, rate: FrameRate) -> u64 {
    // Beyond 128 bits there is no film: the number is then refused as too long.
    let num = i128::from(ticks) * i128::from(base.num) * 2;
    let Some(num) = num.checked_mul(i128::from(rate.num())) else { return u64::MAX };
    let den = i128::from(base.den) * i128::from(rate.den());
    let number = num.saturating_add(den).div_euclid(2 * den);
    u64::try_from(number).unwrap_or(if number < 0 { 0 } else { u64::MAX })
}

/// Where the grid begins that all frames but the first fit, if that one is alone in being off it: what a muxer that counts
/// from the time of day rounds away at the beginning would else put all others off by up to half a frame.
fn phase(times: &[i64], base: TimeBase, rate: FrameRate) -> Option<i64> {
    let (first, rest) = times.split_first()?;
    let second = *rest.first().filter(|_| rest.len() >= 8)?;
    let tick = f64::from(base.num) / f64::from(base.den);
    let tolerance = tick.max(0.0012);
    error(rest, base, rate, tolerance)?;
    let ticks = f64::from(rate.den()) / f64::from(rate.num()) / tick;
    let start = second.saturating_sub(ticks.round() as i64);
    // Otherwise it fits as well as they do, or is somewhere else altogether.
    let off = start.saturating_sub(*first).saturating_abs() as f64;
    (off > 2.0 * tolerance / tick && off < 0.75 * ticks).then_some(start)
}

/// A rate that players and segments can live with: 1 to 120 frames a second, by a whole factor.
fn sensible(rate: FrameRate) -> FrameRate {
    let (mut num, mut den) = (rate.num(), rate.den());
    while f64::from(num) / f64::from(den) > HIGHEST {
        den = den.saturating_mul(2);
    }
    let factor = den.div_ceil(num).max(1);
    num = num.saturating_mul(factor);
    FrameRate::new(num, den).unwrap_or(rate)
}

fn usual() -> impl Iterator<Item = FrameRate> {
    USUAL.iter().filter_map(|(num, den)| FrameRate::new(*num, *den))
}

fn is_usual(rate: FrameRate) -> bool {
    usual().any(|usual| usual == rate)
}

fn find(times: &[i64], base: TimeBase, declared: Option<FrameRate>) -> Option<FrameRate> {
    let declared = declared.filter(|rate| (1.0..=HIGHEST).contains(&rate.as_f64()));
    if times.len() < 2 {
        return declared.or(FrameRate::new(25, 1));
    }
    let candidates: Vec<FrameRate> =
        declared.into_iter().chain(constant(times, base)).chain(usual()).collect();
    let tick = f64::from(base.num) / f64::from(base.den);
    // Times of an exact rate are off by the rounding of the first and of the own time; times that once were in
    // milliseconds keep that jitter in any finer clock.
    fitting(times, base, &candidates, tick)
        .or_else(|| steady(times, base, &candidates))
        .or_else(|| {
            fitting(times, base, &candidates, tick.max(0.0012)).filter(|rate| dense(times, base, *rate))
        })
        .or_else(|| irregular(times, base))
}

/// The rate of equal distances.
fn constant(times: &[i64], base: TimeBase) -> Option<FrameRate> {
    let step = times.get(1)?.checked_sub(times[0])?;
    let equal = times.windows(2).all(|pair| pair[1].saturating_sub(pair[0]) == step);
    let den = u64::try_from(step).ok()?.checked_mul(u64::from(base.num))?;
    let (num, den) =
        (u64::from(base.den) / gcd(u64::from(base.den), den), den / gcd(u64::from(base.den), den));
    let rate = FrameRate::new(u32::try_from(num).ok()?, u32::try_from(den).ok()?)?;
    (equal && step > 0 && num <= 1_000_000).then_some(rate)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// The lowest rate on whose grid every frame lies, each on its own place; gaps are allowed.
fn fitting(times: &[i64], base: TimeBase, candidates: &[FrameRate], tolerance: f64) -> Option<FrameRate> {
    let fits: Vec<(FrameRate, f64)> =
        candidates.iter().filter_map(|rate| Some((*rate, error(times, base, *rate, tolerance)?))).collect();
    let lowest = fits.iter().map(|(rate, _)| rate.as_f64()).fold(f64::INFINITY, f64::min);
    let mut close: Vec<(FrameRate, f64)> =
        fits.into_iter().filter(|(rate, _)| rate.as_f64() < lowest * 1.003).collect();
    // 24 and 23.976 may both fit a short clip: then the declared rate, which is the first, or else the better one.
    // ffmpeg also declares oddities (19001/317) where a usual rate fits.
    if close.iter().any(|(rate, _)| is_usual(*rate)) {
        close.retain(|(rate, _)| is_usual(*rate));
    }
    let declared = close.iter().find(|(rate, _)| candidates.first() == Some(rate));
    declared.or_else(|| close.iter().min_by(|a, b| a.1.total_cmp(&b.1))).map(|(rate, _)| *rate)
}

/// Whether at least half the grid's places are taken: noise fits any grid that is fine enough.
fn dense(times: &[i64], base: TimeBase, rate: FrameRate) -> bool {
    let places = times.last().map_or(0, |last| number(last.saturating_sub(times[0]), base, rate));
    usize::try_from(places).is_ok_and(|places| places <= 2 * times.len())
}

/// The root mean square distance from the grid in seconds; `None` if a frame is off by more than the tolerance
/// or shares its place.
fn error(times: &[i64], base: TimeBase, rate: FrameRate, tolerance: f64) -> Option<f64> {
    let tolerance = tolerance.min(0.2 / rate.as_f64()) + 1e-9;
    let tick = f64::from(base.num) / f64::from(base.den);
    let frame = f64::from(rate.den()) / f64::from(rate.num());
    let (mut last, mut sum) = (None, 0.0);
    for time in times {
        let ticks = time.saturating_sub(times[0]);
        let number = number(ticks, base, rate);
        let off = ticks as f64 * tick - number as f64 * frame;
        if off.abs() > tolerance || last.is_some_and(|last| number <= last) {
            return None;
        }
        last = Some(number);
        sum += off * off;
    }
    Some((sum / times.len() as f64).sqrt())
}

/// The usual rate next to the average, if its grid takes every frame in turn without a gap.
fn steady(times: &[i64], base: TimeBase, candidates: &[FrameRate]) -> Option<FrameRate> {
    let span = times.last()?.checked_sub(times[0])? as f64 * f64::from(base.num) / f64::from(base.den);
    let average = (times.len() - 1) as f64 / span;
    let in_turn = |rate: FrameRate| {
        let ticks = times.iter().map(|time| time.saturating_sub(times[0]));
        ticks.zip(0..).all(|(ticks, index)| number(ticks, base, rate) == index)
    };
    let off = |rate: &FrameRate| (rate.as_f64() / average).ln().abs();
    candidates.iter().copied().filter(|rate| in_turn(*rate)).min_by(|a, b| off(a).total_cmp(&off(b)))
}

/// The usual rate closest to the most usual distance of frames: 10 to 60 a second.
fn irregular(times: &[i64], base: TimeBase) -> Option<FrameRate> {
    let mut steps: Vec<i64> =
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).filter(|step| *step > 0).collect();
    let middle = steps.len() / 2;
    let step = if steps.is_empty() { base.den.into() } else { *steps.select_nth_unstable(middle).1 };
    let rate = f64::from(base.den) / (step as f64 * f64::from(base.num));
    let off = |candidate: &FrameRate| (candidate.as_f64() / rate).ln().abs();
    usual()
        .filter(|candidate| (10.0..=60.0).contains(&candidate.as_f64()))
        .min_by(|a, b| off(a).total_cmp(&off(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: TimeBase = TimeBase { num: 1, den: 1000 };
    const TS: TimeBase = TimeBase { num: 1, den: 90_000 };

    fn rate(num: u32, den: u32) -> FrameRate {
        FrameRate::new(num, den).unwrap()
    }

    /// Times of `n` frames at a rate, rounded to the base.
    fn regular(n: i64, (num, den): (i64, i64), base: TimeBase) -> Vec<i64> {
        let ticks = |i: i64| (i * den * i64::from(base.den)) as f64 / (num * i64::from(base.num)) as f64;
        (0..n).map(|i| ticks(i).round() as i64 + 777).collect()
    }

    fn check(times: &[i64], base: TimeBase, expected: (u32, u32), frames: u64) {
        let grid = Grid::lay(times, base, None, None).unwrap();
        assert_eq!((grid.rate, grid.frames), (rate(expected.0, expected.1), frames));
    }

    #[test]
    fn every_usual_rate_is_found_in_every_clock() {
        for (num, den) in USUAL {
            let pair = (i64::from(num), i64::from(den));
            let reduced = rate(num, den);
            for base in [TS, TimeBase { num: 1, den: 600_000 }, TimeBase { num: den, den: num }] {
                check(&regular(500, pair, base), base, (reduced.num(), reduced.den()), 500);
            }
            // In milliseconds 24 and 23.976 part after some seconds.
            check(&regular(1500, pair, MS), MS, (reduced.num(), reduced.den()), 1500);
        }
    }

    #[test]
    fn an_unusual_but_constant_rate_is_kept() {
        check(&regular(100, (90_000, 3001), TS), TS, (90_000, 3001), 100);
        check(
            &regular(100, (47, 2), TimeBase { num: 1, den: 9400 }),
            TimeBase { num: 1, den: 9400 },
            (47, 2),
            100,
        );
    }

    #[test]
    fn the_declared_rate_decides_where_times_cannot() {
        let times = regular(10, (24_000, 1001), MS);
        let grid = |declared| Grid::lay(&times, MS, Some(declared), None).unwrap().rate;
        assert_eq!(grid(rate(24_000, 1001)), rate(24_000, 1001));
        assert_eq!(grid(rate(24, 1)), rate(24, 1));
        // A declaration that times contradict is worth nothing.
        assert_eq!(grid(rate(60, 1)).as_f64().round(), 24.0);
    }

    #[test]
    fn missing_frames_leave_gaps() {
        let mut times = regular(200, (25, 1), TS);
        times.retain(|time| time % 7 != 3);
        check(&times, TS, (25, 1), number(times[times.len() - 1] - times[0], TS, rate(25, 1)) + 1);
    }

    #[test]
    fn jitter_is_smoothed_and_irregular_frames_get_a_usual_rate() {
        let jitter = |n: i64| n * 3000 + [0, 700, -900, 300, 1100][usize::try_from(n % 5).unwrap()];
        let times: Vec<i64> = (0..300).map(jitter).collect();
        check(&times, TS, (30, 1), 300);
        // A phone that doubles its exposure in the dark.
        let mut time = 0;
        let phone: Vec<i64> = (0..300)
            .map(|n| {
                time += if n % 3 == 0 { 5990 } else { 2999 };
                time
            })
            .collect();
        let grid = Grid::lay(&phone, TS, None, None).unwrap();
        assert_eq!(grid.rate, rate(30, 1));
        assert_eq!(grid.frames, number(phone[299] - phone[0], TS, rate(30, 1)) + 1);
    }

    #[test]
    fn a_first_frame_that_is_off_the_grid_moves_no_other() {
        let mut times = regular(100, (25, 1), TS);
        times[0] -= 1924;
        let grid = Grid::lay(&times, TS, None, None).unwrap();
        assert_eq!((grid.rate, grid.frames, grid.start), (rate(25, 1), 100, 777));
        times[0] += 1924;
        assert_eq!(Grid::lay(&times, TS, None, None).unwrap().start, 777);
        // A gap behind it is a gap.
        times[0] -= 3600;
        let grid = Grid::lay(&times, TS, None, None).unwrap();
        assert_eq!((grid.frames, grid.start), (101, 777 - 3600));
    }

    #[test]
    fn extreme_rates_are_brought_into_bounds() {
        check(&regular(100, (240, 1), TS), TS, (120, 1), 51);
        check(&regular(10, (1, 4), MS), MS, (1, 1), 37);
    }

    #[test]
    fn a_held_frame_fills_its_time() {
        let grid = Grid::lay(&[0], MS, Some(rate(25, 1)), Some(4000)).unwrap();
        assert_eq!((grid.rate, grid.frames, grid.held), (rate(25, 1), 100, 99));
        assert_eq!(Grid::lay(&[5], MS, None, Some(40)).unwrap().frames, 1);
    }

    #[test]
    fn keyframes_are_numbers_on_the_grid() {
        let grid = Grid::lay(&regular(100, (24_000, 1001), MS), MS, None, None).unwrap();
        assert_eq!(grid.numbers([777 + 2002, 777 + 1001, 777, 777 + 1001]), [0, 24, 48]);
    }

    #[test]
    fn the_second_field_of_the_last_frame_is_no_frame() {
        let mut fields: Vec<i64> = (0..50).map(|n| n * 20).collect();
        assert!(Grid::without_second_fields(&mut fields, MS, rate(50, 1)));
        let grid = Grid::lay(&fields, MS, None, None).unwrap();
        assert_eq!((grid.rate, grid.frames), (rate(25, 1), 25));
        assert_eq!(grid.numbers([0, 480, 980]), [0, 12]);
    }

    proptest::proptest! {
        #[test]
        fn no_times_make_it_panic(
            mut times in proptest::collection::vec(proptest::num::i64::ANY, 1..20),
            num in 1..=u32::MAX,
            den in 1..=u32::MAX,
            last: Option<i64>,
        ) {
            times.sort_unstable();
            times.dedup();
            let _ = Grid::lay(&times, TimeBase { num, den }, FrameRate::new(den, num), last);
        }
    }
}
