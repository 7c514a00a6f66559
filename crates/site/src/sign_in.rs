//! Signing in by one-time code, link or invitation, and out. Nothing here tells whether an account exists.

pub(crate) mod ask;
pub(crate) mod code;
pub(crate) mod invite;
pub(crate) mod link;

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, header};
use http_face::ApiError;
use identity::SignedIn;
use identity::session::Device;
use identity::token::BrowserToken;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Site;
use crate::visitor::{cookie, token};

/// The address of the sign-in page that leads back to `path`.
pub(crate) fn address(path: &str) -> String {
    if path == "/" {
        "/signin".into()
    } else {
        format!("/signin?next={}", utf8_percent_encode(path, NON_ALPHANUMERIC))
    }
}

/// A path of our own, or home: a sign-in page must not lead people elsewhere.
pub(crate) fn own(next: &str) -> &str {
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 1000
        && !next.contains(|c: char| c.is_control() || c == '\\');
    if inside { next } else { "/" }
}

/// `POST /signout`
pub(crate) async fn out(State(site): State<Site>, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(token) = token(&site, &headers) {
        site.identity().sign_out(&token).await.map_err(ApiError::internal)?;
        site.playback().settle(site.now()).await.map_err(ApiError::internal)?;
    }
    let forget = site.cookies().clear(site.cookies().session());
    Ok((AppendHeaders([(header::SET_COOKIE, forget)]), Redirect::to("/signin")).into_response())
}

/// What is said when there are no codes for an address any more.
const CODES_OFF: &str = "There were too many wrong codes for this address, so codes are switched off. Ask an operator for a sign-in link.";

/// Hands over the session's cookie and goes on; what is played in sessions that ended for this one stops.
async fn enter(site: &Site, signed_in: &SignedIn, next: &str) -> Result<Response, ApiError> {
    if !signed_in.ended.is_empty() {
        site.playback().settle(site.now()).await.map_err(ApiError::internal)?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_our_own_pages_only() {
        for good in ["/", "/watch/0?t=5", "/jobs"] {
            assert_eq!(own(good), good);
        }
        for bad in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "javascript:alert(1)"]
        {
            assert_eq!(own(bad), "/");
        }
        assert_eq!(address("/watch/a?b"), "/signin?next=%2Fwatch%2Fa%3Fb");
    }
}
