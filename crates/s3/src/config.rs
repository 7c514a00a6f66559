//! Settings and bounds of connections.

use std::sync::Arc;
use std::time::Duration;

use http_face::door::{Bounds, Timeouts};
use model::setting::{OutOfRange, need};
use serde::Deserialize;

/// How the S3 face behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Connections at a time; more wait to be accepted. One address may have as many as are still free, proxies all; when
    /// none is, the client with the most gives up its oldest.
    pub connections: usize,
    /// Seconds within which a request's head must be there, and those within which the fields of a form must.
    pub head_seconds: u64,
    /// Seconds a body may be silent before the request fails.
    pub body_idle_seconds: u64,
    /// Seconds that a client may take nothing of an answer.
    pub write_idle_seconds: u64,
    /// Domains below which a host name begins with the bucket (`bucket.domain`).
    pub domains: Vec<String>,
    /// Whether the address that clients know begins with `https`. It follows from that address.
    #[serde(skip)]
    pub https: bool,
    /// Origins (`https://host[:port]`) whose pages may send presigned parts. They follow from the public address and the
    /// settings of uploads.
    #[serde(skip)]
    pub page_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections: 512,
            head_seconds: 30,
            body_idle_seconds: 60,
            write_idle_seconds: 300,
            domains: vec!["localhost".into()],
            https: false,
            page_origins: Vec::new(),
        }
    }
}

impl Config {
    /// Limits of a connection to this face, where running requests have `drain` to end at shutdown.
    pub fn bounds(&self, drain: Duration) -> Bounds {
        Bounds {
            head: Duration::from_secs(self.head_seconds),
            head_bytes: 64 << 10,
            head_fields: 200,
            pause: Duration::from_secs(self.body_idle_seconds),
            timeouts: Timeouts {
                silence: Duration::from_secs(self.write_idle_seconds),
                least_rate: 0,
                is_scarce: Arc::new(|| false),
            },
            http2: false,
            drain,
        }
    }

    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "s3_face", name, expected);
        need((1..=1_000_000).contains(&self.connections), "connections", "1 to 1,000,000")?;
        for (name, seconds) in [
            ("head_seconds", self.head_seconds),
            ("body_idle_seconds", self.body_idle_seconds),
            ("write_idle_seconds", self.write_idle_seconds),
        ] {
            need((1..=3600).contains(&seconds), name, "1 to 3,600")?;
        }
        need(
            self.domains.iter().all(|domain| is_domain(domain)),
            "domains",
            "names of hosts in small letters, without a port, such as \"s3.films.example.org\"",
        )
    }
}

fn is_domain(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { connections: 0, ..Config::default() }, "connections");
        check(Config { head_seconds: 0, ..Config::default() }, "head_seconds");
        check(Config { write_idle_seconds: 3601, ..Config::default() }, "write_idle_seconds");
        for domain in
            ["", "S3.example.org", ".example.org", "example.org:9000", "https://example.org", "*.org"]
        {
            check(Config { domains: vec![domain.into()], ..Config::default() }, "domains");
        }
    }
}
