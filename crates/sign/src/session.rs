//! The session cookie `kinora-psid`: ties a playback session to one signed policy.
//!
//! A key that is marked `session` wants it besides CloudFront's cookies, so that the edge can refuse a revoked session
//! although its policy still runs. It is signed by the policy's own key over the policy's hash, so it can neither be
//! exchanged for another session's nor be made by the edge, which holds public keys only.
//!
//! The value is base64url of: version (1), session (16 bytes), P-256 signature (64 bytes).

use model::PlaybackSessionId;

use crate::denied::Denied;
use crate::encoding;
use crate::error::Result;
use crate::key::{Key, sha256};
use crate::signing::SigningKey;

/// The cookie's name.
pub const COOKIE: &str = "kinora-psid";

const PURPOSE: &[u8] = b"kinora playback session 1\0";
const VERSION: u8 = 1;
const LEN: usize = 1 + 16 + 64;

/// Makes the cookie's value for a session and the bytes of the policy that it watches under.
pub(crate) fn mint(key: &SigningKey, session: PlaybackSessionId, policy: &[u8]) -> Result<String> {
    let id = session.to_bytes();
    let mut value = Vec::with_capacity(LEN);
    value.push(VERSION);
    value.extend(id);
    value.extend(key.sign_own(PURPOSE, &message(&id, policy))?);
    Ok(encoding::to_base64url(&value))
}

/// Reads the cookie and checks that its session belongs to the policy.
pub(crate) fn verify(key: &Key, cookie: &str, policy: &[u8]) -> Result<PlaybackSessionId, Denied> {
    let value = encoding::from_base64url(cookie, 2 * LEN).ok_or(Denied::WrongSession)?;
    let [VERSION, rest @ ..] = value.as_slice() else { return Err(Denied::WrongSession) };
    let Some((id, signature)) = rest.split_first_chunk::<16>() else { return Err(Denied::WrongSession) };
    key.verify_own(PURPOSE, &message(id, policy), signature).map_err(|_| Denied::WrongSession)?;
    Ok(PlaybackSessionId::from_bytes(*id))
}

fn message(id: &[u8; 16], policy: &[u8]) -> Vec<u8> {
    [id.as_slice(), &sha256(&[policy])].concat()
}
