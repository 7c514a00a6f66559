//! Memory for the bytes of answers: those that are kept, and those that clients are still reading.
//!
//! Cached answers have a bound of their own; answers being read have one only because slow clients are disconnected
//! when memory is scarce. Bytes count once, however many clients read them.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::entry::{Gauge, Held};

/// Approximate memory of a body that passes through: read-ahead and data being sent.
const PASSING: u64 = 1 << 20;

/// Counts, and says when it is too much.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    held: Arc<Gauge>,
    most: u64,
}

impl MemoryBudget {
    /// Room for what is kept and as much again for clients.
    pub(crate) fn new(kept: u64) -> Self {
        Self { held: Arc::default(), most: kept.saturating_mul(2) }
    }

    /// Bytes now.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.bytes()
    }

    /// Whether clients hold more than their part: the slow ones have to go.
    pub(crate) fn is_scarce(&self) -> bool {
        self.held.bytes() > self.most
    }

    /// Whether nothing more is taken in until some of them went.
    pub(crate) fn is_gone(&self) -> bool {
        self.held.bytes() > self.most.saturating_mul(2)
    }

    /// Whether so many more bytes fit without making memory scarce.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.held.bytes().saturating_add(bytes) <= self.most
    }

    /// Bytes that count until the last clone of them is dropped.
    pub(crate) fn keep(&self, bytes: Vec<u8>) -> Bytes {
        let held = Held::new(&self.held, bytes.len() as u64);
        Bytes::from_owner(Counted { bytes, _held: held })
    }

    /// Counts a body of at most `bytes` that passes through.
    pub(crate) fn passing(&self, bytes: u64) -> Held {
        Held::new(&self.held, bytes.min(PASSING))
    }
}

struct Counted {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_once_and_until_the_last_reader_has_gone() {
        let room = MemoryBudget::new(1000);
        let kept = room.keep(vec![0; 1500]);
        let part = kept.slice(10..20);
        assert!(room.has(500) && !room.has(501) && !room.is_scarce());
        let more = room.keep(vec![0; 501]);
        assert!(room.is_scarce() && !room.is_gone());
        let body = room.passing(u64::MAX);
        assert!(room.is_gone());
        drop((kept, body));
        assert!(room.is_scarce());
        drop(part);
        assert!(!room.is_scarce());
        drop(more);
        assert_eq!(room.held.bytes(), 0);
    }
}
