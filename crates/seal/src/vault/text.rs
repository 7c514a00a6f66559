//! Sealed texts in columns of text: `sealed:`, the version of the key, a colon, and the sealed bytes in base64.
//!
//! The version stands in front so that a statement finds what is not sealed under the newest key; which key opens a
//! text is said by the sealed bytes alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Vault;
use crate::{Error, Result};

const MARK: &str = "sealed:";

impl Vault {
    /// As [`Self::seal`], for a column of text.
    pub fn seal_text(&self, object: &str, plain: &str) -> Result<String> {
        let (sealed, version) = self.ring.seal(self.purpose, object, plain.as_bytes())?;
        Ok(mark(version) + &STANDARD_NO_PAD.encode(sealed))
    }

    /// Decrypts what [`Self::seal_text`] made for the same `object`.
    pub fn open_text(&self, object: &str, sealed: &str) -> Result<String> {
        let text = sealed.strip_prefix(MARK).and_then(|rest| rest.split_once(':'));
        let (_, text) = text.ok_or(Error::Format)?;
        let sealed = STANDARD_NO_PAD.decode(text).map_err(|_| Error::Format)?;
        self.open(object, &sealed)?.expose_str().map(str::to_owned).ok_or(Error::Format)
    }

    /// How every text begins that is sealed under the newest key, and no other.
    pub fn newest_mark(&self) -> Result<String> {
        self.ring.version(self.purpose).map(mark)
    }
}

/// Whether a text is marked as sealed. A clear one that begins like that cannot be told from it.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

fn mark(version: u32) -> String {
    format!("{MARK}{version}:")
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::{KeyRing, Purpose, Ring};

    #[test]
    fn a_text_opens_in_its_place_and_shows_the_version_of_its_key() {
        let ring = KeyRing::in_memory(Ring::make(Timestamp(0)).unwrap());
        let vault = Vault::new(&ring, Purpose::Personal);
        let old = vault.seal_text("people|1", "Änn").unwrap();
        assert!(is_sealed(&old) && old.starts_with("sealed:1:") && !is_sealed("ann@example.org"));
        assert_ne!(
            old,
            vault.seal_text("people|1", "Änn").unwrap(),
            "two texts that are alike do not look alike"
        );
        for version in 2..=10 {
            assert_eq!(ring.rotate(Purpose::Personal, Timestamp(1)).unwrap(), version);
        }
        let new = vault.seal_text("people|1", "Änn").unwrap();
        assert!(
            new.starts_with(&vault.newest_mark().unwrap()) && !old.starts_with(&vault.newest_mark().unwrap())
        );
        for text in [&old, &new] {
            assert_eq!(vault.open_text("people|1", text).unwrap(), "Änn");
            assert!(vault.open_text("people|2", text).is_err(), "it belongs to another row");
            assert!(Vault::new(&ring, Purpose::Signing).open_text("people|1", text).is_err());
        }
        for bad in
            ["", "ann@example.org", "sealed:", "sealed:1", "sealed:1:", "sealed:1:?", &old[..old.len() - 1]]
        {
            assert!(vault.open_text("people|1", bad).is_err(), "{bad}");
        }
    }
}
