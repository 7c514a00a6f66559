//! Random texts that prove something: shown to their holder once, stored as a hash.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

macro_rules! token {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(String);

        impl $name {
            pub(crate) fn random() -> Self {
                Self(hex::encode(random::<$bytes>()))
            }

            /// Takes a text from outside; `None` unless it has the right length of lower-case hex digits.
            pub fn parse(text: &str) -> Option<Self> {
                let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                (text.len() == 2 * $bytes && text.bytes().all(hex)).then(|| Self(text.into()))
            }

            /// Borrows the text, for its holder only: it belongs in no log.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

token! { /// A browser's session, the value of its cookie: 256 random bits.
SessionToken, 32 }
token! { /// A browser that asks for codes, the value of its cookie: 256 random bits.
BrowserToken, 32 }
token! { /// A single-use sign-in link: 256 random bits.
LinkToken, 32 }
token! { /// An invitation's link: 256 random bits.
InviteToken, 32 }
token! { /// A challenge: 128 random bits. Goes into the form that asks for the code.
ChallengeId, 16 }

impl LinkToken {
    /// The address of the page that uses the link up, at `origin` (`https://films.example.org`).
    pub fn address(&self, origin: &str) -> String {
        format!("{origin}/signin/link/{}", self.0)
    }
}

impl InviteToken {
    /// The address of the page that takes the invitation up, at `origin`.
    pub fn address(&self, origin: &str) -> String {
        format!("{origin}/invite/{}", self.0)
    }
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives randomness");
    bytes
}

/// The stored form of a token.
pub(crate) fn hash(token: &str) -> String {
    hex::encode(digest(&SHA256, token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_random_and_hidden() {
        let token = SessionToken::random();
        assert_eq!(token.as_str().len(), 64);
        assert_ne!(token.as_str(), SessionToken::random().as_str());
        assert_eq!(SessionToken::parse(token.as_str()).unwrap().as_str(), token.as_str());
        assert_eq!(format!("{token:?}"), "SessionToken(…)");
    }

    #[test]
    fn other_shapes_are_refused() {
        for bad in ["", "0", &"A".repeat(32), &"0".repeat(31), &"0".repeat(33), &"é".repeat(16)] {
            assert!(ChallengeId::parse(bad).is_none(), "{bad}");
        }
    }
}
