//! Units: rates and times whose number alone would say nothing.

use serde::{Deserialize, Serialize};

/// A bit rate in bit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BitsPerSecond(pub u32);

/// A number of bytes, shown to people with one decimal of a decimal unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, word) = match self.0 {
            0..1_000_000 => return write!(f, "{} kB", self.0.div_ceil(1000)),
            1_000_000..1_000_000_000 => (1_000_000, "MB"),
            1_000_000_000..1_000_000_000_000 => (1_000_000_000, "GB"),
            _ => (1_000_000_000_000, "TB"),
        };
        let tenths = self.0.saturating_add(unit / 20) / (unit / 10);
        write!(f, "{}.{} {word}", tenths / 10, tenths % 10)
    }
}

/// A time in ms, shown to people as a player's clock shows it: `0:52`, `1:02:03`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock(pub u64);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0 / 1000;
        let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if h > 0 { write!(f, "{h}:{m:02}:{s:02}") } else { write!(f, "{m}:{s:02}") }
    }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z. The SQL type is BIGINT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The moment `ms` milliseconds later.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// Frames per second as an exact fraction in lowest terms; also AAC frames per second for audio-only titles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

impl FrameRate {
    /// Makes `num`/`den` frames a second, reduced; `None` if a part is zero, the rate is above 1000, or a frame lasts
    /// so long that [`Self::frame_ticks`] cannot say it.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        if num == 0 || den == 0 || u64::from(num) > 1000 * u64::from(den) {
            return None;
        }
        let common = gcd(num, den);
        let rate = Self { num: num / common, den: den / common };
        rate.den.checked_mul(rate.factor()).map(|_| rate)
    }

    /// Frames in [`Self::den`] seconds.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Seconds in which [`Self::num`] frames pass.
    pub fn den(self) -> u32 {
        self.den
    }

    /// Frames per second, rounded to a double: for display and estimates only.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Ticks per second of a track with this rate: [`Self::num`], times 1000 where that is below 10,000.
    pub fn timescale(self) -> u32 {
        self.num * self.factor()
    }

    /// Duration of one frame in ticks of [`Self::timescale`]; always whole.
    pub fn frame_ticks(self) -> u32 {
        self.den * self.factor()
    }

    /// Start of frame `n` in milliseconds, rounded down.
    pub fn frame_ms(self, n: u64) -> u64 {
        let ms = u128::from(n) * 1000 * u128::from(self.den) / u128::from(self.num);
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    /// Start of frame `n` in microseconds, rounded down.
    pub fn frame_us(self, n: u64) -> i64 {
        let us = u128::from(n) * 1_000_000 * u128::from(self.den) / u128::from(self.num);
        i64::try_from(us).unwrap_or(i64::MAX)
    }

    fn factor(self) -> u32 {
        if self.num < 10_000 { 1000 } else { 1 }
    }
}

impl TryFrom<(u32, u32)> for FrameRate {
    type Error = &'static str;

    fn try_from((num, den): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(num, den).ok_or("a frame rate is above 0 and at most 1000")
    }
}

impl From<FrameRate> for (u32, u32) {
    fn from(rate: FrameRate) -> Self {
        (rate.num, rate.den)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let check = |bytes, text: &str| assert_eq!(ByteSize(bytes).to_string(), text);
        check(0, "0 kB");
        check(1_260_000, "1.3 MB");
        check(3_240_000_000, "3.2 GB");
        check(1 << 40, "1.1 TB");
        check(u64::MAX, "18446744.0 TB");
    }

    #[test]
    fn clocks_show_hours_only_when_there_are_any() {
        let check = |ms, text: &str| assert_eq!(Clock(ms).to_string(), text);
        check(52_209, "0:52");
        check(59_999, "0:59");
        check(3_723_000, "1:02:03");
    }

    #[test]
    fn frames_are_whole_ticks() {
        let check = |num, den, timescale, ticks| {
            let rate = FrameRate::new(num, den).unwrap();
            assert_eq!((rate.timescale(), rate.frame_ticks()), (timescale, ticks));
        };
        check(24, 1, 24_000, 1000);
        check(48, 2, 24_000, 1000);
        check(25, 2, 25_000, 2000);
        check(30_000, 1001, 30_000, 1001);
        check(60_000, 1001, 60_000, 1001);
    }

    #[test]
    fn frames_begin_at_the_time_before_them() {
        let rate = FrameRate::new(30_000, 1001).unwrap();
        assert_eq!((rate.frame_ms(0), rate.frame_us(0)), (0, 0));
        assert_eq!((rate.frame_ms(100), rate.frame_us(100)), (3336, 3_336_666));
        assert_eq!((rate.frame_ms(u64::MAX), rate.frame_us(u64::MAX)), (u64::MAX, i64::MAX));
    }

    #[test]
    fn impossible_rates_are_refused() {
        assert_eq!(FrameRate::new(0, 1), None);
        assert_eq!(FrameRate::new(1, 0), None);
        assert_eq!(FrameRate::new(2000, 1), None);
        assert_eq!(FrameRate::new(1_000_001, 1000), None);
        assert!(FrameRate::new(1_000_000, 1000).is_some());
        assert_eq!(FrameRate::new(1, 5_000_000), None);
        assert_eq!(FrameRate::new(1, 4_000_000).map(FrameRate::frame_ticks), Some(4_000_000_000));
    }
}
