//! The crate through its public door.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod jail;
