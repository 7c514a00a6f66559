//! Small secrets kept encrypted in the database: AES-256-GCM under a key that the caller hands in.
//!
//! A sealed text is one byte of format version, 12 bytes of random nonce, the ciphertext and its tag. The
//! context (`purpose|object|version`) is authenticated: a sealed text moved to another row does not open.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was written by a newer version or is not a sealed text.
    #[error("a stored secret has an unknown format")]
    Format,
    /// The key is another one, the text was altered, or it belongs to another object.
    #[error("a stored secret does not open: was the key replaced?")]
    Open,
    /// The encryption itself refused.
    #[error("a secret cannot be encrypted")]
    Seal,
}

/// Opens and seals under one key. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    key: Arc<RandomizedNonceKey>,
}

impl Vault {
    /// Takes the 256-bit key.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key).expect("an AES-256 key has 32 bytes");
        Self { key: Arc::new(key) }
    }

    /// Encrypts `plain` for `context`. Fresh randomness each time: safe for 2³² secrets a key.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut text = plain.to_vec();
        let nonce =
            self.key.seal_in_place_append_tag(Aad::from(context), &mut text).map_err(|_| Error::Seal)?;
        let mut out = Vec::with_capacity(1 + NONCE_LEN + text.len());
        out.push(VERSION);
        out.extend_from_slice(nonce.as_ref());
        out.append(&mut text);
        Ok(out)
    }

    /// Decrypts what [`Self::seal`] made for the same `context`.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, Error> {
        let (&[VERSION], rest) = sealed.split_first_chunk::<1>().ok_or(Error::Format)? else {
            return Err(Error::Format);
        };
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Format)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length =
            self.key.open_in_place(nonce, Aad::from(context), &mut text).map_err(|_| Error::Open)?.len();
        text.truncate(length);
        Ok(Secret(text))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// Secret bytes: not shown, and wiped when dropped.
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
    fn a_secret_opens_only_with_its_key_and_context() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("a|1", b"secret").unwrap();
        assert_eq!(vault.open("a|1", &sealed).unwrap().expose(), b"secret");
        assert_eq!(vault.open("a|2", &sealed).unwrap_err(), Error::Open);
        assert_eq!(Vault::new(&[2; 32]).open("a|1", &sealed).unwrap_err(), Error::Open);
        assert_ne!(vault.seal("a|1", b"secret").unwrap(), sealed);
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("a", b"secret").unwrap();
        for n in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[n] ^= 1;
            assert!(vault.open("a", &altered).is_err(), "byte {n}");
            assert!(vault.open("a", &sealed[..n]).is_err(), "cut at {n}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?} {:?}", Vault::new(&[1; 32]), Secret::new(vec![65])), "Vault(…) Secret(…)");
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(0_u8.., 0..80)) {
            proptest::prop_assert!(Vault::new(&[1; 32]).open("a", &bytes).is_err());
        }
    }
}
