//! Settings and bounds.

use model::Cidr;
use model::setting::{OutOfRange, need};
use serde::Deserialize;

/// How the front door behaves. Whatever a client can make grow has its bound here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Proxies in front whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Where requests that came without TLS are sent: scheme, host and port, such as `https://films.example.org`. Empty:
    /// they are answered. Follows from the public address, so no file sets it.
    #[serde(skip)]
    pub https_origin: String,
    /// How long browsers remember to come with TLS only, in s (`Strict-Transport-Security`, RFC 6797); 0 says nothing.
    pub hsts_seconds: u32,
    /// Whether HTTP/2 with prior knowledge is spoken besides HTTP/1.1: for proxies in front only, because a client of
    /// HTTP/2 can stall its streams without stalling its connection.
    pub http2: bool,
    /// Connections at a time; further ones wait in the kernel. One address (of IPv6: one /48, and a /64 within it
    /// likewise) may have as many as are still free; when none is, the address with the most gives up its oldest.
    /// Trusted proxies may have all.
    pub connections: u32,
    /// Most connections of one address (of IPv6: one /64) besides; 0 for no further bound.
    pub address_connections: u32,
    /// Longest time from the first byte awaited to the last byte of a request's head, in ms; also how long an idle
    /// connection stays.
    pub head_ms: u32,
    /// Longest pause within a request's body, in ms.
    pub body_ms: u32,
    /// Longest time without a client taking any byte of an answer, in ms.
    pub write_ms: u32,
    /// Fewest bytes per second that a client takes of an answer that waits for it, over `write_ms`; 0 for any. While
    /// clients hold too much memory, 64 times as many, over an eighth of the time.
    pub least_rate: u32,
    /// Longest time until an upstream's head, for requests without a body, and between parts of its body, in ms.
    pub upstream_ms: u32,
    /// How long running requests may continue after shutdown begins, in ms. One time for all doors, so no file sets it.
    #[serde(skip)]
    pub drain_ms: u32,
    /// Longest path and query, in bytes.
    pub target_bytes: u32,
    /// Largest request head, in bytes.
    pub head_bytes: u32,
    /// Most header fields of a request.
    pub head_fields: u16,
    /// Bytes of answers that are kept in memory; what clients are still reading may take as much again before slow ones
    /// are ended, and three times as much before requests for media are put off.
    pub cache_bytes: u64,
    /// Seconds after which an answer that nobody asks for is forgotten, whatever room there is; twice that at most.
    pub cache_idle_s: u32,
    /// Largest answer in bytes that is kept, and that waiting requests share; larger ones pass through, and all at 0.
    pub cache_object_bytes: u32,
    /// Checked signatures that are remembered.
    pub signatures: u32,
    /// Wrong signatures of one address (of IPv6: one /64) that are checked in a minute, or all at once; further ones are
    /// answered 429 unchecked until then. 0 for any number.
    pub wrong_signatures: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            https_origin: String::new(),
            hsts_seconds: 31_536_000,
            http2: false,
            connections: 8192,
            address_connections: 0,
            head_ms: 30_000,
            body_ms: 30_000,
            write_ms: 30_000,
            least_rate: 4096,
            upstream_ms: 30_000,
            drain_ms: 10_000,
            target_bytes: 8192,
            head_bytes: 64 * 1024,
            head_fields: 100,
            cache_bytes: 256 << 20,
            cache_idle_s: 600,
            cache_object_bytes: 16 << 20,
            signatures: 16_384,
            wrong_signatures: 600,
        }
    }
}

impl Config {
    /// Refuses settings out of their range.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let need = |good, name, expected| need(good, "edge", name, expected);
        let origin = self.https_origin.as_bytes();
        let plain = origin.starts_with(b"https://") && origin.iter().all(u8::is_ascii_graphic);
        need(origin.is_empty() || plain, "https_origin", "https:// with a host, or empty")?;
        need((1..=1_000_000).contains(&self.connections), "connections", "1 to 1,000,000")?;
        for (name, ms) in [
            ("head_ms", self.head_ms),
            ("body_ms", self.body_ms),
            ("write_ms", self.write_ms),
            ("upstream_ms", self.upstream_ms),
        ] {
            need((10..=3_600_000).contains(&ms), name, "10 to 3,600,000")?;
        }
        need((8192..=1 << 20).contains(&self.head_bytes), "head_bytes", "8,192 to 1,048,576")?;
        need((1..=1000).contains(&self.head_fields), "head_fields", "1 to 1,000")?;
        need((16..=32_768).contains(&self.target_bytes), "target_bytes", "16 to 32,768")?;
        need((1..=31_536_000).contains(&self.cache_idle_s), "cache_idle_s", "1 to 31,536,000")?;
        need((1 << 20..=1 << 40).contains(&self.cache_bytes), "cache_bytes", "1 MiB to 1 TiB")?;
        let most = self.cache_bytes / 4;
        let object = u64::from(self.cache_object_bytes);
        need(
            object <= (60 << 20) && object <= most,
            "cache_object_bytes",
            "at most 60 MiB and a quarter of cache_bytes",
        )?;
        need((16..=10_000_000).contains(&self.signatures), "signatures", "16 to 10,000,000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_range_and_others_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let check = |config: Config, expected: &str| assert_eq!(config.check().unwrap_err().name, expected);
        check(Config { connections: 0, ..Config::default() }, "connections");
        check(Config { https_origin: "http://films.example".into(), ..Config::default() }, "https_origin");
        check(Config { write_ms: 0, ..Config::default() }, "write_ms");
        check(Config { cache_bytes: 32 << 20, ..Config::default() }, "cache_object_bytes");
        check(Config { head_bytes: 100, ..Config::default() }, "head_bytes");
    }
}
