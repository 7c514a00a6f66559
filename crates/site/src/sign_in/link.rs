//! Single-use sign-in links. Looking at one changes nothing: mail scanners look at all of them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use http_face::ApiError;
use http_face::client::ClientIp;
use identity::Error;
use identity::token::LinkToken;

use super::{device, enter_by};
use crate::Site;
use crate::page::{Frame, render_as, unnamed};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: &'a Frame,
    works: bool,
    token: &'a str,
}

/// `GET /signin/link/{token}`: looks only, so that nothing that merely fetches addresses uses a link up.
pub(crate) async fn confirm_link(
    State(site): State<Site>,
    visitor: Visitor,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let works = match LinkToken::parse(&text) {
        Some(token) => site.identity().link_works(&token, site.now()).await.map_err(ApiError::internal)?,
        None => false,
    };
    Ok(page(&visitor, works, &text))
}

/// `POST /signin/link/{token}`
pub(crate) async fn use_link(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let used = match LinkToken::parse(&text) {
        Some(token) => site.identity().consume_link(&token, &device(&headers, ip), site.now()).await,
        None => Err(Error::Link),
    };
    enter_by(&site, used, || page(&visitor, false, &text)).await
}

/// The page of a link; one that does not work (any more) is gone.
fn page(visitor: &Visitor, works: bool, token: &str) -> Response {
    let frame = Frame::new(visitor, "");
    let status = if works { StatusCode::OK } else { StatusCode::GONE };
    unnamed(render_as(status, &frame, &LinkPage { frame: &frame, works, token }))
}
