//! How many reports of players are written down: each is a line in the log, and anyone may send one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_face::places::household;

/// Over which reports are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Most of all senders within it.
const MOST: u32 = 120;
/// Most of one address within it: players give up a few times, and a school has many.
const MOST_OF_ONE: u32 = 20;

/// Counts reports, in as much memory as [`MOST`] addresses take.
#[derive(Debug, Default)]
pub(crate) struct Reports(Mutex<Option<Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    all: u32,
    of: HashMap<Option<IpAddr>, u32>,
}

impl Reports {
    /// Counts a report, if there is room for it; otherwise how long to wait.
    pub(crate) fn take(&self, from: Option<IpAddr>, now: Instant) -> Result<(), Duration> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Window { began: now, all: 0, of: HashMap::new() };
        let window = window.get_or_insert_with(fresh);
        if now.saturating_duration_since(window.began) >= WINDOW {
            *window = fresh();
        }
        let wait = WINDOW.saturating_sub(now.saturating_duration_since(window.began));
        let from = from.map(household);
        let of = window.of.get(&from).copied().unwrap_or(0);
        if window.all >= MOST || of >= MOST_OF_ONE {
            return Err(wait);
        }
        window.all += 1;
        window.of.insert(from, of + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_and_all_together_have_a_bound_that_passes() {
        let (reports, now) = (Reports::default(), Instant::now());
        let address = |n: u32| Some(IpAddr::from([192, 0, 2, u8::try_from(n).unwrap()]));
        let sent = |from, at| (0..1000).take_while(|_| reports.take(from, at).is_ok()).count();
        assert_eq!(sent(address(1), now), 20);
        assert_eq!(sent(None, now), 20);
        assert_eq!((2..100).map(|n| sent(address(n), now)).sum::<usize>(), 80);
        let later = now + Duration::from_secs(50);
        assert_eq!(reports.take(address(200), later), Err(Duration::from_secs(10)));
        assert_eq!(sent(address(1), now + WINDOW), 20);
    }
}
