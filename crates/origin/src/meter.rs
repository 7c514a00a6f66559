//! Counters of the packager, for monitoring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts reads of the store. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reads: AtomicU64,
    bytes: AtomicU64,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Reads of media; equal ones at the same time are one.
    pub reads: u64,
    /// Bytes that they were asked for.
    pub bytes: u64,
}

impl Meter {
    /// Reads all counters.
    pub fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts { reads: get(&self.0.reads), bytes: get(&self.0.bytes) }
    }

    /// Counts a read of so many bytes.
    pub(crate) fn count(&self, bytes: u64) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
