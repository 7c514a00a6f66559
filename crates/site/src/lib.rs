//! The pages people see; the JSON API behind them is crate `api`, mounted here for visitors.
//!
//! HTML is rendered on the server and works without scripts, but for playback; scripts and styles come from `web/`
//! and are embedded. Every route stands in one table with its policy ([`routes()`], [`api::routes()`]), and the router is made of that
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
mod assets;
mod delete_page;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod home;
mod jobs_page;
mod operate;
mod page;
mod people;
mod playing;
mod quota;
mod report;
mod resume;
mod return_path;
mod route;
mod routes;
mod settings;
mod sign_in;
mod titles;
mod upload_page;
mod visitor;
mod watch;
mod words;
mod work;

use std::sync::Arc;

use api::Api;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use catalogue::Catalogue;
use http::{HeaderMap, Uri};
use http_face::{ApiError, Changes, Limits};
use identity::Identity;
use identity::cookie::Cookies;
use jobs::Queue;
use model::Timestamp;
use pipeline::Pipeline;
use playback::Playback;
use seal::KeyRing;
use upload::Uploads;

use quota::{Quota, Share};
pub use route::{Kind, Route};
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

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether people get codes by mail: without, they come in by links that operators make.
    pub codes: bool,
    /// The key ring, of which operators are reminded until it was exported.
    pub keys: Option<KeyRing>,
}

/// State shared by handlers.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    api: Api,
    config: Config,
    reports: Quota,
    guests: Quota,
    playbacks: Share,
}

/// Makes the router of all pages and the API. Changes by requests run in `changes`.
pub fn router(api: Api, changes: Changes, config: Config) -> Router {
    let own: Arc<str> = api.public_origin().into();
    let reports = Quota::new(REPORTS, REPORTS_OF_ONE);
    let guests = Quota::new(GUESTS, GUESTS_OF_ONE);
    let playbacks = Share::new(PLAYBACKS);
    let nouns = api::router(&api, api::routes());
    let site = Site { inner: Arc::new(Inner { api, config, reports, guests, playbacks }) };
    let routes = route::router(&site, routes())
        .merge(nouns)
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(site.clone(), visitor::identify))
        .layer(from_fn(move |request, next| http_face::origin::guard(own.clone(), request, next)));
    http_face::wrap(routes, Limits::default(), changes).with_state(site)
}

impl Site {
    pub(crate) fn api(&self) -> &Api {
        &self.inner.api
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.api().parts().identity
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.api().parts().catalogue
    }

    pub(crate) fn playback(&self) -> &Playback {
        &self.api().parts().playback
    }

    pub(crate) fn jobs(&self) -> &Queue {
        &self.api().parts().jobs
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.api().parts().pipeline
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.api().parts().uploads
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
        let looked = runtime::begin(move || keys.is_exported());
        matches!(looked.await, Ok(Ok(false)))
    }

    /// The clock of the API.
    pub(crate) fn now(&self) -> Timestamp {
        self.api().now()
    }

    pub(crate) fn cookies(&self) -> Cookies {
        Cookies { tls: self.api().public_url().scheme() == "https" }
    }

    /// Scheme and host as the viewer uses them: what signatures for them name.
    pub(crate) fn origin(&self, headers: &HeaderMap, uri: &Uri) -> String {
        self.api().origin(headers, uri)
    }

    /// Scheme, host and port that everybody can use.
    pub(crate) fn public_origin(&self) -> String {
        self.api().public_origin()
    }
}

async fn nowhere(visitor: visitor::Visitor, uri: Uri) -> axum::response::Response {
    let refused = ApiError::not_found("not_found", "Page not found. The link may be old or mistyped.");
    beside(refused, &visitor, &uri)
}

async fn not_so(visitor: visitor::Visitor, uri: Uri) -> axum::response::Response {
    let code = http::StatusCode::METHOD_NOT_ALLOWED;
    beside(
        ApiError::new(code, "method_not_allowed", "This address doesn't support that method."),
        &visitor,
        &uri,
    )
}

/// A refusal beside all routes: in the kind of those that begin alike.
fn beside(refused: ApiError, visitor: &visitor::Visitor, uri: &Uri) -> axum::response::Response {
    let refused = refused.into_response();
    if uri.path().starts_with("/api/") { refused } else { page::of_refusal(refused, visitor, "/") }
}
