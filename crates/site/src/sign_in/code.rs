//! The page that asks for the code: checking it, sending it again.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use http_face::client::ClientIp;
use http_face::{ApiError, take};
use identity::Error;
use identity::challenge::Answer;
use identity::token::{ChallengeId, InviteToken};
use serde::Deserialize;

use super::ask::{AskPage, no_codes};
use super::{browser, enter, later};
use crate::page::{Frame, render, render_as};
use crate::return_path::{own, sign_in_address};
use crate::visitor::Visitor;
use crate::{Site, words};

#[derive(Template)]
#[template(path = "code.html")]
pub(super) struct CodePage<'a> {
    pub(super) frame: &'a Frame,
    pub(super) next: &'a str,
    pub(super) address: &'a str,
    pub(super) challenge: &'a str,
    /// The token of the open invitation that brought them, or nothing.
    pub(super) invitation: &'a str,
    /// How often a code was asked for in this form.
    pub(super) sends: u32,
    /// Seconds until it may be asked for again.
    pub(super) resend_in: u32,
    pub(super) error: Option<String>,
    pub(super) notice: Option<&'static str>,
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
    #[serde(default)]
    invitation: String,
}

impl CodePage<'_> {
    /// URL of the form for another address; an invitation stays valid there.
    fn another(&self) -> String {
        match self.invitation {
            "" => sign_in_address(self.next),
            token => format!("/invite/{token}"),
        }
    }
}

impl Typed {
    /// The token of an invitation, if it looks like one, or nothing.
    fn invitation(&self) -> &str {
        InviteToken::parse(&self.invitation).map_or("", |_| &self.invitation)
    }

    fn page<'a>(&'a self, frame: &'a Frame, resend_in: u32) -> CodePage<'a> {
        let (next, sends) = (own(&self.next), self.sends.clamp(1, 10));
        let (address, challenge) = (self.address.as_str(), self.challenge.as_str());
        let invitation = self.invitation();
        CodePage { frame, next, address, challenge, invitation, sends, resend_in, error: None, notice: None }
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
    let device = super::device(&headers, ip);
    let result = match (ChallengeId::parse(&typed.challenge), browser(&site, &headers)) {
        (Some(challenge), Some(browser)) => {
            let (challenge, browser) = (&challenge, &browser);
            let answer = Answer { challenge, browser, code: &digits, device: &device, now: site.now() };
            site.identity().verify(&answer).await
        }
        _ => Err(Error::Stale),
    };
    let refused = match result {
        Ok(signed_in) => return enter(&site, &signed_in, own(&typed.next)).await,
        Err(Error::WrongCode { left }) if left > 0 => {
            let tries = if left == 1 { "1 try is".to_owned() } else { format!("{left} tries are") };
            (StatusCode::UNPROCESSABLE_ENTITY, format!("That code is incorrect. {tries} left."), 0)
        }
        Err(Error::WrongCode { .. } | Error::Stale) => {
            return Ok(start_over(&frame, &typed, "This code has expired. Request a new one."));
        }
        Err(Error::CodesOff) => return Ok(start_over(&frame, &typed, super::CODES_OFF)),
        Err(Error::Invitation) => return Ok(super::invite::over(&frame)),
        Err(Error::TooMany { retry_after_seconds: s }) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many wrong codes. Try again in {}.", words::wait(s)),
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
    headers: HeaderMap,
    take::Form(typed): take::Form<Typed>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&visitor, "");
    if !site.config().codes {
        return Ok(no_codes(&frame));
    }
    let result = match (ChallengeId::parse(&typed.challenge), browser(&site, &headers)) {
        (Some(challenge), Some(browser)) => site.identity().resend(&challenge, &browser, site.now()).await,
        _ => Err(Error::Stale),
    };
    match result {
        Ok(()) => {
            let sends = typed.sends.clamp(1, 10) + 1;
            let notice = Some("We’ve sent the same code again.");
            let page = CodePage { notice, sends, ..typed.page(&frame, cooldown(&site, sends)) };
            Ok(render(&frame, &page))
        }
        Err(Error::TooMany { retry_after_seconds: s }) => {
            let error = Some(format!("You can resend the code in {}.", words::wait(s)));
            let page = CodePage { error, ..typed.page(&frame, s) };
            Ok(later(render_as(StatusCode::TOO_MANY_REQUESTS, &frame, &page), s))
        }
        Err(Error::Stale) => {
            Ok(start_over(&frame, &typed, "This code can’t be sent again. Request a new one."))
        }
        Err(other) => Err(ApiError::internal(other)),
    }
}

/// The first page again, with the reason.
fn start_over(frame: &Frame, typed: &Typed, error: &str) -> Response {
    let (next, address, error) = (own(&typed.next), typed.address.as_str(), Some(error.to_owned()));
    let page = AskPage { frame, next, address, invitation: typed.invitation(), error };
    render_as(StatusCode::UNPROCESSABLE_ENTITY, frame, &page)
}

/// Seconds until a code may be sent again after the `sends`th time.
pub(super) fn cooldown(site: &Site, sends: u32) -> u32 {
    let pauses = site.identity().config().limits.cooldown_seconds;
    let at = usize::try_from(sends.saturating_sub(1)).unwrap_or(usize::MAX).min(pauses.len() - 1);
    pauses[at]
}
