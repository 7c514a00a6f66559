//! Settings of the pipeline.

use model::setting::{OutOfRange, need};
use model::title::Visibility;
use serde::Deserialize;

/// How long things are kept, and how much space encodes may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hours in which a deleted title can be restored, at most 876,000; then its bytes go.
    pub trash_hours: u32,
    /// Hours that a replaced encode stays for those who are watching it, at most 876,000.
    pub generation_hours: u32,
    /// Days that finished jobs and their logs are kept, at most 36,500.
    pub job_days: u32,
    /// Bytes that everything stored may take before encodes wait; 0: as much as the disk has space for.
    pub most_bytes: u64,
    /// Visibility of a new title until somebody changes it.
    pub visibility: Visibility,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trash_hours: 7 * 24,
            generation_hours: 24,
            job_days: 30,
            most_bytes: 0,
            visibility: Visibility::Private,
        }
    }
}

impl Config {
    /// Refuses settings out of their range: later than in a hundred years there are no dates to say.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "pipeline", name, expected);
        need(self.trash_hours <= 876_000, "trash_hours", "at most 876,000")?;
        need(self.generation_hours <= 876_000, "generation_hours", "at most 876,000")?;
        need(self.job_days <= 36_500, "job_days", "at most 36,500")
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { trash_hours: 876_001, ..Config::default() }, "trash_hours");
        check(Config { generation_hours: 876_001, ..Config::default() }, "generation_hours");
        check(Config { job_days: 36_501, ..Config::default() }, "job_days");
    }
}
