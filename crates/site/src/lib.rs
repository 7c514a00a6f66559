//! The pages people see and the JSON API behind them.
//!
//! HTML is rendered on the server and works without scripts, but for playback; scripts and styles come from `web/`
//! and are embedded. Every route stands in one table with its policy ([`routes()`]), and the router is made of that
//! table. This crate keeps nothing itself and decides nothing about titles: `identity` says who may do what,
//! `playback` who may watch, `catalogue` and `jobs` what there is.
//!
//! It stands behind the edge, which tells the viewer's address in `X-Forwarded-For`; do not expose it by itself.
//!
//! ```
//! let table = site::routes();
//! assert!(table.iter().any(|route| route.path == "/watch/{title}"));
//! ```

mod account;
mod answer;
mod assets;
mod delete_page;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod home;
mod jobs_page;
mod operate;
mod packaging;
mod page;
mod paging;
mod people;
mod playing;
mod poster;
mod quota;
mod report;
mod resume;
mod route;
mod routes;
mod settings;
mod sign_in;
mod titles;
mod upload_page;
mod uploads;
mod visitor;
mod watch;
mod words;
mod work;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use catalogue::Catalogue;
use http::{HeaderMap, Uri, header};
use http_face::{ApiError, Changes, Limits};
use identity::Identity;
use identity::cookie::Cookies;
use jobs::Queue;
use model::{Timestamp, TitleId};
use pipeline::Pipeline;
use playback::Playback;
use seal::KeyRing;
use upload::Uploads;
use url::Url;

use quota::{Quota, Share};
pub use route::{Kind, Policy, Route};
pub use routes::routes;

/// Reports of players that are written down in a minute, each a line in the log.
const REPORTS: u32 = 120;
/// Those of one address: players give up a few times, and a school has many.
const REPORTS_OF_ONE: u32 = 20;
/// Playbacks that guests begin in a minute, each a row for eight hours.
const GUESTS: u32 = 3000;
/// Those of one address: a school that is sent a film watches it at once.
const GUESTS_OF_ONE: u32 = 300;
/// Those of one account: what it watched lately is denied row by row when it is suspended, and somebody skips songs.
const PLAYBACKS: u32 = 120;

/// What the pages are made from.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Who people are.
    pub identity: Identity,
    /// What there is to watch.
    pub catalogue: Catalogue,
    /// Who may watch it now.
    pub playback: Playback,
    /// What is being worked on.
    pub jobs: Queue,
    /// What people do to titles and jobs.
    pub pipeline: Pipeline,
    /// What is on its way.
    pub uploads: Uploads,
    /// What requests change, until it is done.
    pub changes: Changes,
}

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address people use, with its scheme: `https` makes cookies `Secure`.
    pub public_url: Url,
    /// Whether people get codes by mail: without, they come in by links that operators make.
    pub codes: bool,
    /// The key ring, of which operators are reminded until it was exported.
    pub keys: Option<KeyRing>,
}

/// What handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    config: Config,
    reports: Quota,
    guests: Quota,
    playbacks: Share,
}

/// Makes the router of all pages and the API.
pub fn router(parts: Parts, config: Config) -> Router {
    let own: Arc<str> = config.public_url.origin().ascii_serialization().into();
    let reports = Quota::new(REPORTS, REPORTS_OF_ONE);
    let guests = Quota::new(GUESTS, GUESTS_OF_ONE);
    let playbacks = Share::new(PLAYBACKS);
    let changes = parts.changes.clone();
    let site = Site { inner: Arc::new(Inner { parts, config, reports, guests, playbacks }) };
    let routes = route::router(&site, routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(site.clone(), visitor::identify))
        .layer(from_fn(move |request, next| http_face::origin::guard(own.clone(), request, next)));
    http_face::wrap(routes, Limits::default(), changes).with_state(site)
}

impl Site {
    pub(crate) fn identity(&self) -> &Identity {
        &self.inner.parts.identity
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.inner.parts.catalogue
    }

    pub(crate) fn playback(&self) -> &Playback {
        &self.inner.parts.playback
    }

    pub(crate) fn jobs(&self) -> &Queue {
        &self.inner.parts.jobs
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.inner.parts.pipeline
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.inner.parts.uploads
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// How many reports are written down.
    pub(crate) fn reports(&self) -> &Quota {
        &self.inner.reports
    }

    /// How many playbacks of guests are begun.
    pub(crate) fn guests(&self) -> &Quota {
        &self.inner.guests
    }

    /// How many playbacks each account begins.
    pub(crate) fn playbacks(&self) -> &Share {
        &self.inner.playbacks
    }

    /// Whether the key ring exists only on this machine. A ring that cannot be looked at is no news for pages.
    pub(crate) async fn keys_at_risk(&self) -> bool {
        let Some(keys) = self.inner.config.keys.clone() else { return false };
        let looked = tokio::task::spawn_blocking(move || keys.is_exported());
        matches!(looked.await, Ok(Ok(false)))
    }

    /// The one clock of this crate.
    #[expect(clippy::unused_self, reason = "handlers ask the site for everything they need")]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }

    pub(crate) fn cookies(&self) -> Cookies {
        Cookies { tls: self.inner.config.public_url.scheme() == "https" }
    }

    /// Scheme and host as the viewer uses them: what signatures for them name.
    pub(crate) fn origin(&self, headers: &HeaderMap, uri: &Uri) -> String {
        let url = &self.inner.config.public_url;
        let host =
            headers.get(header::HOST).and_then(|v| v.to_str().ok()).or(uri.authority().map(|a| a.as_str()));
        match host {
            Some(host) => format!("{}://{host}", url.scheme()),
            None => self.public_origin(),
        }
    }

    /// Scheme, host and port that everybody can use.
    pub(crate) fn public_origin(&self) -> String {
        self.inner.config.public_url.origin().ascii_serialization()
    }

    /// A title, `None` if there is no such.
    pub(crate) async fn title(&self, id: TitleId) -> Result<Option<catalogue::Title>, ApiError> {
        match self.catalogue().title(id).await {
            Ok(title) => Ok(Some(title)),
            Err(catalogue::Error::NoTitle { .. }) => Ok(None),
            Err(error) => Err(ApiError::internal(error)),
        }
    }
}

async fn nowhere(visitor: visitor::Visitor, uri: Uri) -> axum::response::Response {
    let refused = ApiError::not_found("not_found", "There is no such page. It may have moved or never been.");
    beside(refused, &visitor, &uri)
}

async fn not_so(visitor: visitor::Visitor, uri: Uri) -> axum::response::Response {
    let code = http::StatusCode::METHOD_NOT_ALLOWED;
    beside(ApiError::new(code, "method_not_allowed", "This address is not used that way."), &visitor, &uri)
}

/// A refusal beside all routes: in the kind of those that begin alike.
fn beside(refused: ApiError, visitor: &visitor::Visitor, uri: &Uri) -> axum::response::Response {
    let refused = refused.into_response();
    if uri.path().starts_with("/api/") { refused } else { page::of_refusal(refused, visitor, "/") }
}
