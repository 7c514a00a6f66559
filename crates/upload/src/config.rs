//! What uploads by browsers may take.

use serde::Deserialize;
use url::Url;

/// Limits of uploads by browsers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Largest file in bytes.
    pub max_bytes: u64,
    /// Uploads that an account may have open at a time.
    pub open_per_account: u32,
    /// Days without a new part after which an upload that was not finished is given up.
    pub abandoned_days: u32,
    /// Seconds within which the address of a part must be used.
    pub address_seconds: u32,
    /// Other sites whose pages may send parts straight to the S3 face; the installation's own may anyway.
    pub page_origins: Vec<Url>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 40,
            open_per_account: 100,
            abandoned_days: 7,
            address_seconds: 900,
            page_origins: Vec::new(),
        }
    }
}
