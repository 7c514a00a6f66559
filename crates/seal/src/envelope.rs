//! Small sealed texts: data keys and secrets.
//!
//! One byte of format (2), four bytes of the key's version (big-endian), 12 bytes of random nonce, then AES-256-GCM
//! ciphertext and tag. The associated data are `purpose|object|version`: a text moved to another row does not open.
//!
//! Format 1, of data folders before there was a ring, has no version and the associated data `object|1`.

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
    let aad = Aad::from(format!("{purpose}|{object}|{version}"));
    let nonce = key.seal_in_place_append_tag(aad, &mut text).map_err(|_| Error::Seal)?;
    let mut out = Vec::with_capacity(1 + 4 + NONCE_LEN + text.len());
    out.push(FORMAT);
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(nonce.as_ref());
    out.append(&mut text);
    Ok(out)
}

/// Opens the ciphertext of [`parse`] with associated data `aad`.
pub(crate) fn open(key: &Key, aad: &str, nonce: [u8; NONCE_LEN], text: &[u8]) -> Result<Secret> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Open)?;
    let mut plain = Zeroizing::new(text.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = key.open_in_place(nonce, Aad::from(aad), &mut plain).map_err(|_| Error::Open)?.len();
    Ok(Secret::new(plain[..length].to_vec()))
}
