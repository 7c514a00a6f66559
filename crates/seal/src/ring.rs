//! The ring as a value, and its file.
//!
//! JSON: `{"format": "kinora key ring", "version": 1, "id": …, "keys": [{"purpose", "version", "created_at", "key"}],
//! "check": SHA-256 of the rest}`. Keys are in base64. It is what a provider stores and what a recovery file contains.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, Key, Purpose, Result, Secret};

const NAME: &str = "kinora key ring";
const VERSION: u32 = 1;

/// Every key that there is or was, by purpose and version.
#[derive(Debug, Clone)]
pub struct Ring {
    id: String,
    keys: BTreeMap<(Purpose, u32), Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    key: Key,
    created_at: Timestamp,
}

/// A key of the ring, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its version; the highest is used for sealing.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    id: String,
    keys: Vec<Line>,
    check: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    purpose: Purpose,
    version: u32,
    created_at: i64,
    key: Zeroizing<String>,
}

impl Ring {
    /// Makes a ring with a first key for each purpose.
    pub fn make(now: Timestamp) -> Result<Self> {
        let id = hex::encode(&Key::random()?.expose()[..16]);
        let mut ring = Self { id, keys: BTreeMap::new() };
        for purpose in Purpose::ALL {
            ring.insert(purpose, 1, Key::random()?, now);
        }
        Ok(ring)
    }

    /// Sets a key.
    pub fn insert(&mut self, purpose: Purpose, version: u32, key: Key, created_at: Timestamp) {
        self.keys.insert((purpose, version), Kept { key, created_at });
    }

    /// Adds a new version for a purpose and answers it.
    pub fn rotate(&mut self, purpose: Purpose, now: Timestamp) -> Result<u32> {
        let version = self.current(purpose).map_or(0, |(version, _)| version) + 1;
        self.insert(purpose, version, Key::random()?, now);
        Ok(version)
    }

    /// The newest key of a purpose and its version.
    pub fn current(&self, purpose: Purpose) -> Result<(u32, &Key)> {
        let newest = self.keys.range((purpose, 0)..=(purpose, u32::MAX)).next_back();
        newest.map(|((_, version), kept)| (*version, &kept.key)).ok_or(Error::NoKey { purpose, version: 1 })
    }

    /// A certain key.
    pub fn key(&self, purpose: Purpose, version: u32) -> Result<&Key> {
        self.keys.get(&(purpose, version)).map(|kept| &kept.key).ok_or(Error::NoKey { purpose, version })
    }

    /// Its keys, by purpose and version, without their bytes.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |(&(purpose, version), kept): (&(Purpose, u32), &Kept)| Entry {
            purpose,
            version,
            created_at: kept.created_at,
        };
        self.keys.iter().map(entry).collect()
    }

    /// Whether every key of `other` is here too.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .keys
            .iter()
            .all(|(at, kept)| self.keys.get(at).is_some_and(|k| k.key.expose() == kept.key.expose()))
    }

    /// A name for just these keys, which says nothing about them.
    pub fn fingerprint(&self) -> String {
        self.to_file().check
    }

    /// Writes the file.
    pub fn to_bytes(&self) -> Secret {
        Secret::new(serde_json::to_vec_pretty(&self.to_file()).expect("plain values become JSON"))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::TooNew`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |why| Error::Damaged { why };
        let file: File = serde_json::from_slice(bytes).map_err(|_| damaged("it is not a whole JSON file"))?;
        if file.format != NAME {
            return Err(damaged("it is some other file"));
        }
        if file.version > VERSION {
            return Err(Error::TooNew { found: file.version, known: VERSION });
        }
        let mut keys = BTreeMap::new();
        for line in &file.keys {
            let bytes =
                Zeroizing::new(STANDARD.decode(&*line.key).map_err(|_| damaged("a key is not base64"))?);
            let key = Key::from_slice(&bytes).ok_or_else(|| damaged("a key has not 256 bits"))?;
            let kept = Kept { key, created_at: Timestamp(line.created_at) };
            if keys.insert((line.purpose, line.version), kept).is_some() {
                return Err(damaged("a key is listed twice"));
            }
        }
        let ring = Self { id: file.id, keys };
        if ring.fingerprint() != file.check {
            return Err(damaged("wrong checksum"));
        }
        Ok(ring)
    }

    fn to_file(&self) -> File {
        let line = |(&(purpose, version), kept): (&(Purpose, u32), &Kept)| Line {
            purpose,
            version,
            created_at: kept.created_at.0,
            key: Zeroizing::new(STANDARD.encode(kept.key.expose())),
        };
        let keys: Vec<Line> = self.keys.iter().map(line).collect();
        let mut text = Zeroizing::new(format!("{NAME}\n{VERSION}\n{}\n", self.id));
        for Line { purpose, version, created_at, key } in &keys {
            text.push_str(&Zeroizing::new(format!("{purpose}|{version}|{created_at}|{}\n", **key)));
        }
        let check = hex::encode(digest(&SHA256, text.as_bytes()));
        File { format: NAME.to_owned(), version: VERSION, id: self.id.clone(), keys, check }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn a_ring_survives_its_file_and_any_changed_byte_is_seen() {
        let mut ring = Ring::make(NOW).unwrap();
        assert_eq!(ring.rotate(Purpose::Media, NOW).unwrap(), 2);
        let bytes = ring.to_bytes();
        let again = Ring::from_bytes(bytes.expose()).unwrap();
        assert!(again.contains(&ring) && ring.contains(&again));
        assert_eq!(again.current(Purpose::Media).unwrap().0, 2);
        for n in 0..bytes.expose().len() {
            let mut altered = bytes.expose().to_vec();
            altered[n] ^= 2;
            let read = Ring::from_bytes(&altered);
            // White space between values says nothing.
            assert!(read.is_err() || bytes.expose()[n].is_ascii_whitespace(), "byte {n}");
            assert!(Ring::from_bytes(&bytes.expose()[..n]).is_err(), "cut at {n}");
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let text = String::from_utf8(Ring::make(NOW).unwrap().to_bytes().expose().to_vec()).unwrap();
        let newer = text.replacen("\"version\": 1", "\"version\": 9", 1);
        assert!(matches!(Ring::from_bytes(newer.as_bytes()), Err(Error::TooNew { found: 9, known: 1 })));
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let ring = Ring::make(NOW).unwrap();
        let keys: std::collections::BTreeSet<_> =
            Purpose::ALL.iter().map(|p| *ring.current(*p).unwrap().1.expose()).collect();
        assert_eq!(keys.len(), Purpose::ALL.len());
        assert!(matches!(ring.key(Purpose::Media, 2), Err(Error::NoKey { version: 2, .. })));
    }
}
