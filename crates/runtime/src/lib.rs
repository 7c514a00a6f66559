//! What code takes from the process that it runs in: the time.
//!
//! Code that waits or measures uses [`std::time::Instant`], which nobody sets.

mod clock;

pub use clock::{Clock, Hands};
