//! The pages people see and the JSON API behind them.
//!
//! HTML is rendered on the server and works without scripts, but for playback; scripts and styles come from `web/`
//! and are embedded. Every route stands in one table with its policy ([`routes`]), and the router is made of that
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
mod api;
mod assets;
mod delete_page;
mod home;
mod jobs_page;
mod operate;
mod packaging;
mod page;
mod people;
mod poster;
mod resume;
mod route;
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
use axum::routing::{delete, get, patch, post};
use catalogue::Catalogue;
use http::{HeaderMap, Method, Uri, header};
use http_face::{ApiError, Limits};
use identity::cookie::Cookies;
use identity::{Action, Identity};
use jobs::Queue;
use model::{Timestamp, TitleId};
use pipeline::Pipeline;
use playback::Playback;
use seal::KeyRing;
use upload::Uploads;
use url::Url;

pub use route::{Kind, Policy, Route};

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
}

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address people use, with its scheme: `https` makes cookies `Secure`.
    pub public_url: Url,
    /// Where S3 clients upload to, for the lesson on the empty home page.
    pub s3_url: Option<Url>,
    /// Whether codes can be sent: without, people come in by links that operators make.
    pub mail: bool,
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
}

/// Makes the router of all pages and the API.
pub fn router(parts: Parts, config: Config) -> Router {
    let own: Arc<str> = config.public_url.origin().ascii_serialization().into();
    let site = Site { inner: Arc::new(Inner { parts, config }) };
    let routes = route::router(&site, routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(site.clone(), visitor::identify))
        .layer(from_fn(move |request, next| http_face::origin::guard(own.clone(), request, next)));
    http_face::wrap(routes, Limits::default()).with_state(site)
}

