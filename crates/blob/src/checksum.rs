//! Digests of contents: MD5 for ETags and the five checksums of S3.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};

use crate::{Error, Result};

/// A checksum of an object or of a part.
#[derive(Clone, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// The digest, big-endian for CRCs: [`Algorithm::bytes`] long.
    pub value: Vec<u8>,
    /// `Some(n)`: the digest of the digests of `n` parts; `None`: the digest of all bytes.
    pub composite: Option<u32>,
}

/// The checksum algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 as in gzip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The name in S3's headers (`x-amz-checksum-…`) and in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Reads the name back, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// Length of the digest in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The digest of `data`.
    pub fn of(self, data: &[u8]) -> Checksum {
        let mut running = Running::new(self);
        running.update(data);
        Checksum { algorithm: self, value: running.finish(), composite: None }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl Checksum {
    /// A digest of all bytes that someone else computed; `None` if the length is not the algorithm's.
    pub fn new(algorithm: Algorithm, value: &[u8]) -> Option<Self> {
        (value.len() == algorithm.bytes()).then(|| Self { algorithm, value: value.into(), composite: None })
    }

    /// The checksum of a whole that was sent in parts: of their digests (`composite`), or of all their bytes,
    /// which only CRCs can do. `None` if a part has another algorithm or the whole cannot be told.
    pub fn combine(
        algorithm: Algorithm,
        composite: bool,
        parts: impl Iterator<Item = (Option<Checksum>, u64)>,
    ) -> Option<Self> {
        let mut count = 0;
        let mut running = Running::new(algorithm);
        let mut crc = None;
        for (part, bytes) in parts {
            let part = part.filter(|p| p.algorithm == algorithm && p.composite.is_none())?;
            count += 1;
            if composite {
                running.update(&part.value);
            } else {
                let next = number(&part.value);
                crc = Some(match crc {
                    Some(crc) => crc_fast::checksum_combine(algorithm.crc()?, crc, next, bytes),
                    None => algorithm.crc().map(|_| next)?,
                });
            }
        }
        let value = if composite { running.finish() } else { big_endian(crc?, algorithm) };
        Some(Self { algorithm, value, composite: composite.then_some(count) })
    }
}

/// `crc32:0a0b0c0d`, with `-3` behind it when it is composed of three parts: the form in SQL.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), hex::encode(&self.value))?;
        self.composite.map_or(Ok(()), |n| write!(f, "-{n}"))
    }
}

impl db::Scalar for Checksum {
    type Raw = String;

    fn from_raw(raw: String) -> Result<Self, String> {
        raw.parse().map_err(|error: Error| error.to_string())
    }
}

impl db::Scalar for Algorithm {
    type Raw = String;

    fn from_raw(raw: String) -> Result<Self, String> {
        Self::parse(&raw).ok_or_else(|| format!("`{raw}` is not a checksum algorithm"))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let (name, rest) = text.split_once(':')?;
            let (digits, parts) = match rest.split_once('-') {
                Some((digits, n)) => (digits, Some(n.parse().ok()?)),
                None => (rest, None),
            };
            let whole = Self::new(Algorithm::parse(name)?, &hex::decode(digits).ok()?)?;
            Some(Self { composite: parts, ..whole })
        };
        read().ok_or_else(|| Error::Row(format!("`{text}` is not a checksum")))
    }
}

/// Digests computed while bytes were written.
#[derive(Debug, Clone)]
pub(crate) struct Digests {
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Option<Checksum>,
}

/// Computes MD5 and at most one checksum.
pub(crate) struct Hasher {
    md5: Md5,
    checksum: Option<(Algorithm, Running)>,
}

impl Hasher {
    pub(crate) fn new(algorithm: Option<Algorithm>) -> Self {
        Self { md5: Md5::new(), checksum: algorithm.map(|a| (a, Running::new(a))) }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        if let Some((_, running)) = &mut self.checksum {
            running.update(data);
        }
    }

