//! Small sealed texts: data keys and secrets.
//!
//! One byte of format (2), four bytes of the key's version (big-endian), 12 bytes of random nonce, then AES-256-GCM
//! ciphertext and tag. What the text is bound to ([`associated`]) goes into the tag: moved to another row it does not open.
//!
//! Format 1, of data folders before there was a ring, has no version and is bound to less ([`associated_before`]).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::{Error, Key, Purpose, Result, Secret};

const FORMAT: u8 = 2;
const LEGACY: u8 = 1;

/// A sealed text, taken apart.
pub(crate) enum Parts<'a> {
    Current { version: u32, nonce: [u8; NONCE_LEN], text: &'a [u8] },
    Legacy { nonce: [u8; NONCE_LEN], text: &'a [u8] },
}

pub(crate) fn parse(sealed: &[u8]) -> Result<Parts<'_>> {
    let (format, rest) = sealed.split_first().ok_or(Error::Format)?;
    let nonce = |rest| <[u8]>::split_first_chunk::<NONCE_LEN>(rest).ok_or(Error::Format);
    match *format {
        FORMAT => {
            let (version, rest) = rest.split_first_chunk::<4>().ok_or(Error::Format)?;
            let (nonce, text) = nonce(rest)?;
            Ok(Parts::Current { version: u32::from_be_bytes(*version), nonce: *nonce, text })
        }
        LEGACY => {
            let (nonce, text) = nonce(rest)?;
            Ok(Parts::Legacy { nonce: *nonce, text })
        }
        _ => Err(Error::Format),
    }
}

/// The version of the key that a text was sealed with; `None` for the format before there was a ring.
///
/// # Errors
/// [`Error::Format`].
pub fn version(sealed: &[u8]) -> Result<Option<u32>> {
    Ok(match parse(sealed)? {
        Parts::Current { version, .. } => Some(version),
        Parts::Legacy { .. } => None,
    })
}

/// Seals under a key. Fresh randomness each time: safe for 2³² texts a key.
pub(crate) fn seal(key: &Key, purpose: Purpose, object: &str, version: u32, plain: &[u8]) -> Result<Vec<u8>> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Seal)?;
    let mut text = plain.to_vec();
    let aad = Aad::from(associated(purpose, object, version));
    let nonce = key.seal_in_place_append_tag(aad, &mut text).map_err(|_| Error::Seal)?;
    let mut out = Vec::with_capacity(1 + 4 + NONCE_LEN + text.len());
    out.push(FORMAT);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(nonce.as_ref());
    out.append(&mut text);
    Ok(out)
}

/// The associated data of a text: `purpose|object|version`.
pub(crate) fn associated(purpose: Purpose, object: &str, version: u32) -> String {
    format!("{purpose}|{object}|{version}")
}

/// The associated data of a text of format 1: `object|1`.
pub(crate) fn associated_before(object: &str) -> String {
    format!("{object}|1")
}

/// Opens the ciphertext of [`parse`] with associated data `aad`.
pub(crate) fn open(key: &Key, aad: &str, nonce: [u8; NONCE_LEN], text: &[u8]) -> Result<Secret> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Open)?;
    let mut plain = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key.open_in_place(nonce, Aad::from(aad), &mut plain).map_err(|_| Error::Open)?.len();
    Ok(Secret::new(plain[..length].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    /// A text that was sealed under [`KEY`] for `film`, for signing where its format says for what, with the version 3.
    /// The bytes are another implementation's (OpenSSL's), so that everything that was ever stored can still be opened.
    fn check(sealed: &str) {
        let bytes = hex::decode(sealed).unwrap();
        let (aad, nonce, text) = match parse(&bytes).unwrap() {
            Parts::Current { version, nonce, text } => {
                assert_eq!(version, 3);
                (associated(Purpose::Signing, "film", version), nonce, text)
            }
            Parts::Legacy { nonce, text } => (associated_before("film"), nonce, text),
        };
        let key = Key::new(KEY);
        assert_eq!(open(&key, &aad, nonce, text).unwrap().expose(), b"geheim");
        assert!(open(&key, &format!("{aad}0"), nonce, text).is_err());
    }

    #[test]
    fn what_was_ever_sealed_opens() {
        check("020000000309090909090909090909090940e0ecf1d79d596d3def58b13a2adcaad2ac2ce11ad9");
        check("0109090909090909090909090940e0ecf1d79dcd698efda1105d211793b84da8eb8d55");
    }

    #[test]
    fn what_is_sealed_has_the_bytes_that_are_documented() {
        let sealed = seal(&Key::new(KEY), Purpose::Signing, "film", 3, b"geheim").unwrap();
        assert_eq!((&sealed[..5], sealed.len()), (&[2, 0, 0, 0, 3][..], 1 + 4 + NONCE_LEN + 6 + 16));
        check(&hex::encode(sealed));
    }
}
