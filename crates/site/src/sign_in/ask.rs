//! The page that asks who somebody is, and starts a challenge.

use askama::Template;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, header};
use http_face::client::ClientIp;
use http_face::{ApiError, take};
use identity::Error;
use identity::challenge::Begin;
use identity::token::InviteToken;
use serde::Deserialize;

use super::code::{CodePage, cooldown};
use super::{browser, invite, later, place};
use crate::page::{Frame, render, render_as};
use crate::return_path::own;
use crate::visitor::Visitor;
use crate::{Site, words};

/// How long a browser is remembered, in s: a known device is not locked out by strangers' attempts.
const BROWSER_SECONDS: u32 = 400 * 86_400;
/// Longest address in characters that is written back into the form.
const ADDRESS_CHARS: usize = 254;

#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct AskPage<'a> {
    pub(super) frame: &'a Frame,
    pub(super) next: &'a str,
    pub(super) address: &'a str,
    /// The token of an open invitation that brings them, or nothing.
    pub(super) invitation: &'a str,
    pub(super) error: Option<String>,
}

/// Said instead where nobody gets a code.
#[derive(Template)]
#[template(path = "no_mail.html")]
struct NoMailPage<'a> {
    frame: &'a Frame,
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub(crate) struct Ask {
    #[serde(default)]
    next: String,
}

/// `GET /signin`
pub(crate) async fn ask(
    State(site): State<Site>,
    visitor: Visitor,
    take::Query(ask): take::Query<Ask>,
) -> Response {
    if visitor.account.is_some() {
        return Redirect::to(own(&ask.next)).into_response();
    }
    let frame = Frame::new(&visitor, "");
    if !site.config().codes {
        return render(&frame, &NoMailPage { frame: &frame });
    }
    let next = own(&ask.next);
    render(&frame, &AskPage { frame: &frame, next, address: "", invitation: "", error: None })
}

/// The form of `/signin`.
#[derive(Deserialize)]
pub(crate) struct Wish {
    address: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    invitation: String,
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
    if !site.config().codes {
        return Ok(no_codes(&frame));
    }
    let (browser, invitation) = (browser(&site, &headers), InviteToken::parse(&wish.invitation));
    let (browser, invitation, ip) = (browser.as_ref(), invitation.as_ref(), place(ip));
    let token = invitation.map(InviteToken::as_str).unwrap_or_default();
    let begin = Begin { address: &wish.address, browser, invitation, ip, now: site.now() };
    let address: String = wish.address.trim().chars().take(ADDRESS_CHARS).collect();
    let begun = match site.identity().begin(&begin).await {
        Ok(begun) => begun,
        Err(Error::Invitation) => return Ok(invite::over(&frame)),
        Err(error) => {
            let (status, error, after) = refusal(error)?;
            let (next, error) = (own(&wish.next), Some(error));
            let page = AskPage { frame: &frame, next, address: &address, invitation: token, error };
            return Ok(later(render_as(status, &frame, &page), after));
        }
    };
    let page = CodePage {
        frame: &frame,
        next: own(&wish.next),
        address: &address,
        challenge: begun.challenge.as_str(),
        invitation: token,
        sends: 1,
        resend_in: cooldown(&site, 1),
        error: None,
        notice: None,
    };
    let remember = site.cookies().set(site.cookies().browser(), begun.browser.as_str(), BROWSER_SECONDS);
    Ok((AppendHeaders([(header::SET_COOKIE, remember)]), render(&frame, &page)).into_response())
}

/// The answer to a request for a code on a server that sends none.
pub(super) fn no_codes(frame: &Frame) -> Response {
    render_as(StatusCode::CONFLICT, frame, &NoMailPage { frame })
}

/// The message when no code is sent, and after how many seconds to retry.
fn refusal(error: Error) -> Result<(StatusCode, String, u32), ApiError> {
    match error {
        Error::Address { why } => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, format!("That isn’t an e-mail address: {why}."), 0))
        }
        Error::TooMany { retry_after_seconds: s } => {
            let text = format!("Too many codes were requested or mistyped. Try again in {}.", words::wait(s));
            Ok((StatusCode::TOO_MANY_REQUESTS, text, s))
        }
        Error::CodesOff => Ok((StatusCode::FORBIDDEN, super::CODES_OFF.into(), 0)),
        other => Err(ApiError::internal(other)),
    }
}
