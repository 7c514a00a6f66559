//! Path tokens: `/t/{token}/out/v1/…` for players without cookies.
//!
//! Every relative URI of a playlist inherits the token. It opens one path prefix until its expiry, and is signed by the
//! same keys as URLs, so the edge needs no secret. Real CloudFront does not know it.
//!
//! The text is base64url of: version and flags (1 byte), expiry (4 bytes, seconds, big-endian), key (first 4 bytes of
//! the SHA-256 of its id), prefix (16 bytes for `/out/v1/{32 hex digits}/`, otherwise length and bytes), playback
//! session (16 bytes, if flagged), P-256 signature (64 bytes): 119 characters, 140 with a session.

use model::delivery::{asset_of, asset_path};
use model::{AssetId, PlaybackSessionId, Timestamp};

use crate::denied::Denied;
use crate::encoding;
use crate::error::{Error, Result, cut};
use crate::grant::{Grant, Reach};
use crate::key::{Key, Keys, hint};
use crate::policy::Policy;
use crate::signing::SigningKey;

const PURPOSE: &[u8] = b"kinora path token 1\0";
const VERSION: u8 = 0x10;
const HAS_SESSION: u8 = 0x01;
const IS_ASSET: u8 = 0x02;
const SIGNATURE_LEN: usize = 64;
/// Longest token, in characters.
pub const MAX_LEN: usize = 512;

/// The permission that a token gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Everything below this path; begins and ends with `/`.
    pub prefix: String,
    /// When it ends, in whole seconds.
    pub until: Timestamp,
    /// The playback session that it belongs to.
    pub session: Option<PlaybackSessionId>,
}

/// Makes a token.
///
/// ```
/// use model::Timestamp;
/// use sign::{Key, Keys, SigningKey, token};
///
/// let key = SigningKey::generate("K1")?;
/// let claims = token::Claims { prefix: "/out/v1/".into(), until: Timestamp(60_000), session: None };
/// let text = token::mint(&key, &claims)?;
///
/// let target = format!("/t/{text}/out/v1/index.m3u8");
/// let (token, rest) = token::split(&target).unwrap();
/// assert_eq!(rest, "/out/v1/index.m3u8");
/// let keys: Keys = [Key::parse(&key.public())?].into_iter().collect();
/// let grant = token::find_key(&keys, token, Timestamp(0)).and_then(|key| token::verify(key, token)).unwrap();
/// assert_eq!(grant.resource(), Some("/out/v1/"));
/// # Ok::<(), sign::Error>(())
/// ```
pub fn mint(key: &SigningKey, claims: &Claims) -> Result<String> {
    let seconds = claims.until.seconds();
    let until = u32::try_from(seconds).map_err(|_| Error::Moment { seconds })?;
    let bad_prefix = || Error::Prefix { prefix: cut(&claims.prefix, 300) };
    if !is_prefix(&claims.prefix) {
        return Err(bad_prefix());
    }
    let mut bytes = vec![VERSION];
    bytes.extend(until.to_be_bytes());
    bytes.extend(hint(key.id()));
    match asset(&claims.prefix) {
        Some(asset) => {
            bytes[0] |= IS_ASSET;
            bytes.extend(asset.to_bytes());
        }
        None => {
            bytes.push(u8::try_from(claims.prefix.len()).map_err(|_| bad_prefix())?);
            bytes.extend(claims.prefix.as_bytes());
        }
    }
    if let Some(session) = claims.session {
        bytes[0] |= HAS_SESSION;
        bytes.extend(session.to_bytes());
    }
    let signature = key.sign_own(PURPOSE, &bytes)?;
    bytes.extend(signature);
    Ok(encoding::to_base64url(&bytes))
}

/// Splits `/t/{token}/rest` into the token and `/rest`; `None` if the target has another shape.
pub fn split(target: &str) -> Option<(&str, &str)> {
    let rest = target.strip_prefix("/t/")?;
    let at = rest.find(['/', '?'])?;
    (rest.as_bytes()[at] == b'/').then(|| rest.split_at(at))
}

/// Finds the key that a token says it was signed with.
pub fn find_key<'k>(keys: &'k Keys, token: &str, now: Timestamp) -> Result<&'k Key, Denied> {
    let head = token.get(..12).ok_or(Denied::MalformedSignature)?;
    let head = encoding::from_base64url(head, 12).ok_or(Denied::MalformedSignature)?;
    let named = head.get(5..9).ok_or(Denied::MalformedSignature)?;
    let key = keys.iter().find(|key| key.hint() == named).ok_or(Denied::UnknownKey)?;
    keys.get(key.id(), now).map(AsRef::as_ref)
}

