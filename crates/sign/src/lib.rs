//! CloudFront signatures and path tokens: checking and making them, as pure functions.
//!
//! The checking half takes a [`Request`] as plain values and the public [`Keys`], and answers with what was
//! [`Verified`] or why it is [`Denied`], in CloudFront's own words. The signing half is a [`SigningKey`], which makes
//! signed URLs, cookies, path tokens and the session cookie. Nothing here does I/O, reads a clock or keeps state:
//! who wants to remember a checked signature does so by its [`Evidence`].
//!
//! A canned signature says the same bytes as a custom policy without further conditions, so a signer of a URL
//! that contains `*` or `?` also signs it as a pattern. That is in CloudFront's format and the same there.
//!
//! ```
//! use model::Timestamp;
//! use sign::{Denied, Keys, Request, SigningKey};
//!
//! let key = SigningKey::generate("K1")?;
//! let keys: Keys = [sign::Key::parse(&key.public())?].into_iter().collect();
//! let url = key.sign_url("https://films.example/out/v1/a/index.m3u8", Timestamp(2_000_000_000_000))?;
//!
//! let mut request = Request {
//!     scheme: "https",
//!     host: "films.example",
//!     target: url.strip_prefix("https://films.example").unwrap(),
//!     cookies: &[],
//!     client: "192.0.2.1".parse()?,
//!     now: Timestamp(1_999_999_999_000),
//! };
//! let verified = sign::verify(&keys, &request)?;
//! assert_eq!(verified.target, "/out/v1/a/index.m3u8");
//!
//! request.now = Timestamp(2_000_000_000_000);
//! assert_eq!(sign::verify(&keys, &request).unwrap_err(), Denied::Expired);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cookies;
mod denied;
mod encoding;
mod error;
mod grant;
mod hash;
mod key;
mod mark;
pub mod path;
pub mod pattern;
mod policy;
mod presented;
mod request;
pub mod session;
mod signing;
pub mod sigv2;
pub mod sigv4;
pub mod token;

pub use cookies::Cookies;
pub use denied::Denied;
pub use error::{Error, Result};
pub use grant::Grant;
pub use hash::Hash;
pub use key::{Key, Keys};
pub use mark::Mark;
pub use policy::Policy;
pub use presented::{Evidence, Presented, Verified, verify};
pub use request::Request;
pub use signing::SigningKey;
