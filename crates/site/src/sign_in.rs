//! Signing in by one-time code or link, and out. Nothing here tells whether an account exists.

use std::net::{IpAddr, Ipv4Addr};

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use http_face::client::ClientIp;
use http_face::{ApiError, take};
use identity::challenge::{Answer, Begin};
use identity::session::Device;
use identity::token::{BrowserToken, ChallengeId, LinkToken};
use identity::{Error, SignedIn};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::Site;
use crate::page::{Frame, render, render_as};
use crate::visitor::{Visitor, cookie, token};

/// How long a browser is remembered, in s: a known device is not locked out by strangers' attempts.
const BROWSER_SECONDS: u32 = 400 * 86_400;
/// Longest address in characters that is written back into the form.
const ADDRESS_CHARS: usize = 254;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct AskPage<'a> {
    frame: &'a Frame,
    next: &'a str,
    address: &'a str,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage<'a> {
    frame: &'a Frame,
    next: &'a str,
    address: &'a str,
    challenge: &'a str,
    /// The sign-in page, for another address.
    another: String,
    /// How often a code was asked for in this form.
    sends: u32,
    /// Seconds until it may be asked for again.
    resend_in: u32,
    error: Option<String>,
    notice: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    frame: &'a Frame,
    works: bool,
    token: &'a str,
}

/// The address of the sign-in page that leads back to `path`.
pub(crate) fn address(path: &str) -> String {
    if path == "/" {
        "/signin".into()
    } else {
        format!("/signin?next={}", utf8_percent_encode(path, NON_ALPHANUMERIC))
    }
}

/// A path of our own, or home: a sign-in page must not lead people elsewhere.
fn own(next: &str) -> &str {
    let inside = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 1000
        && !next.contains(|c: char| c.is_control() || c == '\\');
    if inside { next } else { "/" }
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(crate) struct Ask {
    #[serde(default)]
    next: String,
}

/// `GET /signin`
pub(crate) async fn ask(visitor: Visitor, take::Query(ask): take::Query<Ask>) -> Response {
    if visitor.account.is_some() {
        return Redirect::to(own(&ask.next)).into_response();
    }
    let frame = Frame::new(&visitor, "");
    render(&frame, &AskPage { frame: &frame, next: own(&ask.next), address: "", error: None })
}

/// The form of `/signin`.
#[derive(Deserialize)]
pub(crate) struct Wish {
    address: String,
    #[serde(default)]
    next: String,
}

/// `POST /signin`
pub(crate) async fn begin(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    take::Form(wish): take::Form<Wish>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "");
    let browser = browser(&site, &headers);
    let begin = Begin { address: &wish.address, browser: browser.as_ref(), ip: place(ip), now: site.now() };
    let address: String = wish.address.trim().chars().take(ADDRESS_CHARS).collect();
    let again = |status, error: String| {
        let page = AskPage { frame: &frame, next: own(&wish.next), address: &address, error: Some(error) };
        render_as(status, &frame, &page)
    };
    let begun = match site.identity().begin(&begin).await {
        Ok(begun) => begun,
        Err(Error::Address { why }) => {
            return Ok(again(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("This is not an e-mail address: {why}."),
            ));
        }
        Err(Error::TooMany { retry_after_seconds }) => {
            let error =
                format!("Too many codes were asked for. Please try again in {}.", wait(retry_after_seconds));
            return Ok(later(again(StatusCode::TOO_MANY_REQUESTS, error), retry_after_seconds));
        }
        Err(other) => return Err(ApiError::internal(other)),
    };
    let page = CodePage {
        frame: &frame,
        next: own(&wish.next),
        address: &address,
        challenge: begun.challenge.as_str(),
        another: self::address(own(&wish.next)),
        sends: 1,
        resend_in: cooldown(&site, 1),
        error: None,
        notice: None,
    };
    let remember = site.cookies().set(site.cookies().browser(), begun.browser.as_str(), BROWSER_SECONDS);
    Ok((AppendHeaders([(header::SET_COOKIE, remember)]), render(&frame, &page)).into_response())
}

/// The form of the code page.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    code: String,
    challenge: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    sends: u32,
}

impl Typed {
    fn page<'a>(&'a self, frame: &'a Frame, resend_in: u32) -> CodePage<'a> {
        let (next, sends) = (own(&self.next), self.sends.clamp(1, 10));
        let (address, challenge) = (self.address.as_str(), self.challenge.as_str());
        let another = self::address(next);
        CodePage { frame, next, address, challenge, another, sends, resend_in, error: None, notice: None }
    }
}

