//! Settings of playback.

use serde::Deserialize;

/// Settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long cookies live in s; at most 300: removing an entitlement ends playback within that time.
    pub cookie_seconds: u32,
    /// How often players renew, in s.
    pub heartbeat_seconds: u32,
    /// Longest life of a path token that a viewer gets, in s.
    pub viewer_token_seconds: u32,
    /// Longest life of a path token that operators and the command line get, in s.
    pub operator_token_seconds: u32,
    /// Origins (scheme, host and port) besides our own whose pages may play our media.
    pub cors: Vec<String>,
    /// The packaging configuration that posters and storyboards are addressed by.
    pub picture_configuration: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cookie_seconds: 300,
            heartbeat_seconds: 30,
            viewer_token_seconds: 6 * 3600,
            operator_token_seconds: 7 * 86_400,
            cors: Vec::new(),
            picture_configuration: "standard".to_owned(),
        }
    }
}

impl Config {
    pub(crate) fn cookie_ms(&self) -> i64 {
        i64::from(self.cookie_seconds.clamp(1, 300)) * 1000
    }
}
