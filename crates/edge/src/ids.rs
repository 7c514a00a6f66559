//! Ids of requests: 16 hex digits that do not repeat in a process and tell nothing.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

/// Makes ids by scrambling a counter with a random start: cheaper than random bytes for each.
pub(crate) struct Ids(AtomicU64);

impl Default for Ids {
    fn default() -> Self {
        Self(AtomicU64::new(RandomState::new().hash_one(0)))
    }
}

impl Ids {
    pub(crate) fn next(&self) -> HeaderValue {
        let mut text = [0; 16];
        let id = scramble(self.0.fetch_add(1, Ordering::Relaxed));
        for (at, digit) in text.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(id >> (60 - 4 * at)) as usize & 15];
        }
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
    }
}

/// SplitMix64's output function: one to one.
fn scramble(mut n: u64) -> u64 {
    n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat() {
        let ids = Ids::default();
        let some: HashSet<HeaderValue> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(some.len(), 10_000);
        assert!(some.iter().all(|id| id.len() == 16));
    }
}