/// `POST /signin/code`
pub(crate) async fn verify(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    take::Form(typed): take::Form<Typed>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "");
    let digits: String = typed.code.chars().filter(char::is_ascii_digit).take(16).collect();
    let device = Device { agent: agent(&headers), ip: place(ip) };
    let result = match (ChallengeId::parse(&typed.challenge), browser(&site, &headers)) {
        (Some(challenge), Some(browser)) => {
            let (challenge, browser) = (&challenge, &browser);
            let answer = Answer { challenge, browser, code: &digits, device: &device, now: site.now() };
            site.identity().verify(&answer).await
        }
        _ => Err(Error::Stale),
    };
    let refused = match result {
        Ok(signed_in) => return Ok(enter(&site, &signed_in, own(&typed.next))),
        Err(Error::WrongCode { left }) if left > 0 => {
            let tries = if left == 1 { "1 try is".to_owned() } else { format!("{left} tries are") };
            (StatusCode::UNPROCESSABLE_ENTITY, format!("This code is not right. {tries} left."), 0)
        }
        Err(Error::WrongCode { .. } | Error::Stale) => {
            let page = AskPage {
                frame: &frame,
                next: own(&typed.next),
                address: &typed.address,
                error: Some("This code cannot be used any more. Ask for a new one.".into()),
            };
            return Ok(render_as(StatusCode::UNPROCESSABLE_ENTITY, &frame, &page));
        }
        Err(Error::TooMany { retry_after_seconds: s }) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many wrong codes. Please try again in {}.", wait(s)),
            s,
        ),
        Err(other) => return Err(ApiError::internal(other)),
    };
    let (status, error, after) = refused;
    let page = CodePage { error: Some(error), ..typed.page(&frame, 0) };
    Ok(later(render_as(status, &frame, &page), after))
}

/// `POST /signin/resend`
pub(crate) async fn resend(
    State(site): State<Site>,
    visitor: Visitor,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    take::Form(typed): take::Form<Typed>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "");
    let result = match (ChallengeId::parse(&typed.challenge), browser(&site, &headers)) {
        (Some(challenge), Some(browser)) => {
            site.identity().resend(&challenge, &browser, place(ip), site.now()).await
        }
        _ => Err(Error::Stale),
    };
    match result {
        Ok(()) => {
            let sends = typed.sends.clamp(1, 10) + 1;
            let notice = Some("The same code is on its way again.");
            let page = CodePage { notice, sends, ..typed.page(&frame, cooldown(&site, sends)) };
            Ok(render(&frame, &page))
        }
        Err(Error::TooMany { retry_after_seconds: s }) => {
            let error = Some(format!("The code can be sent again in {}.", wait(s)));
            let page = CodePage { error, ..typed.page(&frame, s) };
            Ok(later(render_as(StatusCode::TOO_MANY_REQUESTS, &frame, &page), s))
        }
        Err(Error::Stale) => {
            let error = Some("This code cannot be sent again. Ask for a new one.".into());
            let page = AskPage { frame: &frame, next: own(&typed.next), address: &typed.address, error };
            Ok(render_as(StatusCode::UNPROCESSABLE_ENTITY, &frame, &page))
        }
        Err(other) => Err(ApiError::internal(other)),
    }
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

/// `POST /signout`
pub(crate) async fn out(
    State(site): State<Site>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(session) = visitor.who.session() {
        site.playback().revoke_signed_in(session, site.now()).await.map_err(ApiError::internal)?;
    }
    if let Some(token) = token(&site, &headers) {
        site.identity().sign_out(&token).await.map_err(ApiError::internal)?;
    }
    let forget = site.cookies().clear(site.cookies().session());
    Ok((AppendHeaders([(header::SET_COOKIE, forget)]), Redirect::to("/signin")).into_response())
}

/// Hands over the session's cookie and goes on.
fn enter(site: &Site, signed_in: &SignedIn, next: &str) -> Response {
    let seconds = site.identity().cookie_seconds(signed_in.account.role);
    let cookie = site.cookies().set(site.cookies().session(), signed_in.token.as_str(), seconds);
    (AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(next)).into_response()
}

fn browser(site: &Site, headers: &HeaderMap) -> Option<BrowserToken> {
    cookie(site, headers, site.cookies().browser()).and_then(BrowserToken::parse)
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown")
}

/// Where somebody is; without an edge in front (tests) everybody is in one place.
fn place(ip: Option<IpAddr>) -> IpAddr {
    ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Seconds until a code may be sent again after the `sends`th time.
fn cooldown(site: &Site, sends: u32) -> u32 {
    let pauses = site.identity().config().limits.cooldown_seconds;
    let at = usize::try_from(sends.saturating_sub(1)).unwrap_or(usize::MAX).min(pauses.len() - 1);
    pauses[at]
}

fn wait(seconds: u32) -> String {
    match seconds {
        0..90 => format!("{} s", seconds.max(1)),
        s if s < 5400 => format!("{} min", s.div_ceil(60)),
        s => format!("{} h", s.div_ceil(3600)),
    }
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

    #[test]
    fn waits_are_rounded_up() {
        assert_eq!(wait(0), "1 s");
        assert_eq!(wait(61), "61 s");
        assert_eq!(wait(121), "3 min");
        assert_eq!(wait(7201), "3 h");
    }
}
