//! The table of routes of pages. A route without a policy cannot be written down: the router is made of this table only.

use std::collections::HashMap;

use api::{Policy, admit};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::MethodRouter;
use http::{HeaderMap, Method, StatusCode, Uri};
use url::Url;

use crate::visitor::{Visitor, referer};
use crate::{Site, page, return_path};

/// How refusals are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a page; guests are led to the sign-in page.
    Page,
    /// As JSON: playback, whose permission comes as cookies.
    Api,
    /// As they come: files.
    File,
}

/// One route.
pub struct Route {
    /// The path's pattern.
    pub path: &'static str,
    /// The method (GET answers HEAD too).
    pub method: Method,
    /// The access rule of a route.
    pub policy: Policy,
    /// How refusals are said.
    pub kind: Kind,
    handler: MethodRouter<Site>,
}

impl Route {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        kind: Kind,
        policy: Policy,
        handler: MethodRouter<Site>,
    ) -> Self {
        Self { path, method, policy, kind, handler }
    }
}

/// Makes the router of the table.
pub(crate) fn router(site: &Site, table: Vec<Route>) -> Router<Site> {
    table.into_iter().fold(Router::new(), |router, route| {
        let gate = Gate { site: site.clone(), policy: route.policy, kind: route.kind };
        router.route(route.path, route.handler.layer(from_fn_with_state(gate, enforce)))
    })
}

#[derive(Clone)]
struct Gate {
    site: Site,
    policy: Policy,
    kind: Kind,
}

/// Middleware of one route: lets in or refuses, and says refusals of the handler in the route's kind.
async fn enforce(
    State(gate): State<Gate>,
    names: Option<Path<HashMap<String, String>>>,
    visitor: Visitor,
    mut request: Request,
    next: Next,
) -> Response {
    let reading = request.method() == Method::GET || request.method() == Method::HEAD;
    let path = match reading {
        true => request.uri().path().to_owned(),
        false => page_before(&gate.site, request.headers(), request.uri()),
    };
    let names = names.map(|Path(map)| map).unwrap_or_default();
    let answer = match admit(gate.site.api(), gate.policy, &names, &visitor, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    if gate.kind != Kind::Page {
        return answer;
    }
    if answer.status() == StatusCode::UNAUTHORIZED && reading {
        return Redirect::to(&return_path::sign_in_address(&path)).into_response();
    }
    page::of_refusal(answer, &visitor, &path)
}

/// The page of ours on which a form was, to go back to: what the form is sent to cannot be looked at.
fn page_before(site: &Site, headers: &HeaderMap, uri: &Uri) -> String {
    let own = |page: &Url| page.origin().ascii_serialization() == site.origin(headers, uri);
    referer(headers).filter(own).map_or_else(|| "/".into(), |page| page.path().to_owned())
}
