//! Playback sessions: one viewer watching one title.

use std::fmt;

use db::args;
use identity::Who;
use identity::cookie::Cookies;
use model::delivery::asset_path;
use model::{AccountId, AssetId, PlaybackSessionId, Timestamp, TitleId};
use sign::Policy;

use crate::decide::Watchable;
use crate::error::cut;
use crate::wish::Wish;
use crate::{Error, Playback, Result};

/// The permission to fetch an asset's bytes for the next minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct Permit {
    /// The playback session.
    pub session: PlaybackSessionId,
    /// The title being watched.
    pub title: TitleId,
    /// CloudFront's cookies and `kinora-psid`; values need no further encoding.
    pub cookies: Vec<(&'static str, String)>,
    /// The path that the cookies are for, and limited to: `/out/v1/{asset}/`.
    pub path: String,
    /// When the cookies end.
    pub until: Timestamp,
    /// When to renew, in s from now.
    pub renew_after_seconds: u32,
}

/// Shows no cookie.
impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("session", &self.session)
            .field("path", &self.path)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Permit {
    /// The `Set-Cookie` values: limited to the asset, hidden from scripts, gone when they end.
    pub fn set_cookies(&self, cookies: Cookies, now: Timestamp) -> Vec<String> {
        let secure = if cookies.tls { "; Secure" } else { "" };
        let seconds = (self.until.0 - now.0).max(0) / 1000;
        let path = &self.path;
        let attributes = format!("; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        self.cookies.iter().map(|(name, value)| format!("{name}={value}{attributes}")).collect()
    }
}

/// A playback that just began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The path of the manifest.
    pub manifest: String,
    /// The permission to fetch it and what it names.
    pub permit: Permit,
}

/// How a playback session's requests are signed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Cookies, renewed by heartbeats.
    Cookies,
    /// One path token.
    Token,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cookies => "cookies",
            Self::Token => "token",
        }
    }
}

const INSERT: &str = "INSERT INTO playback_sessions
    (id, account, signed_in, title, asset, kind, started_at, seen_at, signed_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)";
const TAKE_BACK: &str = "DELETE FROM playback_sessions WHERE id = $1";
const READ: &str = "SELECT * FROM playback_sessions
    WHERE id = $1 AND kind = 'cookies' AND ended_at IS NULL AND revoked_at IS NULL";
const RENEW: &str = "UPDATE playback_sessions SET seen_at = $2, signed_until = $3
    WHERE id = $1 AND ended_at IS NULL AND revoked_at IS NULL";
const END: &str = "UPDATE playback_sessions SET ended_at = $2
    WHERE id = $1 AND ended_at IS NULL AND COALESCE(account, '') = $3 RETURNING title";

impl Playback {
    /// Decides, and starts a playback with cookies for `origin`, the scheme and host that the viewer uses
    /// (`http://localhost:8080`).
    pub async fn start(&self, wish: &Wish<'_>, origin: &str) -> Result<Started> {
        let found = self.decide(wish.who, wish.title).await?;
        let manifest = self.manifest(&found, wish).await?;
        let until = wish.now.plus_ms(self.inner.config.cookie_ms());
        let session = self.insert(wish, &found, Kind::Cookies, until).await?;
        let permit = self.permit(session, wish.title, found.asset, origin, until)?;
        Ok(Started { manifest, permit })
    }

    /// The player's heartbeat: decides again and gives new cookies.
    pub async fn renew(
        &self,
        session: PlaybackSessionId,
        who: &Who,
        origin: &str,
        now: Timestamp,
    ) -> Result<Permit> {
        let row = self.inner.db.opt(READ, args![session]).await?.ok_or(Error::NoSession)?;
        let (account, title): (Option<AccountId>, TitleId) = (row.get_opt("account")?, row.get("title")?);
        if account != who.account() {
            return Err(Error::NoSession);
        }
        self.decide(who, title).await?;
        let until = now.plus_ms(self.inner.config.cookie_ms());
        // The row says until when something is signed before it is signed: a revocation in between covers it.
        if self.inner.db.execute(RENEW, args![session, now, until]).await? == 0 {
            return Err(Error::NoSession);
        }
        // One that came when nothing was signed any more found nothing to revoke.
        if let Err(refused) = self.decide(who, title).await {
            self.revoke_one(session, now).await?;
            return Err(refused);
        }
        // The player stays with the generation that it started with, whatever is current now.
        self.permit(session, title, row.get("asset")?, origin, until)
    }

    /// The player says that it is done; what it played, or `None` if that had ended before.
    pub async fn end(
        &self,
        session: PlaybackSessionId,
        who: &Who,
        now: Timestamp,
    ) -> Result<Option<TitleId>> {
        let account = who.account().map(|id| id.to_string()).unwrap_or_default();
        let rows = self.inner.db.returning(END, args![session, now, account]).await?;
        Ok(rows.first().map(|row| row.get("title")).transpose()?)
    }

    /// Writes down that a playback begins, before anything is signed for it.
    pub(crate) async fn insert(
        &self,
        wish: &Wish<'_>,
        found: &Watchable,
        kind: Kind,
        until: Timestamp,
    ) -> Result<PlaybackSessionId> {
        let id = PlaybackSessionId::new();
        let signed_in = wish.who.session().map(|id| id.to_string());
        let (account, kind) = (wish.who.account(), kind.as_str());
        let args = args![id, account, signed_in, wish.title, found.asset, kind, wish.now, until];
        self.inner.db.execute(INSERT, args).await?;
        // Only now can it be revoked: who has taken the title away since it was decided found nothing to revoke.
        if let Err(refused) = self.decide(wish.who, wish.title).await {
            self.inner.db.execute(TAKE_BACK, args![id]).await?;
            return Err(refused);
        }
        Ok(id)
    }

    fn permit(
        &self,
        session: PlaybackSessionId,
        title: TitleId,
        asset: AssetId,
        origin: &str,
        until: Timestamp,
    ) -> Result<Permit> {
        let path = asset_path(asset);
        // `*` and `?` would be wildcards of the policy.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".:-[]_".contains(&b);
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if !host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain)) {
            return Err(Error::Origin { origin: cut(origin) });
        }
        let resource = Some(format!("{origin}{path}*"));
        let policy = Policy { resource, after: None, until, address: None };
        let cookies = self.inner.key.cookies(&policy, Some(session))?.pairs;
        let renew_after_seconds = self.inner.config.heartbeat_seconds;
        Ok(Permit { session, title, cookies, path, until, renew_after_seconds })
    }
}
