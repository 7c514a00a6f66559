//! State that the edge needs: behaviours, keys and the deny list, as one value that is watched; and where an asset's
//! bytes are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AssetId, PlaybackSessionId, SubjectId, Timestamp};

/// Below it lie the paths of assets, each with its configurations and generations. What is signed, what a token says in
/// short, what is refused once it is deleted and what the packager answers are the same paths for that reason.
pub const ASSETS: &str = "/out/v1/";

/// How long an answer may continue after the signature of its playback session has expired, in ms. A session is revoked
/// up to then.
pub const ANSWER_MS: i64 = 6 * 3_600_000;

/// Where an asset's bytes are: `/out/v1/{asset}/`, the path that cookies and tokens are limited to.
pub fn asset_path(asset: AssetId) -> String {
    format!("{ASSETS}{asset}/")
}

/// The asset that a path lies in, `/out/v1/{asset}` and what is below it, as it was sent: what is percent-encoded is
/// another path.
pub fn asset_of(path: &str) -> Option<AssetId> {
    split(path).map(|(asset, _)| asset)
}

/// The asset that a path lies in, and what the path says below `/out/v1/{asset}/`.
pub fn split(path: &str) -> Option<(AssetId, &str)> {
    let rest = path.strip_prefix(ASSETS)?;
    let (asset, below) = rest.split_once('/').unwrap_or((rest, ""));
    Some((asset.parse().ok()?, below))
}

/// Everything the edge decides by. Replaced as a whole; the edge never changes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Behaviours in order; the first whose path pattern matches is taken. Nothing matching is 404.
    pub behaviours: Vec<Behaviour>,
    /// Keys that signatures are checked with.
    pub keys: Vec<PublicKey>,
    /// Playback sessions that were revoked, while a signature of theirs may still live. Shared: there may be very many, and
    /// two states that share them are compared without looking at each.
    pub denied: Arc<HashSet<PlaybackSessionId>>,
    /// Assets that were deleted: nobody gets a byte of them, whatever they show and whatever is cached.
    #[serde(default)]
    pub gone: HashSet<AssetId>,
    /// Accounts, sessions and assets whose signed addresses ended early, and when: addresses that name them and are not
    /// younger are refused.
    #[serde(default)]
    pub ended: Arc<HashMap<SubjectId, Timestamp>>,
}

/// How requests of a path pattern are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Pattern with `*` and `?` as in CloudFront: `/out/*`.
    pub path: String,
    /// The upstream that answers.
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

/// Access rule of a behaviour.
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
    /// Time until which its path tokens and signatures are accepted; `None` without end.
    pub until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_the_asset_whose_path_it_begins_with() {
        let asset = AssetId::from_bytes([0xab; 16]);
        let id = "ab".repeat(16);
        assert_eq!(asset_path(asset), format!("/out/v1/{id}/"));
        let check = |path: String, expected| assert_eq!(split(&path), expected, "{path}");
        check(asset_path(asset), Some((asset, "")));
        check(format!("/out/v1/{id}"), Some((asset, "")));
        check(format!("/out/v1/{id}/c/g/index.m3u8"), Some((asset, "c/g/index.m3u8")));
        check(format!("/out/v1/{id}0/x"), None);
        check(format!("/out/v1/{}/x", id.to_uppercase()), None);
        check(format!("/out/v2/{id}/x"), None);
        check(format!("/out/v1//{id}/x"), None);
        check(format!("/t/x/out/v1/{id}/x"), None);
        assert_eq!(asset_of(&format!("/out/v1/{id}/x")), Some(asset));
    }
}
