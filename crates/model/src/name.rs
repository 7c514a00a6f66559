//! Names of buckets and keys of objects, checked once at the border.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A bucket or key name that S3 would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Bucket names have 3 to 63 characters of `a-z 0-9 . -` and begin and end with a letter or digit.
    #[error("`{0}` is not a bucket name: use 3 to 63 of a-z, 0-9, `.` and `-`")]
    Bucket(String),
    /// Keys have 1 to 1024 bytes of UTF-8 without NUL.
    #[error("a key has 1 to 1024 bytes of UTF-8 without NUL, this one has {0}")]
    Key(usize),
}

/// A bucket's name (S3 naming rules).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(String);

impl BucketName {
    /// The bucket that uploads go into.
    pub fn source() -> Self {
        Self("source".into())
    }

    /// The bucket that chunks are kept in.
    pub fn media() -> Self {
        Self("media".into())
    }

    /// Borrows the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let good = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|&b| inner(b) || b == b'.' || b == b'-')
            && bytes.first().is_some_and(|&b| inner(b))
            && bytes.last().is_some_and(|&b| inner(b))
            && !text.contains("..");
        if good { Ok(Self(text.into())) } else { Err(NameError::Bucket(text.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for BucketName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> Self {
        name.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's key: any UTF-8 of 1 to 1024 bytes but NUL, never normalised (`a//b` is not `a/b`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Borrows the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `/`, which people recognise as the file's name; the whole key if that is empty.
    pub fn file_name(&self) -> &str {
        match self.0.rsplit_once('/') {
            Some((_, "")) | None => &self.0,
            Some((_, name)) => name,
        }
    }
}

impl FromStr for Key {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if (1..=1024).contains(&text.len()) && !text.contains('\0') {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Key(text.len()))
        }
    }
}

impl TryFrom<String> for Key {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_s3() {
        for good in ["source", "a.b-c", "abc", "1ab"] {
            assert!(good.parse::<BucketName>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "-ab", "ab-", "Ab1", "a..b", "a_b", &"a".repeat(64)] {
            assert!(bad.parse::<BucketName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_kept_as_they_are() {
        for good in ["a//b", "/", "..", "ü/☂", " ", "a\nb"] {
            assert_eq!(good.parse::<Key>().unwrap().as_str(), good);
        }
        for bad in ["", "a\0b", &"a".repeat(1025)] {
            assert!(bad.parse::<Key>().is_err());
        }
    }

    #[test]
    fn a_file_name_is_what_follows_the_last_slash() {
        let name = |key: &str| key.parse::<Key>().unwrap().file_name().to_owned();
        assert_eq!(name("a/b.mp4"), "b.mp4");
        assert_eq!(name("b.mp4"), "b.mp4");
        assert_eq!(name("a/"), "a/");
    }
}
