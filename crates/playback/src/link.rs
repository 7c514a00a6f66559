//! Addresses under `/t/{token}/` for players without cookies: VLC, Cast, AirPlay, scripts.

use std::fmt;

use model::delivery::asset_path;
use model::{PlaybackSessionId, Timestamp};
use sign::token::{self, Claims};

use crate::session::Kind;
use crate::wish::Wish;
use crate::{Error, Playback, Result};

/// An address that any player can use until it ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// `/t/{token}/out/v1/…/index.m3u8`. Everybody who has it may watch.
    pub path: String,
    /// When it ends.
    pub until: Timestamp,
    /// The playback session that it belongs to.
    pub session: PlaybackSessionId,
}

/// Shows no token.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("session", &self.session)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Playback {
    /// Decides, and makes an address that works for `seconds`; [`Error::TooLong`] beyond what the settings allow.
    pub async fn link(&self, wish: &Wish<'_>, seconds: u32) -> Result<Link> {
        let most = self.inner.config.token_seconds;
        if !(1..=most).contains(&seconds) {
            return Err(Error::TooLong { most });
        }
        let found = self.decide(wish.who, wish.title).await?;
        let manifest = self.manifest(&found, wish).await?;
        // Tokens end at whole seconds.
        let until = Timestamp((wish.now.seconds() + i64::from(seconds)) * 1000);
        let session = self.insert(wish, &found, Kind::Token, until).await?;
        let claims = Claims { prefix: asset_path(found.asset), until, session: Some(session) };
        let token = token::mint(&self.inner.key, &claims)?;
        Ok(Link { path: format!("/t/{token}{manifest}"), until, session })
    }
}
