//! The pace of a worker: how long a lease is, and how often it looks.

use std::time::Duration;

/// How long a silent worker keeps its job.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// How often the queue is looked at when nothing was announced.
pub(crate) const LOOK: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1000 });
