//! The front door over real connections, with upstreams in the same process.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod access;
mod caching;
mod ending;
mod forwarding;
mod hostile;
mod lifecycle;
mod sharing;
mod support;
mod tls;
