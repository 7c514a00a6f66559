//! Settings of the worker.

use model::setting::{OutOfRange, need};
use serde::Deserialize;

/// Every slot asks for work by itself.
const MOST_SLOTS: usize = 1024;

/// How much is encoded at once, and how safely.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Jobs at the same time, at most 1,024; 0 encodes nothing.
    pub slots: usize,
    /// Whether uploads are opened even where this system lacks a mandatory layer of the jail.
    pub allow_incomplete_jail: bool,
}

impl Default for Config {
    fn default() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_SLOTS);
        Self { slots, allow_incomplete_jail: false }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        need(self.slots <= MOST_SLOTS, "worker", "slots", "at most 1,024")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        assert_eq!(Config { slots: 1025, ..Config::default() }.check().unwrap_err().name, "slots");
    }
}
