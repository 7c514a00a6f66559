//! One-time codes, derived and never stored.
//!
//! HOTP truncation (RFC 4226 §5.3) of HMAC-SHA256(key, challenge id ‖ purpose ‖ channel ‖ address), the three
//! texts each after a zero byte. Without the key nothing in the database can be turned into a code.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::token::ChallengeId;
use crate::{Error, Result};

/// Never fewer digits than this, whatever the settings say.
pub(crate) const MIN_DIGITS: u32 = 6;
const MAX_DIGITS: u32 = 8;

/// The key that codes are derived with, and older versions while their codes live.
#[derive(Clone)]
pub struct CodeKeys {
    version: u32,
    keys: Vec<(u32, hmac::Key)>,
}

impl CodeKeys {
    /// Takes the current key and its version.
    pub fn new(version: u32, secret: &[u8; 32]) -> Self {
        Self { version, keys: vec![(version, hmac::Key::new(hmac::HMAC_SHA256, secret))] }
    }

    /// Adds an older version, so that codes already sent keep working.
    #[must_use]
    pub fn with_previous(mut self, version: u32, secret: &[u8; 32]) -> Self {
        self.keys.push((version, hmac::Key::new(hmac::HMAC_SHA256, secret)));
        self
    }

    /// The version that new codes are made with.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Derives the code of a challenge.
    pub(crate) fn derive(&self, version: u32, about: &About<'_>) -> Result<Code> {
        let key = self.keys.iter().find(|(v, _)| *v == version);
        let (_, key) = key.ok_or(Error::CodeKey { version })?;
        let mut mac = hmac::Context::with_key(key);
        mac.update(&hex::decode(about.challenge.as_str()).unwrap_or_default());
        for text in [about.purpose, about.channel, about.address] {
            mac.update(&[0]);
            mac.update(text.as_bytes());
        }
        Ok(Code::truncate(mac.sign().as_ref(), about.digits))
    }
}

impl fmt::Debug for CodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeKeys").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The data that a code is bound to.
pub(crate) struct About<'a> {
    pub(crate) challenge: &'a ChallengeId,
    pub(crate) purpose: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) address: &'a str,
    pub(crate) digits: u32,
}

/// A code.
pub(crate) struct Code(String);

impl Code {
    /// RFC 4226 §5.3; SHA-256 gives more bytes than SHA-1, the offset still points into the first 20.
    fn truncate(tag: &[u8], digits: u32) -> Self {
        let digits = digits.clamp(MIN_DIGITS, MAX_DIGITS);
        let offset = usize::from(tag.last().copied().unwrap_or(0) & 0xf);
        let number = tag.iter().skip(offset).take(4).fold(0_u32, |n, b| (n << 8) | u32::from(*b));
        let number = (number & 0x7fff_ffff) % 10_u32.pow(digits);
        Self(format!("{number:0width$}", width = digits as usize))
    }

    /// The digits, for the mail.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares with what a person typed, in constant time; spaces and dashes do not count.
    pub(crate) fn is(&self, typed: &str) -> bool {
        let typed: Vec<u8> =
            typed.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'-').take(64).collect();
        verify_slices_are_equal(self.0.as_bytes(), &typed).is_ok()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(keys: &CodeKeys, digits: u32, address: &str) -> Code {
        let challenge = ChallengeId::parse("000102030405060708090a0b0c0d0e0f").unwrap();
        let about = About { challenge: &challenge, purpose: "sign-in", channel: "mail", address, digits };
        keys.derive(1, &about).unwrap()
    }

    /// The value was computed with Python's `hmac` and `hashlib`.
    #[test]
    fn codes_are_the_hotp_truncation_of_the_mac() {
        let keys = CodeKeys::new(1, &[7; 32]);
        assert_eq!(code(&keys, 6, "ann@example.org").as_str(), "311624");
        assert_eq!(code(&keys, 8, "ann@example.org").as_str(), "99311624");
    }

    #[test]
    fn a_code_never_has_fewer_than_six_digits() {
        assert_eq!(code(&CodeKeys::new(1, &[7; 32]), 1, "a@b").as_str().len(), 6);
    }

    #[test]
    fn another_address_or_key_gives_another_code() {
        let keys = CodeKeys::new(1, &[7; 32]);
        let code_a = code(&keys, 8, "a@b");
        assert_ne!(code_a.as_str(), code(&keys, 8, "a@c").as_str());
        assert_ne!(code_a.as_str(), code(&CodeKeys::new(1, &[8; 32]), 8, "a@b").as_str());
    }

    #[test]
    fn old_versions_stay_usable_and_unknown_ones_are_named() {
        let keys = CodeKeys::new(2, &[8; 32]).with_previous(1, &[7; 32]);
        assert_eq!(code(&keys, 6, "a@b").as_str(), code(&CodeKeys::new(1, &[7; 32]), 6, "a@b").as_str());
        let challenge = ChallengeId::random();
        let about = About { challenge: &challenge, purpose: "p", channel: "c", address: "a", digits: 6 };
        assert!(matches!(keys.derive(3, &about), Err(Error::CodeKey { version: 3 })));
    }

    #[test]
    fn people_may_type_spaces() {
        let code = Code("123456".into());
        assert!(code.is("123456") && code.is(" 123 456\n") && code.is("123-456"));
        assert!(!code.is("") && !code.is("12345") && !code.is("1234567") && !code.is("１２３４５６"));
        assert_eq!(format!("{code:?}"), "Code(…)");
    }
}
