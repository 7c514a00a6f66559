//! The watch page: the frame of the player. What it may fetch is decided when the player asks (`/api/playback`).

use api::posters::{self, Poster};
use api::titles::{self, Found};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use catalogue::Title;
use http::{HeaderMap, Uri};
use http_face::ApiError;

use crate::page::{Frame, render};
use crate::visitor::Visitor;
use crate::{Site, resume, words};

#[derive(Template)]
#[template(path = "watch.html")]
struct Watch<'a> {
    frame: &'a Frame,
    id: String,
    name: &'a str,
    description: &'a str,
    playable: bool,
    poster: Option<Poster>,
    state: &'static str,
    state_word: &'static str,
    reason: String,
    progress: Option<u16>,
    percent: String,
    /// Position to resume from, in s; 0 is the start.
    start: u64,
    /// In s, for the time shown before anything is loaded.
    seconds: u64,
    /// Frames a second, for steps of one frame; `None` before there is a plan.
    rate: Option<f64>,
    length: Option<String>,
    added: String,
    added_iso: String,
    settings: bool,
}

/// `GET /watch/{title}`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    Found(title): Found,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "/");
    let start_ms = match visitor.who.account() {
        Some(account) => {
            let watched = site.catalogue().position(account, title.id).await.map_err(ApiError::internal)?;
            resume::from(watched.map(|w| w.position_ms), title.duration_ms)
        }
        None => 0,
    };
    let poster = posters::of(site.api(), &title, &visitor, &site.origin(&headers, &uri)).await?;
    let watch = Watch {
        poster,
        start: start_ms / 1000,
        frame: &frame,
        id: title.id.to_string(),
        name: &title.name,
        description: &title.description,
        playable: title.playable,
        state: title.state.as_str(),
        state_word: words::state(title.state),
        reason: titles::reason(&title, &visitor).map(words::sentence).unwrap_or_default(),
        progress: (!title.state.is_final()).then_some(title.progress),
        percent: words::percent(title.progress),
        seconds: title.duration_ms.unwrap_or(0) / 1000,
        rate: rate(&site, &title).await?,
        length: title.duration_ms.map(words::length),
        added: words::ago(title.created_at, site.now()),
        added_iso: words::iso(title.created_at),
        settings: titles::may_edit(&title, &visitor),
    };
    Ok(render(&frame, &watch))
}

/// The rate of the generation that is shown.
async fn rate(site: &Site, title: &Title) -> Result<Option<f64>, ApiError> {
    let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(None) };
    match site.catalogue().asset(asset, generation).await {
        Ok(asset) => Ok(Some(asset.plan.grid.rate.as_f64())),
        // The title has just been deleted: its page says so when it is asked for again.
        Err(catalogue::Error::NoGeneration { .. }) => Ok(None),
        Err(error) => Err(ApiError::internal(error)),
    }
}
