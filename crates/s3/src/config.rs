//! Settings and bounds of connections.

use model::setting::{OutOfRange, need};
use serde::Deserialize;
use sign::Cidr;

/// How the S3 face behaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Connections at a time; more wait to be accepted. One address may have as many as are still free, proxies all; when
    /// none is, whoever has most gives up its oldest.
    pub connections: usize,
    /// Seconds within which a request's head must be there, and those within which the fields of a form must.
    pub head_seconds: u64,
    /// Seconds a body may be silent before the request fails.
    pub body_idle_seconds: u64,
    /// Seconds that a client may take nothing of an answer.
    pub write_idle_seconds: u64,
    /// Domains below which a host name begins with the bucket (`bucket.domain`).
    pub domains: Vec<String>,
    /// Proxies in front, which speak for many: those of the front door.
    #[serde(skip)]
    pub trusted_proxies: Vec<Cidr>,
    /// Whether the address that clients know begins with `https`. It follows from that address.
    #[serde(skip)]
    pub https: bool,
    /// Seconds that requests under way have to end at shutdown. One time for all doors, so no file sets it.
    #[serde(skip)]
    pub shutdown_seconds: u64,
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
            trusted_proxies: Vec::new(),
            https: false,
            shutdown_seconds: 10,
            page_origins: Vec::new(),
        }
    }
}

impl Config {
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
