//! Counters of the door, for monitoring. Labels are few and fixed: no viewer, title or path.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use http_face::ConnectionSlots;
use model::delivery::Origin;

use crate::cache::{Gauge, MemoryBudget};
pub use crate::reason::Reason;

/// Upper bounds of the classes of [`Counts::seconds`], in milliseconds; longer answers are in a class of their own.
pub const BOUNDS_MS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 1000, 2500, 10_000];

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From memory.
    Hit,
    /// From memory, after the upstream said that it is still right.
    Renewed,
    /// From the upstream, for all who asked.
    Miss,
    /// From the upstream, for this request only.
    Bypass,
    /// The door knew it by itself.
    Own,
    /// The door itself refused.
    Refused,
}

impl Way {
    /// All of them, in the order of [`Counts::answers`].
    pub const ALL: [Self; 6] = [Self::Hit, Self::Renewed, Self::Miss, Self::Bypass, Self::Own, Self::Refused];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Renewed => "renewed",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
            Self::Own => "own",
            Self::Refused => "refused",
        }
    }
}

/// Classes of status codes, in the order of each entry of [`Counts::answers`].
pub const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts requests. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    answers: [[AtomicU64; CLASSES.len()]; Way::ALL.len()],
    refusals: [AtomicU64; Reason::ALL.len()],
    waits: [AtomicU64; BOUNDS_MS.len() + 1],
    wait_us: AtomicU64,
    sent: Arc<AtomicU64>,
    asked: [AtomicU64; UPSTREAMS.len()],
    followed: AtomicU64,
    cache: OnceLock<Arc<Gauge>>,
    memory: OnceLock<Arc<MemoryBudget>>,
    slots: OnceLock<ConnectionSlots>,
}

/// The upstreams, in the order of [`Counts::asked`].
pub const UPSTREAMS: [&str; 2] = ["packager", "site"];

/// Counts since the start.
#[derive(Debug, Clone, Copy)]
pub struct Counts {
    /// Answers by way ([`Way::ALL`]) and class of status ([`CLASSES`]).
    pub answers: [[u64; CLASSES.len()]; Way::ALL.len()],
    /// Refusals by reason ([`Reason::ALL`]).
    pub refusals: [u64; Reason::ALL.len()],
    /// Answers by the time until their head was sent: up to each of [`BOUNDS_MS`], and longer. Not cumulative.
    pub seconds: [u64; BOUNDS_MS.len() + 1],
    /// All those times together.
    pub waited: Duration,
    /// Bytes of bodies handed to connections.
    pub sent: u64,
    /// Connections now.
    pub connections: u64,
    /// Connections refused because their address had its share.
    pub turned_away: u64,
    /// Requests to each of [`UPSTREAMS`].
    pub asked: [u64; UPSTREAMS.len()],
    /// Requests that shared the answer to another one.
    pub followed: u64,
    /// Bytes of answers in memory now.
    pub cached: u64,
    /// Bytes of bodies in memory now: those of answers that are kept, and those that clients are still reading.
    pub held: u64,
}

impl Meter {
    /// Reads all counters.
    pub fn read(&self) -> Counts {
        let inner = &*self.0;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            answers: inner.answers.each_ref().map(|way| way.each_ref().map(get)),
            refusals: inner.refusals.each_ref().map(get),
            seconds: inner.waits.each_ref().map(get),
            waited: Duration::from_micros(get(&inner.wait_us)),
            sent: get(&inner.sent),
            connections: inner.slots.get().map_or(0, ConnectionSlots::crowd),
            turned_away: inner.slots.get().map_or(0, ConnectionSlots::turned_away),
            asked: inner.asked.each_ref().map(get),
            followed: get(&inner.followed),
            cached: inner.cache.get().map_or(0, |gauge| gauge.bytes()),
            held: inner.memory.get().map_or(0, |memory| memory.bytes()),
        }
    }

    /// Counts an answer whose head is ready.
    pub(crate) fn answered(&self, way: Way, status: StatusCode, after: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        add(&self.0.answers[way as usize][class], 1);
        let bucket = BOUNDS_MS.partition_point(|&bound| Duration::from_millis(bound) < after);
        add(&self.0.waits[bucket], 1);
        add(&self.0.wait_us, u64::try_from(after.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts a refusal of the door itself.
    pub(crate) fn refused(&self, reason: Reason) {
        add(&self.0.refusals[reason as usize], 1);
    }

    /// Counts a request to an upstream.
    pub(crate) fn asked(&self, origin: Origin) {
        let bucket = match origin {
            Origin::Packager => 0,
            Origin::Site => 1,
        };
        add(&self.0.asked[bucket], 1);
    }

    /// Counts a request that waits for another one's answer.
    pub(crate) fn followed(&self) {
        add(&self.0.followed, 1);
    }

    /// Where bodies count their bytes.
    pub(crate) fn sent(&self) -> Arc<AtomicU64> {
        self.0.sent.clone()
    }

    /// Reads the memory's size from now on.
    pub(crate) fn watch(&self, cache: &Arc<Gauge>, memory: &Arc<MemoryBudget>) {
        // The first cache counts; a meter has one door.
        let _ = self.0.cache.set(cache.clone());
        let _ = self.0.memory.set(memory.clone());
    }

    /// Reads how many connections there are from now on.
    pub(crate) fn watch_slots(&self, slots: &ConnectionSlots) {
        let _ = self.0.slots.set(slots.clone());
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_where_their_figures_are() {
        assert!(Way::ALL.iter().enumerate().all(|(at, way)| *way as usize == at));
        assert!(Reason::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }

    #[test]
    fn answers_are_counted_by_way_class_and_time() {
        let meter = Meter::default();
        meter.answered(Way::Hit, StatusCode::OK, Duration::from_millis(1));
        meter.answered(Way::Refused, StatusCode::FORBIDDEN, Duration::from_micros(1001));
        meter.answered(Way::Miss, StatusCode::from_u16(999).unwrap(), Duration::from_secs(60));
        meter.refused(Reason::Signature);
        let counts = meter.read();
        let answers = |way: Way, class: usize| counts.answers[way as usize][class];
        assert_eq!((answers(Way::Hit, 1), answers(Way::Refused, 3), answers(Way::Miss, 4)), (1, 1, 1));
        assert_eq!((counts.seconds[0], counts.seconds[1], counts.seconds[BOUNDS_MS.len()]), (1, 1, 1));
        assert_eq!(counts.refusals[Reason::Signature as usize], 1);
    }
}
