//! The JSON API that pages use. Errors are problem details (`http_face::Problem`).

use std::time::Instant;

use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use catalogue::Watched;
use http::{HeaderMap, StatusCode, Uri, header};
use http_face::client::ClientIp;
use http_face::{ApiError, RequestId, take, without_secrets};
use model::{PlaybackSessionId, TitleId};
use playback::{Format, Permit, Wish};
use serde::{Deserialize, Serialize};

use crate::answer::{Items, fresh};
use crate::titles::{self, Found, Wanted};
use crate::visitor::Visitor;
use crate::{Site, jobs_page, poster};

/// Longest position that is believed, in ms: a week.
const MAX_DURATION_MS: u64 = 7 * 86_400_000;
/// Longest word and text of a report, in characters.
const REPORT_CHARS: usize = 500;

/// `GET /api/titles?before=`
pub(crate) async fn titles(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let listed = titles::list(&site, &visitor, &wanted).await?;
    let origin = site.origin(&headers, &uri);
    let mut items = Vec::with_capacity(listed.titles.len());
    for title in &listed.titles {
        items.push(titles::Json::of(title, &visitor, poster::of(&site, title, &origin).await?));
    }
    Ok(fresh(&Items::page(items, listed.next)))
}

/// `GET /api/titles/{title}`
pub(crate) async fn title(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Found(title): Found,
) -> Result<Response, ApiError> {
    let poster = poster::of(&site, &title, &site.origin(&headers, &uri)).await?;
    Ok(fresh(&titles::Json::of(&title, &visitor, poster)))
}

/// `GET /api/jobs?state=&title=&before=`
pub(crate) async fn jobs(
    State(site): State<Site>,
    take::Query(wanted): take::Query<jobs_page::Wanted>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let (jobs, next) = wanted.page(&site).await?;
    Ok(fresh(&Items::page(jobs.iter().map(|job| jobs_page::Json::of(job, now)).collect(), next)))
}

/// What a player asks for.
#[derive(Deserialize)]
pub(crate) struct Start {
    title: TitleId,
}

/// What a player gets; the permission itself comes as cookies that scripts cannot read.
#[derive(Serialize)]
struct Started {
    session: PlaybackSessionId,
    manifest: String,
    heartbeat_s: u32,
    expires_in_s: i64,
}

/// What a player says with a heartbeat and at the end.
#[derive(Deserialize)]
pub(crate) struct Beat {
    /// Where the viewer is, in ms.
    position_ms: Option<u64>,
}

impl Beat {
    /// Where the viewer is, as far as anything lasts.
    pub(crate) fn position_ms(&self) -> Option<u64> {
        self.position_ms.map(|position_ms| position_ms.min(MAX_DURATION_MS))
    }

    /// Remembers how far the viewer is, on whatever device they go on. Guests are not remembered.
    async fn remember(&self, site: &Site, visitor: &Visitor, title: TitleId) -> Result<(), ApiError> {
        let (Some(account), Some(position_ms)) = (visitor.who.account(), self.position_ms()) else {
            return Ok(());
        };
        let watched = Watched { title, position_ms, at: site.now() };
        site.catalogue().remember_position(account, watched).await.map_err(ApiError::internal)
    }
}

/// What a heartbeat gets.
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
        // What they may not watch is not begun: it takes nobody's place, and is refused alike whether there is one.
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
    Ok((cookies(&site, &permit), fresh(&body)).into_response())
}

/// Ends a playback whose cookies are about to leave where the visitor was signed out or suspended meanwhile: their
/// playbacks were revoked before there was this one, or while nothing was signed for it.
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
    Ok((cookies(&site, &permit), fresh(&body)).into_response())
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

/// What a player says when it cannot go on.
#[derive(Deserialize)]
pub(crate) struct Report {
    title: TitleId,
    session: Option<PlaybackSessionId>,
    kind: String,
    detail: String,
}

impl Report {
    /// Kind and detail, fit for the log: bounded, on one line, without secrets.
    pub(crate) fn told(&self) -> (String, String) {
        let told = |text: &str| {
            let line: String = text.chars().filter(|c| !c.is_control()).collect();
            // Before it is cut: the beginning of a secret does not look like one.
            without_secrets(&line).chars().take(REPORT_CHARS).collect()
        };
        (told(&self.kind), told(&self.detail))
    }
}

/// The id to quote: this request's, under which the log has the report.
#[derive(Serialize)]
struct Reported {
    report: String,
}

/// `POST /api/playback/report`
pub(crate) async fn report(
    State(site): State<Site>,
    id: axum::Extension<RequestId>,
    client: ClientIp,
    take::Json(report): take::Json<Report>,
) -> Result<Response, ApiError> {
    site.reports().take(client.0, Instant::now())?;
    let (kind, detail) = report.told();
    let session = report.session.map(|session| session.to_string());
    tracing::warn!(title = %report.title, session, kind, detail, "a player gave up");
    Ok(fresh(&Reported { report: id.to_string() }))
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
            ApiError::not_found("title_not_found", "There is no such title, or it is not for you.")
        }
        Error::Denied => ApiError::forbidden("not_entitled", "Your account may not watch this title."),
        Error::NotReady { .. } => {
            ApiError::conflict("not_ready", "This title is not ready to be watched yet.")
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_bounded_line_without_secrets_also_where_it_is_cut() {
        let told = |detail: &str| {
            let (kind, detail) = ("\tnet\nwork".into(), detail.into());
            Report { title: TitleId::new(), session: None, kind, detail }.told()
        };
        assert_eq!(told("503\r\n"), ("network".into(), "503".into()));
        let (_, cut) = told(&"word ".repeat(200));
        assert_eq!(cut.chars().count(), REPORT_CHARS);
        let secret = "Ab-_~9".repeat(20);
        for before in REPORT_CHARS - 130..REPORT_CHARS {
            let (_, detail) = told(&format!("{} {secret}", "x ".repeat(before / 2)));
            assert!(!detail.contains("Ab"), "{detail}");
        }
    }
}