    pub(crate) fn finish(self) -> Digests {
        let checksum = self.checksum.map(|(algorithm, running)| Checksum {
            algorithm,
            value: running.finish(),
            composite: None,
        });
        Digests { md5: self.md5.finalize().into(), checksum }
    }
}

/// The ETag of an object that was sent in parts: MD5 of their MD5s, and their number.
pub(crate) fn multipart_etag<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut md5 = Md5::new();
    let mut count = 0;
    for part in parts {
        md5.update(part);
        count += 1;
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

enum Running {
    Crc(Box<crc_fast::Digest>, Algorithm),
    Sha(digest::Context),
}

impl Running {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Self::Crc(Box::new(crc_fast::Digest::new(crc)), algorithm),
            None if algorithm == Algorithm::Sha1 => {
                Self::Sha(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY))
            }
            None => Self::Sha(digest::Context::new(&digest::SHA256)),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(data),
            Self::Sha(sha) => sha.update(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, algorithm) => big_endian(crc.finalize(), algorithm),
            Self::Sha(sha) => sha.finish().as_ref().to_vec(),
        }
    }
}

fn big_endian(crc: u64, algorithm: Algorithm) -> Vec<u8> {
    crc.to_be_bytes()[8 - algorithm.bytes().min(8)..].to_vec()
}

fn number(big_endian: &[u8]) -> u64 {
    big_endian.iter().fold(0, |n, &b| (n << 8) | u64::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(algorithm: Algorithm, expected: &str) {
        assert_eq!(hex::encode(algorithm.of(b"123456789").value), expected, "{algorithm:?}");
    }

    #[test]
    fn digests_are_those_of_the_catalogue_of_crcs_and_of_nist() {
        check(Algorithm::Crc32, "cbf43926");
        check(Algorithm::Crc32c, "e3069283");
        check(Algorithm::Crc64Nvme, "ae8b14860a799888");
        check(Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        check(Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }

    #[test]
    fn a_whole_crc_is_told_from_those_of_the_parts() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let part = |data: &[u8]| (Some(algorithm.of(data)), data.len() as u64);
            let parts = [part(b"12345"), part(b""), part(b"678"), part(b"9")];
            let whole = Checksum::combine(algorithm, false, parts.into_iter()).unwrap();
            assert_eq!(whole, algorithm.of(b"123456789"));
        }
        let sha = [(Some(Algorithm::Sha256.of(b"a")), 1)];
        assert_eq!(Checksum::combine(Algorithm::Sha256, false, sha.into_iter()), None);
    }

    #[test]
    fn a_composite_is_the_digest_of_digests() {
        let parts = [(Some(Algorithm::Sha256.of(b"a")), 1), (Some(Algorithm::Sha256.of(b"b")), 1)];
        let both: Vec<u8> = parts.iter().flat_map(|(p, _)| p.clone().unwrap().value).collect();
        let composite = Checksum::combine(Algorithm::Sha256, true, parts.into_iter()).unwrap();
        assert_eq!(composite.value, Algorithm::Sha256.of(&both).value);
        assert_eq!(composite.composite, Some(2));
        assert_eq!(composite.to_string().parse::<Checksum>().unwrap(), composite);
    }

    #[test]
    fn a_part_without_the_checksum_spoils_the_whole() {
        let parts = || [(Some(Algorithm::Crc32.of(b"a")), 1), (None, 1)].into_iter();
        assert_eq!(Checksum::combine(Algorithm::Crc32, true, parts()), None);
        assert_eq!(Checksum::combine(Algorithm::Crc32, false, parts()), None);
    }

    #[test]
    fn other_texts_are_not_checksums() {
        for bad in ["", "crc32", "crc32:00", "crc32:zzzzzzzz", "md5:00", "crc32:00000000-x"] {
            assert!(bad.parse::<Checksum>().is_err(), "{bad}");
        }
    }
}
