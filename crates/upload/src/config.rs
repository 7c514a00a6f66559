//! Limits of uploads by browsers.

use model::setting::{OutOfRange, need};
use serde::Deserialize;
use url::Url;

/// Limits of uploads by browsers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest file in bytes, at least 1.
    pub max_bytes: u64,
    /// Uploads that an account may have open at a time.
    pub open_per_account: u32,
    /// Bytes of original files that an account may have, stored and being uploaded together; 0: no limit.
    pub account_bytes: u64,
    /// Days without a new part after which an upload that was not finished is given up, 1 to 365.
    pub abandoned_days: u32,
    /// Seconds within which the address of a part must be used, 60 to 604,800: the S3 face takes no longer ones.
    pub address_seconds: u32,
    /// Other sites whose pages may send parts straight to the S3 face; the installation's own may anyway.
    pub page_origins: Vec<Url>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 40,
            open_per_account: 100,
            account_bytes: 0,
            abandoned_days: 7,
            address_seconds: 900,
            page_origins: Vec::new(),
        }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "upload", name, expected);
        need(self.max_bytes > 0, "max_bytes", "1 or more")?;
        need(self.open_per_account > 0, "open_per_account", "1 or more")?;
        need((1..=365).contains(&self.abandoned_days), "abandoned_days", "1 to 365")?;
        need((60..=604_800).contains(&self.address_seconds), "address_seconds", "60 to 604,800")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert!(Config::default().check().is_ok());
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { abandoned_days: 0, ..Config::default() }, "abandoned_days");
        check(Config { address_seconds: 604_801, ..Config::default() }, "address_seconds");
        check(Config { address_seconds: 0, ..Config::default() }, "address_seconds");
        check(Config { open_per_account: 0, ..Config::default() }, "open_per_account");
        check(Config { max_bytes: 0, ..Config::default() }, "max_bytes");
    }
}
