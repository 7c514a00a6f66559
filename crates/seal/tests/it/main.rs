//! The public door of `seal`.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod rings;
mod streams;
