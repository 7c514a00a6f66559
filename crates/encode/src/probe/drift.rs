//! Sound whose samples last longer or shorter than its rate says, going by the times of its packets: recorders and players
//! have clocks of their own.

/// Packets that are remembered of a track, evenly spread over it.
const MAX_POINTS: usize = 4096;

/// The least packets that tell anything.
const LEAST_POINTS: usize = 32;

/// Clocks that differ by more parts of a billion than that are no clocks.
const MOST_PPB: f64 = 50_000_000.0;

/// A difference that adds up to less than that over a whole track is not heard, in seconds.
const LEAST_S: f64 = 0.005;

/// How far packets may be from a steady clock, in seconds; in parts of a packet as well.
const STEADY_S: f64 = 0.015;
const STEADY_PART: f64 = 0.4;

/// The same in parts of the whole difference: a single step, as where recordings are joined, is a third of the slope
/// that comes closest to it.
const STEADY_SLOPE: f64 = 0.2;

/// Some packets of a track: their numbers and times.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Clock {
    points: Vec<(u64, i64)>,
    /// Binary logarithm of the distance of remembered packets.
    thinned: u32,
    packets: u64,
}

impl Clock {
    /// Takes the next packet, which begins at that tick, if it says when.
    pub(super) fn take(&mut self, time: Option<i64>) {
        let number = self.packets;
        self.packets += 1;
        if number & ((1 << self.thinned) - 1) != 0 {
            return;
        }
        self.points.extend(time.map(|time| (number, time)));
        if self.points.len() > MAX_POINTS {
            self.thinned += 1;
            let every = (1 << self.thinned) - 1;
            self.points.retain(|(number, _)| number & every == 0);
        }
    }

    /// By how many billionths packets follow each other more slowly than those of so many samples do at a rate; 0 where
    /// that is not worth mentioning, or they do not follow each other steadily. `tick` is that of their times, in seconds.
    pub(super) fn drift_ppb(&self, samples: u32, rate: u32, tick: f64) -> i64 {
        let (first, last) = match &self.points[..] {
            [first, .., last] if self.points.len() >= LEAST_POINTS => (first, last),
            _ => return 0,
        };
        let packet = f64::from(samples) / f64::from(rate.max(1));
        // Where each is, and how much later than that it comes.
        let late = |(number, time): &(u64, i64)| {
            let at = (number - first.0) as f64 * packet;
            (at, time.saturating_sub(first.1) as f64 * tick - at)
        };
        let count = self.points.len() as f64;
        let (mut at_mean, mut late_mean) = (0.0, 0.0);
        for (at, late) in self.points.iter().map(late) {
            at_mean += at / count;
            late_mean += late / count;
        }
        let (mut both, mut squares) = (0.0, 0.0);
        for (at, late) in self.points.iter().map(late) {
            both += (at - at_mean) * (late - late_mean);
            squares += (at - at_mean) * (at - at_mean);
        }
        let drift = both / squares;
        let off = |(at, late): (f64, f64)| (late - late_mean - drift * (at - at_mean)).abs();
        let whole = (drift * late(last).0).abs();
        let most = STEADY_S.min(STEADY_PART * packet).min((STEADY_SLOPE * whole).max(2.0 * tick));
        let is_steady = self.points.iter().map(late).all(|point| off(point) <= most);
        let ppb = drift * 1e9;
        let is_heard = whole >= LEAST_S;
        if is_steady && is_heard && ppb.abs() <= MOST_PPB { ppb.round() as i64 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 1024 samples at 48 kHz, with times in ms.
    fn check(packets: u64, time: impl Fn(f64) -> f64, expected: i64) {
        let mut clock = Clock::default();
        for n in 0..packets {
            clock.take(Some((time(n as f64 * 1024.0 / 48_000.0) * 1000.0).round() as i64));
        }
        let found = clock.drift_ppb(1024, 48_000, 0.001);
        // A millisecond over the whole track is not to be told apart.
        let seconds = packets as f64 * 1024.0 / 48_000.0;
        assert!((found - expected).abs() as f64 <= 1e6 / seconds, "{found}, not {expected}");
        assert_eq!(found == 0, expected == 0, "{found}");
    }

    #[test]
    fn a_steady_difference_is_found_and_nothing_else() {
        check(1400, |at| at, 0);
        check(1400, |at| at * 1.01 + 7.0, 10_000_000);
        check(1400, |at| at * 0.99, -10_000_000);
        check(400_000, |at| at * 1.000_01, 10_000);
        // A gap, a beat, another rate, and next to nothing are no other clock.
        check(1400, |at| if at > 10.0 { at + 0.1 } else { at }, 0);
        check(1400, |at| if at > 10.0 { at + 0.016 } else { at }, 0);
        check(200, |at| if at > 2.0 { at - 0.016 } else { at }, 0);
        check(1400, |at| at * 1.01 + 0.05 * at.sin(), 0);
        check(1400, |at| at * 2.0, 0);
        check(1400, |at| at * 1.000_1, 0);
        check(20, |at| at * 1.01, 0);
    }

    proptest::proptest! {
        #[test]
        fn no_times_make_it_panic(times: Vec<Option<i64>>, samples: u32, rate: u32) {
            let mut clock = Clock::default();
            times.iter().cycle().take(10_000.min(times.len() * 500)).for_each(|time| clock.take(*time));
            clock.drift_ppb(samples, rate, 0.001);
        }
    }
}
