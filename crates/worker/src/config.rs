//! Settings of the worker.

use serde::Deserialize;

/// How much is encoded at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Jobs at the same time; 0 encodes nothing.
    pub slots: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { slots: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}
