//! The door of `playback`, on every engine that is there; signatures are checked as the edge checks them.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod keys;
mod pictures;
mod revoke;
mod sessions;
mod support;
mod who;