/// Every route, with its policy.
pub fn routes() -> Vec<Route> {
    use Kind::{Api, File, Page};
    use Policy::{Anyone, Installation, SignedIn, Title, Upload};
    const PACKAGING: Policy = Policy::Installation(Action::ManagePackaging);
    let row = Route::new;
    vec![
        row(Method::GET, "/", Page, Anyone("shows each visitor what they may see"), get(home::page)),
        row(Method::GET, "/watch/{title}", Page, Title(Action::WatchTitle), get(watch::page)),
        row(Method::GET, "/title/{title}", Page, Title(Action::EditTitle), get(settings::page)),
        row(Method::POST, "/title/{title}", Page, Title(Action::EditTitle), post(settings::save)),
        row(Method::POST, "/title/{title}/cancel", Page, Title(Action::EditTitle), post(operate::cancel)),
        row(Method::POST, "/title/{title}/retry", Page, Title(Action::EditTitle), post(operate::retry)),
        row(Method::POST, "/title/{title}/reencode", Page, Title(Action::EditTitle), post(operate::reencode)),
        row(
            Method::POST,
            "/title/{title}/drop-source",
            Page,
            Title(Action::DeleteTitle),
            post(operate::drop_source),
        ),
        row(Method::GET, "/title/{title}/delete", Page, Title(Action::DeleteTitle), get(delete_page::page)),
        row(
            Method::POST,
            "/title/{title}/delete",
            Page,
            Title(Action::DeleteTitle),
            post(delete_page::delete),
        ),
        row(Method::GET, "/deleted", Page, Installation(Action::SeeJobs), get(delete_page::list)),
        row(
            Method::POST,
            "/deleted/{id}/restore",
            Page,
            Installation(Action::ManageJobs),
            post(operate::restore),
        ),
        row(Method::GET, "/upload", Page, Installation(Action::Upload), get(upload_page::page)),
        row(Method::GET, "/jobs", Page, Installation(Action::SeeJobs), get(jobs_page::page)),
        row(Method::GET, "/signin", Page, Anyone("asks who they are"), get(sign_in::ask::ask)),
        row(Method::POST, "/signin", Page, Anyone("limited by identity"), post(sign_in::ask::begin)),
        row(Method::POST, "/signin/code", Page, Anyone("limited by identity"), post(sign_in::code::verify)),
        row(Method::POST, "/signin/resend", Page, Anyone("limited by identity"), post(sign_in::code::resend)),
        row(
            Method::GET,
            "/signin/link/{token}",
            Page,
            Anyone("changes nothing"),
            get(sign_in::link::confirm_link),
        ),
        row(
            Method::POST,
            "/signin/link/{token}",
            Page,
            Anyone("the token is the proof"),
            post(sign_in::link::use_link),
        ),
        row(Method::GET, "/invite/{token}", Page, Anyone("changes nothing"), get(sign_in::invite::look)),
        row(
            Method::POST,
            "/invite/{token}",
            Page,
            Anyone("the token is the proof"),
            post(sign_in::invite::accept),
        ),
        row(Method::GET, "/account", Page, SignedIn, get(account::page)),
        row(Method::POST, "/account/sessions/{id}/end", Page, SignedIn, post(account::end)),
        row(Method::POST, "/account/sessions/end-others", Page, SignedIn, post(account::end_others)),
        row(Method::POST, "/account/sessions/end-all", Page, SignedIn, post(account::end_all)),
        row(Method::GET, "/people", Page, Installation(Action::ManageAccounts), get(people::page)),
        row(Method::POST, "/people/invite", Page, Installation(Action::ManageAccounts), post(people::invite)),
        row(
            Method::POST,
            "/people/invitations/{id}/revoke",
            Page,
            Installation(Action::ManageAccounts),
            post(people::revoke),
        ),
        row(
            Method::GET,
            "/people/{account}",
            Page,
            Installation(Action::ManageAccounts),
            get(people::person::page),
        ),
        row(
            Method::POST,
            "/people/{account}/role",
            Page,
            Installation(Action::ManageAccounts),
            post(people::person::set_role),
        ),
        row(
            Method::POST,
            "/people/{account}/{change}",
            Page,
            Installation(Action::ManageAccounts),
            post(people::person::change),
        ),
        row(Method::POST, "/signout", Page, Anyone("ends the visitor's own session"), post(sign_in::out)),
        row(Method::GET, "/api/titles", Api, Anyone("lists what each visitor may see"), get(api::titles)),
        row(Method::GET, "/api/titles/{title}", Api, Title(Action::SeeTitle), get(api::title)),
        row(
            Method::POST,
            "/api/titles/{title}/cancel",
            Api,
            Title(Action::EditTitle),
            post(operate::api_cancel),
        ),
        row(
            Method::POST,
            "/api/titles/{title}/retry",
            Api,
            Title(Action::EditTitle),
            post(operate::api_retry),
        ),
        row(
            Method::POST,
            "/api/titles/{title}/reencode",
            Api,
            Title(Action::EditTitle),
            post(operate::api_reencode),
        ),
        row(
            Method::POST,
            "/api/titles/{title}/delete",
            Api,
            Title(Action::DeleteTitle),
            post(operate::api_delete),
        ),
        row(Method::GET, "/api/work", Api, Installation(Action::SeeJobs), get(work::api)),
        row(Method::GET, "/api/jobs", Api, Installation(Action::SeeJobs), get(api::jobs)),
        row(Method::GET, "/api/jobs/{job}/log", Api, Installation(Action::SeeJobs), get(operate::api_log)),
        row(
            Method::POST,
            "/api/jobs/{job}/cancel",
            Api,
            Installation(Action::ManageJobs),
            post(operate::api_cancel_job),
        ),
        row(
            Method::POST,
            "/api/jobs/{job}/retry",
            Api,
            Installation(Action::ManageJobs),
            post(operate::api_retry_job),
        ),
        row(Method::GET, "/api/uploads", Api, Installation(Action::Upload), get(uploads::list)),
        row(Method::POST, "/api/uploads", Api, Installation(Action::Upload), post(uploads::begin)),
        row(Method::GET, "/api/uploads/{upload}", Api, Upload, get(uploads::one)),
        row(Method::PATCH, "/api/uploads/{upload}", Api, Upload, patch(uploads::edit)),
        row(Method::DELETE, "/api/uploads/{upload}", Api, Upload, delete(uploads::discard)),
        row(Method::POST, "/api/uploads/{upload}/parts", Api, Upload, post(uploads::parts)),
        row(Method::POST, "/api/uploads/{upload}/complete", Api, Upload, post(uploads::complete)),
        row(Method::GET, "/api/packaging/groups", Api, PACKAGING, get(packaging::groups)),
        row(Method::POST, "/api/packaging/groups", Api, PACKAGING, post(packaging::add_group)),
        row(Method::DELETE, "/api/packaging/groups/{group}", Api, PACKAGING, delete(packaging::remove_group)),
        row(Method::GET, "/api/packaging/configurations", Api, PACKAGING, get(packaging::configurations)),
        row(
            Method::POST,
            "/api/packaging/configurations",
            Api,
            PACKAGING,
            post(packaging::add_configuration),
        ),
        row(
            Method::DELETE,
            "/api/packaging/configurations/{configuration}",
            Api,
            PACKAGING,
            delete(packaging::remove_configuration),
        ),
        row(Method::POST, "/api/playback", Api, Anyone("playback decides by title"), post(api::start)),
        row(Method::POST, "/api/playback/report", Api, Anyone("writes one bounded line"), post(api::report)),
        row(
            Method::POST,
            "/api/playback/{session}/heartbeat",
            Api,
            Anyone("playback knows whose session it is"),
            post(api::heartbeat),
        ),
        row(
            Method::POST,
            "/api/playback/{session}/end",
            Api,
            Anyone("playback knows whose session it is"),
            post(api::end),
        ),
        row(Method::GET, "/assets/{file}", File, Anyone("the same for all"), get(assets::serve)),
        row(Method::GET, "/favicon.svg", File, Anyone("the same for all"), get(assets::icon)),
    ]
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
            None => url.origin().ascii_serialization(),
        }
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
    let refused = refused.into_response();
    if uri.path().starts_with("/api/") { refused } else { page::of_refusal(refused, &visitor, "/") }
}

async fn not_so() -> ApiError {
    ApiError::new(
        http::StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address is not used that way.",
    )
}
