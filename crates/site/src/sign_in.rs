//! Signing in by one-time code, link or invitation, and out. Nothing here tells whether an account exists.

pub(crate) mod ask;
pub(crate) mod code;
pub(crate) mod invite;
pub(crate) mod link;

use std::net::{IpAddr, Ipv4Addr};

use api::people;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use http_face::ApiError;
use identity::SignedIn;
use identity::session::Device;
use identity::token::BrowserToken;

use crate::Site;
use crate::visitor::{cookie, token};

/// `POST /signout`
pub(crate) async fn out(State(site): State<Site>, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(token) = token(&site, &headers) {
        people::sign_out(site.api(), &token).await.map_err(ApiError::internal)?;
    }
    let forget = site.cookies().clear(site.cookies().session());
    Ok((AppendHeaders([(header::SET_COOKIE, forget)]), Redirect::to("/signin")).into_response())
}

/// The message when there are no more codes for an address.
const CODES_OFF: &str = "Too many wrong codes were entered for this address, so codes are disabled. Ask an administrator for a sign-in link.";

/// Sets the session's cookie and redirects; playback in sessions that ended for this one stops.
async fn enter(site: &Site, signed_in: &SignedIn, next: &str) -> Result<Response, ApiError> {
    people::signed_in(site.api(), signed_in).await;
    let seconds = site.identity().cookie_seconds(signed_in.account.role);
    let cookie = site.cookies().set(site.cookies().session(), signed_in.token.as_str(), seconds);
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(next)).into_response())
}

/// Lets in whom a link or an invitation proves; one that does not work (any more) is answered with `over`.
async fn enter_by(
    site: &Site,
    proof: identity::Result<SignedIn>,
    over: impl FnOnce() -> Response,
) -> Result<Response, ApiError> {
    match proof {
        Ok(signed_in) => enter(site, &signed_in, "/").await,
        Err(identity::Error::Link | identity::Error::Invitation) => Ok(over()),
        Err(other) => Err(ApiError::internal(other)),
    }
}

fn browser(site: &Site, headers: &HeaderMap) -> Option<BrowserToken> {
    cookie(site, headers, site.cookies().browser()).and_then(BrowserToken::parse)
}

/// Where somebody signs in; without an edge in front (tests) everybody is in one place.
fn device(headers: &HeaderMap, ip: Option<IpAddr>) -> Device<'_> {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    Device { agent, ip: place(ip) }
}

fn place(ip: Option<IpAddr>) -> IpAddr {
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn later(mut response: Response, seconds: u32) -> Response {
    if seconds > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
