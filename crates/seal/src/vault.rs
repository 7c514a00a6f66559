//! Small secrets kept in rows of a database.

mod text;

use std::fmt;
use std::ops::AddAssign;

use crate::{KeyRing, Purpose, Result, Secret, envelope};

pub use text::is_sealed;

/// Opens and seals the secrets of one purpose. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    ring: KeyRing,
    purpose: Purpose,
}

impl Vault {
    /// Takes the ring and what the secrets are for.
    pub fn new(ring: &KeyRing, purpose: Purpose) -> Self {
        Self { ring: ring.clone(), purpose }
    }

    /// Encrypts `plain` for `object`, the name of its one place.
    pub fn seal(&self, object: &str, plain: &[u8]) -> Result<Vec<u8>> {
        self.ring.seal(self.purpose, object, plain).map(|(sealed, _)| sealed)
    }

    /// Decrypts what [`Self::seal`] made for the same `object`.
    pub fn open(&self, object: &str, sealed: &[u8]) -> Result<Secret> {
        self.ring.open_sealed(self.purpose, object, sealed)
    }

    /// Seals again what is not sealed under the newest key; `None` if it is.
    pub fn renew(&self, object: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        if envelope::version(sealed)? == Some(self.ring.version(self.purpose)?) {
            return Ok(None);
        }
        self.seal(object, self.open(object, sealed)?.expose()).map(Some)
    }
}

/// Result of sealing secrets and keys under the newest key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Sealed again.
    pub sealed: u64,
    /// Left as they are, for they do not open.
    pub unopened: u64,
}

impl AddAssign for Renewed {
    fn add_assign(&mut self, other: Self) {
        self.sealed += other.sealed;
        self.unopened += other.unopened;
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.purpose)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
    use model::Timestamp;

    use super::*;
    use crate::{Error, Key, Ring};

    #[test]
    fn texts_from_before_the_ring_open_and_are_renewed() {
        let mut text = b"hush".to_vec();
        let key = RandomizedNonceKey::new(&AES_256_GCM, &[8; 32]).unwrap();
        let nonce = key.seal_in_place_append_tag(Aad::from("cdn-secret|x|1"), &mut text).unwrap();
        let old = [&[1_u8][..], nonce.as_ref(), &text].concat();

        let mut ring = Ring::make(Timestamp(0)).unwrap();
        let vault = |ring: &Ring| Vault::new(&KeyRing::in_memory(ring.clone()), Purpose::Signing);
        let missing = vault(&ring).open("cdn-secret|x", &old);
        assert!(matches!(missing, Err(Error::NoKey { purpose: Purpose::Legacy, .. })));
        ring.insert(Purpose::Legacy, 1, Key::new([8; 32]), Timestamp(0));
        let vault = vault(&ring);
        assert_eq!(vault.open("cdn-secret|x", &old).unwrap().expose(), b"hush");
        assert!(vault.open("cdn-secret|y", &old).is_err());
        let new = vault.renew("cdn-secret|x", &old).unwrap().unwrap();
        assert_eq!(vault.open("cdn-secret|x", &new).unwrap().expose(), b"hush");
        assert_eq!(vault.renew("cdn-secret|x", &new).unwrap(), None);
    }
}
