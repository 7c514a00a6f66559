//! Secret values: not shown, and wiped when dropped.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::Result;
use crate::error::Error;

/// A 256-bit key.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes a key's bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes a key of the system's randomness.
    pub fn random() -> Result<Self> {
        let mut key = Self::new([0; 32]);
        rand::fill(&mut *key.0).map_err(|_| Error::Seal)?;
        Ok(key)
    }

    /// Takes bytes that must be 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// Borrows the bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Secret bytes of any length.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes secret bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Borrows the bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Borrows the text; `None` if it is not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?} {:?}", Key::new([1; 32]), Secret::new(vec![65])), "Key(…) Secret(…)");
    }
}
