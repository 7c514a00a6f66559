//! Settings of the packager's face.

use model::setting::{OutOfRange, need};
use serde::Deserialize;

/// Sizes of the caches in memory, how long what can change is remembered, and how long segments are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Bytes of rendered playlists, init segments and plans of segments.
    pub answer_cache_bytes: u64,
    /// Bytes of decoded indexes.
    pub index_cache_bytes: u64,
    /// Bytes of media that were just read: equal reads share them.
    pub read_cache_bytes: u64,
    /// Milliseconds until a deleted title is gone and a complete one is seen as complete, at most 60,000.
    pub status_age_ms: u32,
    /// Milliseconds that a request waits for a segment that is not there yet, at most 10,000: the head of an answer must
    /// come in time.
    pub wait_ms: u32,
    /// Requests that wait at a time, at most 65,536; further ones are told at once to come back.
    pub waiting: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            answer_cache_bytes: 32 << 20,
            index_cache_bytes: 32 << 20,
            read_cache_bytes: 32 << 20,
            status_age_ms: 2000,
            wait_ms: 6000,
            waiting: 512,
        }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        need(self.status_age_ms <= 60_000, "origin", "status_age_ms", "at most 60,000")?;
        need(self.wait_ms <= 10_000, "origin", "wait_ms", "at most 10,000")?;
        need(self.waiting <= 65_536, "origin", "waiting", "at most 65,536")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { status_age_ms: 60_001, ..Config::default() }, "status_age_ms");
        check(Config { wait_ms: 10_001, ..Config::default() }, "wait_ms");
        check(Config { waiting: 65_537, ..Config::default() }, "waiting");
    }
}
