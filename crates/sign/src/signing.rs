//! The private half: signed URLs and whatever else our keys sign.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
};
use model::Timestamp;
use model::delivery::PublicKey;

use crate::encoding;
use crate::error::{Error, Result, cut};
use crate::key::check_id;
use crate::policy::{self, Policy};

/// A private P-256 key with its id. Its `Debug` shows the id only.
pub struct SigningKey {
    id: Arc<str>,
    pkcs8: Vec<u8>,
    public: Arc<str>,
    der: EcdsaKeyPair,
    fixed: EcdsaKeyPair,
}

impl SigningKey {
    /// Makes a new key.
    pub fn generate(id: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
            .map_err(|_| Error::Crypto { what: "generate a key" })?;
        let document = pair.to_pkcs8v1().map_err(|_| Error::Crypto { what: "write a key" })?;
        Self::from_der(id, document.as_ref())
    }

    /// Reads a P-256 key from PKCS#8 PEM (`BEGIN PRIVATE KEY`).
    pub fn from_pem(id: &str, pem: &str) -> Result<Self> {
        Self::from_der(id, &encoding::from_pem(id, "PRIVATE KEY", pem)?)
    }

    fn from_der(id: &str, pkcs8: &[u8]) -> Result<Self> {
        check_id(id)?;
        let bad = |_| Error::PrivateKey { id: id.to_owned() };
        let der = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).map_err(bad)?;
        let fixed = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map_err(bad)?;
        let public = der.public_key().as_der().map_err(|_| Error::Crypto { what: "write a public key" })?;
        let public = encoding::to_pem("PUBLIC KEY", public.as_ref()).into();
        Ok(Self { id: id.into(), pkcs8: pkcs8.to_vec(), public, der, fixed })
    }

    /// The key's id, `Key-Pair-Id`.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Writes the private key as PKCS#8 PEM. The result is the secret itself.
    pub fn to_pem(&self) -> String {
        encoding::to_pem("PRIVATE KEY", &self.pkcs8)
    }

    /// Writes the public key as subject public key info in PEM.
    pub fn public_pem(&self) -> &Arc<str> {
        &self.public
    }

    /// The public key as the edge takes it: no session wanted, no end.
    pub fn public(&self) -> PublicKey {
        PublicKey { id: self.id.clone(), pem: self.public.clone(), session: false, until: None }
    }

    /// Signs `url` (scheme, host, path and own query, percent-encoded) with a canned policy.
    pub fn sign_url(&self, url: &str, until: Timestamp) -> Result<String> {
        let seconds = until.seconds();
        let until = u64::try_from(seconds).map_err(|_| Error::Moment { seconds })?;
        check_url(url)?;
        let policy = policy::canned(url, until).ok_or_else(|| Error::Url { text: cut(url, 200) })?;
        Ok(self.append(url, &format!("Expires={until}"), &self.sign(policy.as_bytes())?))
    }

    /// Signs `url` with a custom policy, which need not name the same URL.
    pub fn sign_url_with(&self, url: &str, policy: &Policy) -> Result<String> {
        check_url(url)?;
        let policy = policy.to_json()?;
        let parameter = format!("Policy={}", encoding::to_cloudfront(policy.as_bytes()));
        Ok(self.append(url, &parameter, &self.sign(policy.as_bytes())?))
    }

    fn append(&self, url: &str, policy: &str, signature: &str) -> String {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!(
            "{url}{separator}{policy}&Signature={signature}&Key-Pair-Id={}&Hash-Algorithm=SHA256",
            self.id
        )
    }

    /// Signs a policy as CloudFront takes it.
    pub(crate) fn sign(&self, policy: &[u8]) -> Result<String> {
        let signature = self
            .der
            .sign(&SystemRandom::new(), policy)
            .map_err(|_| Error::Crypto { what: "sign a policy" })?;
        Ok(encoding::to_cloudfront(signature.as_ref()))
    }

    /// Signs bytes of our own kind, with their purpose before them: 64 bytes.
    pub(crate) fn sign_own(&self, purpose: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
        let signature = self
            .fixed
            .sign(&SystemRandom::new(), &[purpose, bytes].concat())
            .map_err(|_| Error::Crypto { what: "sign a token" })?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

fn check_url(url: &str) -> Result<()> {
    let whole = url.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && rest.contains('/'));
    if whole && policy::is_url_text(url) { Ok(()) } else { Err(Error::Url { text: cut(url, 200) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_stay_secret() {
        let key = SigningKey::generate("K1").unwrap();
        let again = SigningKey::from_pem("K1", &key.to_pem()).unwrap();
        assert_eq!(again.public_pem(), key.public_pem());
        assert_eq!(format!("{key:?}"), "SigningKey(K1)");
    }

    #[test]
    fn what_cannot_be_signed_is_refused() {
        let key = SigningKey::generate("K1").unwrap();
        for bad in
            ["", "/a", "http:/h/a", "http://h", "http://h/a b", "http://h/a\"", "http://h/é", "http://h/#f"]
        {
            assert!(key.sign_url(bad, Timestamp(0)).is_err(), "{bad}");
        }
        assert!(key.sign_url("http://h/", Timestamp(-1)).is_err());
        for bad in ["", "a b", &"k".repeat(129)] {
            assert!(matches!(SigningKey::generate(bad), Err(Error::KeyId { .. })), "{bad}");
        }
        assert!(SigningKey::from_pem("K", key.public_pem()).is_err());
    }
}
