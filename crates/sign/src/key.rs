//! The public keys that signatures are checked with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
};
use model::Timestamp;
use model::delivery::PublicKey;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::DecodePublicKey;

use crate::denied::Denied;
use crate::encoding;
use crate::error::{Error, Result, cut};
use crate::hash::Hash;

/// One public key, parsed once: RSA with 2048 bits or ECDSA P-256, as CloudFront takes them.
pub struct Key {
    id: Arc<str>,
    hint: [u8; 4],
    session: bool,
    until: Option<Timestamp>,
    identity: [u8; 32],
    verifier: Verifier,
}

enum Verifier {
    Rsa { sha1: ParsedPublicKey, sha256: ParsedPublicKey },
    P256 { der: ParsedPublicKey, fixed: ParsedPublicKey, prehash: Box<p256::ecdsa::VerifyingKey> },
}

impl Key {
    /// Reads a key.
    pub fn parse(key: &PublicKey) -> Result<Self> {
        check_id(&key.id)?;
        let der = encoding::from_pem(&key.id, "PUBLIC KEY", &key.pem)?;
        let verifier =
            rsa(&der).or_else(|| p256(&der)).ok_or_else(|| Error::PublicKey { id: key.id.to_string() })?;
        Ok(Self {
            id: key.id.clone(),
            hint: hint(&key.id),
            session: key.session,
            until: key.until,
            identity: sha256(&[&der]),
            verifier,
        })
    }

    /// The key's id, `Key-Pair-Id`.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// How path tokens name it.
    pub(crate) fn hint(&self) -> [u8; 4] {
        self.hint
    }

    /// Whether its signatures also need the session cookie ([`crate::session`]).
    pub fn session(&self) -> bool {
        self.session
    }

    /// Whether it is an RSA key with 2048 bits; else it is one on P-256.
    pub fn is_rsa(&self) -> bool {
        matches!(self.verifier, Verifier::Rsa { .. })
    }

    /// A value that no other key material has: what is remembered under it dies with the key.
    pub fn identity(&self) -> [u8; 32] {
        self.identity
    }

    /// Checks a CloudFront signature (RSA PKCS#1 v1.5, or ECDSA in DER).
    pub(crate) fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Result<(), Denied> {
        let good = match (&self.verifier, hash) {
            (Verifier::Rsa { sha1, .. }, Hash::Sha1) => sha1.verify_sig(message, signature).is_ok(),
            (Verifier::Rsa { sha256, .. }, Hash::Sha256) => sha256.verify_sig(message, signature).is_ok(),
            (Verifier::P256 { der, .. }, Hash::Sha256) => der.verify_sig(message, signature).is_ok(),
            // Every signer's default hash is SHA-1, also for P-256, where aws-lc-rs does not offer it.
            (Verifier::P256 { prehash, .. }, Hash::Sha1) => {
                let digest = digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, message);
                p256::ecdsa::DerSignature::from_bytes(signature)
                    .is_ok_and(|signature| prehash.verify_prehash(digest.as_ref(), &signature).is_ok())
            }
        };
        if good { Ok(()) } else { Err(Denied::WrongSignature) }
    }

    /// Checks one of our own signatures: P-256 with SHA-256, 64 bytes, over a message with its purpose before it.
    pub(crate) fn verify_own(&self, purpose: &[u8], parts: &[u8], signature: &[u8]) -> Result<(), Denied> {
        let Verifier::P256 { fixed, .. } = &self.verifier else { return Err(Denied::WrongSignature) };
        fixed.verify_sig(&[purpose, parts].concat(), signature).map_err(|_| Denied::WrongSignature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.verifier {
            Verifier::Rsa { .. } => "RSA-2048",
            Verifier::P256 { .. } => "P-256",
        };
        write!(f, "Key({}, {kind})", self.id)
    }
}

/// The keys of a distribution, by id. Of two keys with one id the later counts.
#[derive(Debug, Default)]
pub struct Keys {
    by_id: HashMap<Arc<str>, Arc<Key>>,
}

impl Keys {
    /// Finds a key by its id, unless it has expired.
    pub fn get(&self, id: &str, now: Timestamp) -> Result<&Arc<Key>, Denied> {
        self.by_id.get(id).filter(|key| key.until.is_none_or(|until| now < until)).ok_or(Denied::UnknownKey)
    }

    /// Whether a key is among them with the same material ([`Key::identity`]).
    pub fn has(&self, id: &str, identity: [u8; 32]) -> bool {
        self.by_id.get(id).is_some_and(|key| key.identity == identity)
    }

    /// All keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.by_id.values()
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        Self { by_id: keys.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect() }
    }
}

/// Checks the shape of a key id.
pub(crate) fn check_id(id: &str) -> Result<()> {
    let good = (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if good { Ok(()) } else { Err(Error::KeyId { id: cut(id, 140) }) }
}

/// How path tokens name a key: the beginning of the SHA-256 of its id.
pub(crate) fn hint(key_id: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&[key_id.as_bytes()]);
    [a, b, c, d]
}

/// SHA-256 of the parts one after another.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

fn rsa(der: &[u8]) -> Option<Verifier> {
    let bits = PublicEncryptingKey::from_der(der).ok()?.key_size_bits();
    if bits != 2048 {
        return None;
    }
    Some(Verifier::Rsa {
        sha1: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, der).ok()?,
        sha256: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()?,
    })
}

fn p256(der: &[u8]) -> Option<Verifier> {
    Some(Verifier::P256 {
        der: ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der).ok()?,
        fixed: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, der).ok()?,
        prehash: Box::new(p256::ecdsa::VerifyingKey::from_public_key_der(der).ok()?),
    })
}
