//! The visitor who sent a request: the browser's session cookie, read once per request.

use std::ops::Deref;

use api::Caller;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, header};
use http_face::ApiError;
use identity::token::SessionToken;
use identity::{Action, Who};
use model::Timestamp;
use url::Url;

use crate::Site;

/// The visitor who sent the request. Handlers take it as an argument; never an `Option`: a guest is a visitor too.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The visitor as the API knows them.
    pub(crate) caller: Caller,
    /// Whether they are to be reminded that the key ring exists only once.
    pub(crate) keys_at_risk: bool,
}

impl Deref for Visitor {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Visitor {
    pub(crate) fn guest(asked_at: Timestamp) -> Self {
        Self { caller: Caller::guest(asked_at), keys_at_risk: false }
    }

    /// Whether they are still who they were when the request came: since then they may have been signed out, suspended
    /// or given another role.
    pub(crate) async fn is_still(&self, site: &Site, headers: &HeaderMap) -> Result<bool, ApiError> {
        let session = match token(site, headers) {
            Some(token) => site.identity().authenticate(&token, site.now()).await,
            None => Ok(None),
        };
        let who = session.map_err(ApiError::internal)?.map_or(Who::Guest, |session| session.who());
        Ok(who == self.who)
    }
}

/// Middleware: finds the visitor and hands them to everything below.
pub(crate) async fn identify(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let asked_at = site.now();
    let visitor = match token(&site, request.headers()) {
        Some(token) => match site.identity().authenticate(&token, asked_at).await {
            Ok(Some(session)) => {
                let who = session.who();
                let account = Some(session.account);
                let mut visitor = Visitor { caller: Caller { who, account, asked_at }, keys_at_risk: false };
                visitor.keys_at_risk = visitor.may(Action::SeeJobs) && site.keys_at_risk().await;
                visitor
            }
            Ok(None) => Visitor::guest(asked_at),
            // Not to know who asks is no reason to let them in, nor to sign them out.
            Err(error) => return axum::response::IntoResponse::into_response(ApiError::internal(error)),
        },
        None => Visitor::guest(asked_at),
    };
    request.extensions_mut().insert(visitor.caller.clone());
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| ApiError::internal("nobody identified the visitor"))
    }
}

/// The session token that a request carries.
pub(crate) fn token(site: &Site, headers: &HeaderMap) -> Option<SessionToken> {
    cookie(site, headers, site.cookies().session()).and_then(SessionToken::parse)
}

/// A cookie of a request. Clients may split the header (RFC 9113 §8.2.3).
pub(crate) fn cookie<'a>(site: &Site, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(header::COOKIE).iter();
    lines.find_map(|line| site.cookies().find(line.as_bytes(), name))
}

/// The page that a request came from, where the browser says so.
pub(crate) fn referer(headers: &HeaderMap) -> Option<Url> {
    headers.get(header::REFERER)?.to_str().ok()?.parse().ok()
}
