//! What code takes from the process that it runs in: the time, threads that may block, and locks.
//!
//! Each is taken in one way: clocks are handed down, blocking work ends by itself, and a panic spoils no value. Code that
//! waits or measures uses [`std::time::Instant`], which nobody sets.

mod blocking;
mod clock;
mod lock;

pub use blocking::{Broke, Running, begin, blocking, detach};
pub use clock::{Clock, Hands};
pub use lock::{lock, read, write};
