//! Settings of playback.

use model::setting::{OutOfRange, need};
use serde::Deserialize;
use url::Url;

/// How long permissions to watch live, and whose pages may play.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How long cookies live in s, 10 to 300: where a CDN in front knows no denials, taking back the permission to watch
    /// ends playback within that time.
    pub cookie_seconds: u32,
    /// How often players renew them, in s; at most half of `cookie_seconds`, so that one renewal may be lost.
    pub heartbeat_seconds: u32,
    /// Longest life of an address with a token, in s, at most a year.
    pub token_seconds: u32,
    /// Origins (`https://player.example.org`, scheme, host and maybe port) besides our own whose pages may play our
    /// media; `*` for all, without viewers' cookies.
    pub cors: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { cookie_seconds: 300, heartbeat_seconds: 30, token_seconds: 7 * 86_400, cors: Vec::new() }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "playback", name, expected);
        need((10..=300).contains(&self.cookie_seconds), "cookie_seconds", "10 to 300")?;
        let half = self.cookie_seconds / 2;
        need(
            (1..=half).contains(&self.heartbeat_seconds),
            "heartbeat_seconds",
            "1 to half of cookie_seconds",
        )?;
        need((1..=31_536_000).contains(&self.token_seconds), "token_seconds", "1 to 31,536,000")?;
        need(
            self.cors.iter().all(|origin| origin == "*" || is_origin(origin)),
            "cors",
            "origins as browsers send them, such as \"https://player.example.org\", or \"*\"",
        )
    }

    pub(crate) fn cookie_ms(&self) -> i64 {
        i64::from(self.cookie_seconds) * 1000
    }
}

/// Whether this is what a browser says of a page: no path, no usual port, nothing in capitals.
fn is_origin(text: &str) -> bool {
    let web = (text.starts_with("https://") || text.starts_with("http://")) && !text.contains('*');
    web && Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert!(Config::default().check().is_ok());
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { cookie_seconds: 301, ..Config::default() }, "cookie_seconds");
        check(Config { cookie_seconds: 9, ..Config::default() }, "cookie_seconds");
        check(Config { cookie_seconds: 59, ..Config::default() }, "heartbeat_seconds");
        check(Config { heartbeat_seconds: 0, ..Config::default() }, "heartbeat_seconds");
        check(Config { token_seconds: 0, ..Config::default() }, "token_seconds");
    }

    #[test]
    fn pages_are_named_as_browsers_name_them() {
        let check = |origin: &str| Config { cors: vec![origin.into()], ..Config::default() }.check().is_ok();
        for good in ["*", "https://player.example.org", "http://127.0.0.1:8000", "https://[::1]:8443"] {
            assert!(check(good), "{good}");
        }
        let bad = ["player.example.org", "https://player.example.org/", "https://Player.example.org", "null"];
        for bad in
            bad.into_iter().chain(["https://player.example.org:443", "ftp://a.example", "https://*.example"])
        {
            assert!(!check(bad), "{bad}");
        }
    }
}
