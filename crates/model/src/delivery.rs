//! What the edge has to know: behaviours, keys and the deny list, as one value that is watched.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AssetId, PlaybackSessionId, Timestamp};

/// Everything the edge decides by. Replaced as a whole; the edge never changes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Behaviours in order; the first whose path pattern matches is taken. Nothing matching is 404.
    pub behaviours: Vec<Behaviour>,
    /// Keys that signatures are checked with.
    pub keys: Vec<PublicKey>,
    /// Playback sessions that were revoked, while a signature of theirs may still live.
    pub denied: HashSet<PlaybackSessionId>,
    /// Assets that were deleted: nobody gets a byte of them, whatever they show and whatever is cached.
    #[serde(default)]
    pub gone: HashSet<AssetId>,
}

/// How requests of a path pattern are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Pattern with `*` and `?` as in CloudFront: `/out/*`.
    pub path: String,
    /// Which upstream answers.
    pub origin: Origin,
    /// Whether a signature is required.
    pub access: Access,
    /// Whether answers may be kept.
    pub cache: Caching,
    /// Origins (scheme, host and port) whose pages may read answers; empty: none but our own.
    pub cors: Vec<String>,
}

/// An upstream of the edge, by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The packager's HTTP face; requests get the CDN secret.
    Packager,
    /// Pages and API; requests get the viewer's address in `X-Forwarded-For`.
    Site,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone: the upstream decides.
    Open,
    /// Only who shows a signed URL, signed cookies or a path token.
    Signed,
}

/// Whether and how answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caching {
    /// As the origin's `Cache-Control` says.
    Origin,
    /// Never.
    Off,
}

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// `Key-Pair-Id`.
    pub id: Arc<str>,
    /// Subject public key info in PEM: RSA-2048 or P-256.
    pub pem: Arc<str>,
    /// Whether a signature of it also needs the `kinora-psid` cookie.
    pub session: bool,
    /// Until when path tokens and signatures of it are accepted; `None` without end.
    pub until: Option<Timestamp>,
}
