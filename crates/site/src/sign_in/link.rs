//! Single-use sign-in links. Looking at one changes nothing: mail scanners look at all of them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use http_face::ApiError;
use http_face::client::ClientIp;
use identity::Error;
use identity::session::Device;
use identity::token::LinkToken;

use super::{agent, enter, place};
use crate::Site;
use crate::page::{Frame, render_as};
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
    let frame = Frame::new(&visitor, "");
    let status = if works { StatusCode::OK } else { StatusCode::GONE };
    Ok(render_as(status, &frame, &LinkPage { frame: &frame, works, token: &text }))
}

/// `POST /signin/link/{token}`
pub(crate) async fn use_link(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let device = Device { agent: agent(&headers), ip: place(ip) };
    let result = match LinkToken::parse(&text) {
        Some(token) => site.identity().consume_link(&token, &device, site.now()).await,
        None => Err(Error::Link),
    };
    match result {
        Ok(signed_in) => Ok(enter(&site, &signed_in, "/")),
        Err(Error::Link) => {
            let frame = Frame::new(&visitor, "");
            let page = LinkPage { frame: &frame, works: false, token: &text };
            Ok(render_as(StatusCode::GONE, &frame, &page))
        }
        Err(other) => Err(ApiError::internal(other)),
    }
}
