//! Settings of the pipeline.

use serde::Deserialize;

/// How long things are kept, and how much room encodes may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hours in which a deleted title can be restored; then its bytes go.
    pub trash_hours: u32,
    /// Hours that a replaced encode stays for those who are watching it.
    pub generation_hours: u32,
    /// Days that finished jobs and their logs are kept.
    pub job_days: u32,
    /// Bytes that everything stored may take before encodes wait; 0: as much as the disk has room for.
    pub most_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { trash_hours: 7 * 24, generation_hours: 24, job_days: 30, most_bytes: 0 }
    }
}

impl Config {
    pub(crate) fn trash_ms(&self) -> i64 {
        i64::from(self.trash_hours) * 3_600_000
    }

    pub(crate) fn generation_ms(&self) -> i64 {
        i64::from(self.generation_hours) * 3_600_000
    }

    pub(crate) fn job_ms(&self) -> i64 {
        i64::from(self.job_days) * 86_400_000
    }
}
