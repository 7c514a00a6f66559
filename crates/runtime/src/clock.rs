//! The clock by which rows, signatures and files are dated.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// A clock that is handed down to whatever needs the time. Clones show the same time; cheap to clone.
///
/// ```
/// use model::Timestamp;
/// let (clock, hands) = runtime::Clock::stopped(Timestamp(1_000));
/// hands.advance(std::time::Duration::from_secs(5));
/// assert_eq!(clock.now(), Timestamp(6_000));
/// ```
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Milliseconds since 1970.
    Hands(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock, which a process hands down to all of its parts.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `at` until its hands are moved: for tests.
    pub fn stopped(at: Timestamp) -> (Self, Hands) {
        let shown = Arc::new(AtomicI64::new(at.0));
        (Self(Source::Hands(shown.clone())), Hands(shown))
    }

    /// The time now, in whole milliseconds. It may go back, as the system's does when it is set.
    pub fn now(&self) -> Timestamp {
        let since = self.time().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// The time now, in the terms in which a file says when it was changed.
    pub fn time(&self) -> SystemTime {
        match &self.0 {
            Source::System => SystemTime::now(),
            Source::Hands(shown) => {
                let ms = u64::try_from(shown.load(Ordering::Relaxed)).unwrap_or(0);
                UNIX_EPOCH + Duration::from_millis(ms)
            }
        }
    }
}

/// What moves a [stopped](Clock::stopped) clock.
#[derive(Debug)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let (clock, hands) = Clock::stopped(Timestamp(7));
        let other = clock.clone();
        assert_eq!((clock.now(), clock.now()), (Timestamp(7), Timestamp(7)));
        hands.advance(Duration::from_secs(60));
        assert_eq!((clock.now(), other.now()), (Timestamp(60_007), Timestamp(60_007)));
        assert_eq!(other.time(), UNIX_EPOCH + Duration::from_millis(60_007));
    }

    #[test]
    fn the_systems_clock_goes_by_itself() {
        let begun = Clock::system().now();
        assert!(begun > Timestamp(1_700_000_000_000), "it is later than 2023");
    }
}
