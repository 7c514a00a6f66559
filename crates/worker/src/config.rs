//! Settings of the worker.

use serde::Deserialize;

/// How much is encoded at once, and how safely.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Jobs at the same time; 0 encodes nothing.
    pub slots: usize,
    /// Whether uploads are opened even where this system lacks a mandatory layer of the jail.
    pub allow_incomplete_jail: bool,
}

impl Default for Config {
    fn default() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        Self { slots, allow_incomplete_jail: false }
    }
}
