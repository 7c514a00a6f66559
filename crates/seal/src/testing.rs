//! Rings for tests.

use model::Timestamp;

use crate::{Key, KeyRing, Purpose, Ring};

/// A ring in memory that is the same for the same `seed`.
///
/// # Panics
/// When the system gives no randomness.
pub fn ring(seed: u8) -> KeyRing {
    let mut ring = Ring::make(Timestamp(0)).expect("the system gives randomness");
    for (n, purpose) in (0_u8..).zip(Purpose::ALL) {
        let mut key = [seed; 32];
        key[0] = n;
        ring.insert(purpose, 1, Key::new(key), Timestamp(0));
    }
    KeyRing::in_memory(ring)
}