/// Reads a token and checks its signature, not yet whether it covers a request ([`Grant::check`]).
///
/// A key that is marked `session` signs only tokens with a session.
pub fn verify(key: &Key, token: &str) -> Result<Grant, Denied> {
    let bytes = encoding::from_base64url(token, MAX_LEN).ok_or(Denied::MalformedSignature)?;
    let signed = bytes.len().checked_sub(SIGNATURE_LEN).ok_or(Denied::MalformedSignature)?;
    let (signed, signature) = bytes.split_at(signed);
    let claims = read(signed).ok_or(Denied::MalformedSignature)?;
    key.verify_own(PURPOSE, signed, signature)?;
    if key.session() && claims.session.is_none() {
        return Err(Denied::NoSession);
    }
    Ok(Grant {
        key: key.id().clone(),
        policy: Policy { resource: Some(claims.prefix), after: None, until: claims.until, address: None },
        reach: Reach::Below,
        session: claims.session,
        mark: None,
    })
}

fn read(bytes: &[u8]) -> Option<Claims> {
    let (&flags, rest) = bytes.split_first()?;
    if flags & !(HAS_SESSION | IS_ASSET) != VERSION {
        return None;
    }
    let (until, rest) = rest.split_first_chunk::<4>()?;
    let (_key, rest) = rest.split_first_chunk::<4>()?;
    let (prefix, rest) = if flags & IS_ASSET != 0 {
        let (asset, rest) = rest.split_first_chunk::<16>()?;
        (asset_path(AssetId::from_bytes(*asset)), rest)
    } else {
        let (&len, rest) = rest.split_first()?;
        let (prefix, rest) = rest.split_at_checked(usize::from(len))?;
        (String::from_utf8(prefix.to_vec()).ok()?, rest)
    };
    let (session, rest) = if flags & HAS_SESSION != 0 {
        let (id, rest) = rest.split_first_chunk::<16>()?;
        (Some(PlaybackSessionId::from_bytes(*id)), rest)
    } else {
        (None, rest)
    };
    let until = Timestamp(i64::from(u32::from_be_bytes(*until)) * 1000);
    (rest.is_empty() && is_prefix(&prefix)).then_some(Claims { prefix, until, session })
}

fn is_prefix(prefix: &str) -> bool {
    prefix.starts_with('/') && prefix.ends_with('/') && crate::path::is_plain(prefix)
}

/// The asset that a prefix is the path of.
fn asset(prefix: &str) -> Option<AssetId> {
    asset_of(prefix).filter(|asset| asset_path(*asset) == prefix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_split_after_its_token() {
        let check = |target, expected| assert_eq!(split(target), expected, "{target}");
        check("/t/abc/out/x?y=/z", Some(("abc", "/out/x?y=/z")));
        check("/t//x", Some(("", "/x")));
        check("/t/abc", None);
        check("/t/abc?x=/y", None);
        check("/tt/abc/x", None);
        check("/out/x", None);
    }

    #[test]
    fn tokens_are_short() {
        let key = SigningKey::generate("K2JCJMDEHXQW5F").unwrap();
        let mut claims = Claims {
            prefix: "/out/v1/0123456789abcdef0123456789abcdef/".into(),
            until: Timestamp(2_000_000_000_000),
            session: None,
        };
        assert_eq!(mint(&key, &claims).unwrap().len(), 119);
        claims.session = Some(PlaybackSessionId::new());
        assert_eq!(mint(&key, &claims).unwrap().len(), 140);
    }

    #[test]
    fn prefixes_must_end_at_a_slash() {
        let key = SigningKey::generate("K").unwrap();
        for bad in ["", "out/", "/out", "/out/../", &format!("/{}/", "a".repeat(254))] {
            let claims = Claims { prefix: bad.into(), until: Timestamp(0), session: None };
            assert!(mint(&key, &claims).is_err(), "{bad}");
        }
        let claims = Claims { prefix: "/".into(), until: Timestamp(-1), session: None };
        assert_eq!(mint(&key, &claims), Err(Error::Moment { seconds: -1 }));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_altered_tokens_never_verify(
            noise in "[A-Za-z0-9_-]{0,200}", at in 0usize..140, bit in 0u8..6, asset in any::<bool>()
        ) {
            let key = SigningKey::generate("K").unwrap();
            let public = Key::parse(&key.public()).unwrap();
            prop_assert!(verify(&public, &noise).is_err());
            let prefix = if asset { format!("/out/v1/{}/", "ab".repeat(16)) } else { "/a/é/".into() };
            let claims = Claims { prefix, until: Timestamp(5000), session: Some(PlaybackSessionId::new()) };
            let text = mint(&key, &claims).unwrap();
            let grant = verify(&public, &text).unwrap();
            prop_assert_eq!(grant.resource(), Some(claims.prefix.as_str()));
            prop_assert_eq!((grant.until(), grant.session()), (claims.until, claims.session));
            let mut bytes = encoding::from_base64url(&text, MAX_LEN).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(verify(&public, &encoding::to_base64url(&bytes)).is_err());
        }
    }
}
