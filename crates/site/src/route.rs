//! The table of routes. A route without a policy cannot be written down: the router is made of this table only.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::MethodRouter;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_face::ApiError;
use identity::{Action, Resource, Who, may};
use model::TitleId;
use url::Url;

use crate::visitor::{Visitor, referer};
use crate::{Site, page, sign_in};

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anyone: nothing there depends on who asks, or each thing is asked for by itself (the sentence says how).
    Anyone(&'static str),
    /// Who is signed in.
    SignedIn,
    /// Who may do this to the installation.
    Installation(Action),
    /// Who may do this to the title that the path names as `{title}`. The handler gets the title.
    Title(Action),
    /// Who may upload, and began the upload that the path names as `{upload}`. The handler gets the upload.
    Upload,
}

/// How refusals are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a page; guests are led to the sign-in page.
    Page,
    /// As JSON.
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
    /// Who may come in.
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
    let answer = match admit(&gate, &names, &visitor, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    if gate.kind != Kind::Page {
        return answer;
    }
    if answer.status() == StatusCode::UNAUTHORIZED && reading {
        return Redirect::to(&sign_in::address(&path)).into_response();
    }
    page::of_refusal(answer, &visitor, &path)
}

/// The page of ours on which a form was, to go back to: what the form is sent to cannot be looked at.
fn page_before(site: &Site, headers: &HeaderMap, uri: &Uri) -> String {
    let own = |page: &Url| page.origin().ascii_serialization() == site.origin(headers, uri);
    referer(headers).filter(own).map_or_else(|| "/".into(), |page| page.path().to_owned())
}

async fn admit(
    gate: &Gate,
    names: &HashMap<String, String>,
    visitor: &Visitor,
    request: &mut Request,
) -> Result<(), ApiError> {
    let guest = visitor.who == Who::Guest;
    match gate.policy {
        Policy::Anyone(_) => Ok(()),
        Policy::SignedIn if guest => Err(ApiError::unauthorized()),
        Policy::SignedIn => Ok(()),
        Policy::Installation(action) if visitor.may(action) => Ok(()),
        Policy::Installation(_) if guest => Err(ApiError::unauthorized()),
        Policy::Installation(_) => {
            Err(ApiError::forbidden("not_allowed", "Your account may not see this. Ask an operator."))
        }
        Policy::Upload if visitor.may(Action::Upload) => {
            let named = names.get("upload").map(String::as_str);
            let own = crate::uploads::own(&gate.site, visitor, named).await?;
            request.extensions_mut().insert(own);
            Ok(())
        }
        Policy::Upload if guest => Err(ApiError::unauthorized()),
        Policy::Upload => {
            Err(ApiError::forbidden("not_allowed", "Your account may not upload. Ask an operator."))
        }
        Policy::Title(action) => {
            // Guests get the same answer for every id: it may be for them once they sign in.
            let missing = || match guest {
                true => ApiError::unauthorized(),
                false => {
                    ApiError::not_found("title_not_found", "There is no such title, or it is not for you.")
                }
            };
            let named = names.get("title");
            let id: TitleId = named.and_then(|text| text.parse().ok()).ok_or_else(missing)?;
            let title = gate.site.title(id).await?.ok_or_else(missing)?;
            let resource = Resource::Title(crate::titles::facts(&title));
            if !may(&visitor.who, action, &resource) {
                // Nobody learns of a title that they may not see.
                if !may(&visitor.who, Action::SeeTitle, &resource) {
                    return Err(missing());
                }
                return Err(if guest {
                    ApiError::unauthorized()
                } else {
                    ApiError::forbidden("not_allowed", "Your account may not do this to the title.")
                });
            }
            request.extensions_mut().insert(crate::titles::Found(title));
            Ok(())
        }
    }
}
