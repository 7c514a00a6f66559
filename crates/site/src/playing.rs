//! Playback in the API: a player starts, sends heartbeats, and ends. Its permission comes as cookies.

use std::time::Instant;

use api::answer::Fresh;
use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use catalogue::Watched;
use http::{HeaderMap, StatusCode, Uri, header};
use http_face::client::ClientIp;
use http_face::{ApiError, take};
use model::{PlaybackSessionId, TitleId};
use playback::{Format, Permit, Wish};
use serde::{Deserialize, Serialize};

use crate::Site;
use crate::visitor::Visitor;

/// Longest position that is believed, in ms: a week.
const MAX_POSITION_MS: u64 = 7 * 86_400_000;

/// A player's request for a playback.
#[derive(Deserialize)]
pub(crate) struct Start {
    title: TitleId,
}

/// The answer for a player; the permission itself comes as cookies that scripts cannot read.
#[derive(Serialize)]
struct Started {
    session: PlaybackSessionId,
    manifest: String,
    heartbeat_s: u32,
    expires_in_s: i64,
}

/// A player's report with a heartbeat and at the end.
#[derive(Deserialize)]
pub(crate) struct Beat {
    /// Where the viewer is, in ms.
    position_ms: Option<u64>,
}

impl Beat {
    /// Where the viewer is, as far as anything lasts.
    pub(crate) fn position_ms(&self) -> Option<u64> {
        self.position_ms.map(|position_ms| position_ms.min(MAX_POSITION_MS))
    }

    /// Saves the viewer's position for all of their devices. Guests have none.
    async fn remember(&self, site: &Site, visitor: &Visitor, title: TitleId) -> Result<(), ApiError> {
        let (Some(account), Some(position_ms)) = (visitor.who.account(), self.position_ms()) else {
            return Ok(());
        };
        let watched = Watched { title, position_ms, at: site.now() };
        match site.catalogue().remember_position(account, watched).await {
            // The next heartbeat says it again: who watches is not stopped for this.
            Err(error) if error.is_full() => {
                tracing::warn!(%title, "the disk is full: playback positions are not saved");
                Ok(())
            }
            other => other.map_err(ApiError::internal),
        }
    }
}

/// The answer to a heartbeat.
#[derive(Serialize)]
struct Renewed {
    expires_in_s: i64,
}

/// `POST /api/playback`
pub(crate) async fn start(
    State(site): State<Site>,
    visitor: Visitor,
    client: ClientIp,
    headers: HeaderMap,
    uri: Uri,
    take::Json(start): take::Json<Start>,
) -> Result<Response, ApiError> {
    if let Some(account) = &visitor.account {
        site.playbacks().take(account.id, Instant::now())?;
    } else {
        // A title without permission is not started: it uses no quota, and the answer is the same if it does not exist.
        site.playback().check(&visitor.who, start.title).await.map_err(|error| refused(error, &visitor))?;
        site.guests().take(client.0, Instant::now())?;
    }
    let now = site.now();
    let wish = Wish {
        who: &visitor.who,
        title: start.title,
        configuration: playback::CONFIGURATION,
        format: Format::Hls,
        now,
    };
    let started = site.playback().start(&wish, &site.origin(&headers, &uri)).await;
    let playback::Started { manifest, permit } = started.map_err(|error| refused(error, &visitor))?;
    still(&site, &visitor, &headers, &permit).await?;
    let body = Started {
        session: permit.session,
        manifest,
        heartbeat_s: permit.renew_after_seconds,
        expires_in_s: (permit.until.0 - now.0) / 1000,
    };
    Ok((cookies(&site, &permit), Fresh(body)).into_response())
}

/// Ends a playback whose cookies are about to leave where the visitor was signed out or suspended in the meantime:
/// their playbacks were revoked before there was this one, or while nothing was signed for it.
async fn still(site: &Site, visitor: &Visitor, headers: &HeaderMap, permit: &Permit) -> Result<(), ApiError> {
    if visitor.is_still(site, headers).await? {
        return Ok(());
    }
    let ended = site.playback().end(permit.session, &visitor.who, site.now()).await;
    ended.map_err(|error| refused(error, visitor))?;
    Err(ApiError::unauthorized())
}

/// `POST /api/playback/{session}/heartbeat`
pub(crate) async fn heartbeat(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Path(session): Path<String>,
    take::Json(beat): take::Json<Beat>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let renewed = site
        .playback()
        .renew(named(&session, &visitor)?, &visitor.who, &site.origin(&headers, &uri), now)
        .await;
    let permit = renewed.map_err(|error| refused(error, &visitor))?;
    still(&site, &visitor, &headers, &permit).await?;
    beat.remember(&site, &visitor, permit.title).await?;
    let body = Renewed { expires_in_s: (permit.until.0 - now.0) / 1000 };
    Ok((cookies(&site, &permit), Fresh(body)).into_response())
}

/// `POST /api/playback/{session}/end`
pub(crate) async fn end(
    State(site): State<Site>,
    visitor: Visitor,
    Path(session): Path<String>,
    take::Json(beat): take::Json<Beat>,
) -> Result<StatusCode, ApiError> {
    let ended = site
        .playback()
        .end(named(&session, &visitor)?, &visitor.who, site.now())
        .await
        .map_err(|error| refused(error, &visitor))?;
    if let Some(title) = ended {
        beat.remember(&site, &visitor, title).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The session that a path names.
fn named(text: &str, visitor: &Visitor) -> Result<PlaybackSessionId, ApiError> {
    text.parse().map_err(|_| refused(playback::Error::NoSession, visitor))
}

fn refused(error: playback::Error, visitor: &Visitor) -> ApiError {
    use playback::Error;
    let guest = visitor.account.is_none();
    match error {
        Error::NoTitle | Error::Denied if guest => ApiError::unauthorized(),
        Error::NoTitle => {
            ApiError::not_found("title_not_found", "Title not found, or you don't have access to it.")
        }
        Error::Denied => {
            ApiError::forbidden("not_entitled", "Your account doesn't have access to this title.")
        }
        Error::NotReady { .. } => ApiError::conflict("not_ready", "This title isn't ready to play yet."),
        Error::NoSession if guest => ApiError::unauthorized(),
        Error::NoSession => ApiError::new(StatusCode::GONE, "session_ended", "This playback has ended."),
        Error::Origin { .. } => {
            ApiError::bad_request("bad_host", "This address cannot be used for playback.")
        }
        other => ApiError::internal(other),
    }
}

fn cookies(site: &Site, permit: &Permit) -> AppendHeaders<Vec<(header::HeaderName, String)>> {
    let cookies = permit.set_cookies(site.cookies(), site.now());
    AppendHeaders(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect())
}
