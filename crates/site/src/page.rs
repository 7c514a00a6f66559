//! Parts that all pages share: the frame around them, their headers, errors as pages.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use http_face::security::{self, Nonce};
use http_face::{ApiError, Refusal};
use identity::Action;

use crate::assets;
use crate::visitor::Visitor;

/// Plain names of the bundled files that templates use.
#[cfg(test)]
pub(crate) const FILES: [&str; 7] = [
    "upload.js",
    "site.js",
    "watch.js",
    "hls-engine.js",
    "site-style.css",
    "watch-style.css",
    "instrument-sans-latin-wght-normal.woff2",
];

/// The frame around a page.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Marks the page's own scripts and styles.
    pub(crate) nonce: Nonce,
    /// The main link that is lit: `/`, `/upload`, `/jobs`.
    pub(crate) here: &'static str,
    /// Address of the signed-in account.
    pub(crate) account: Option<String>,
    /// Whether the link to uploading is shown.
    pub(crate) uploads: bool,
    /// Whether the operator's links are shown.
    pub(crate) operator: bool,
    /// Whether they are reminded that the key ring exists only once.
    pub(crate) keys_at_risk: bool,
    /// Whether the visitor may manage people.
    pub(crate) people: bool,
}

impl Frame {
    /// The frame of a page for somebody, with the link `here` lit.
    pub(crate) fn new(visitor: &Visitor, here: &'static str) -> Self {
        Self {
            nonce: Nonce::generate(),
            here,
            account: visitor.account.as_ref().map(|account| account.address.as_str().to_owned()),
            uploads: visitor.may(Action::Upload),
            operator: visitor.may(Action::SeeJobs),
            keys_at_risk: visitor.keys_at_risk,
            people: visitor.may(Action::ManageAccounts),
        }
    }

    /// The address of a bundled file.
    pub(crate) fn file(&self, name: &str) -> String {
        assets::url(name)
    }

    /// Imports of a script.
    pub(crate) fn imports(&self, name: &str) -> Vec<String> {
        assets::imports(name)
    }
}

/// One of several, of which a form takes one.
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) chosen: bool,
}

/// Renders a page. Pages are personal: nobody keeps them.
pub(crate) fn render(frame: &Frame, page: &impl Template) -> Response {
    render_as(StatusCode::OK, frame, page)
}

/// Renders a page whose scripts may also reach one other origin.
pub(crate) fn render_reaching(origin: &str, frame: &Frame, page: &impl Template) -> Response {
    let mut response = render(frame, page);
    security::page_reaching(response.headers_mut(), &frame.nonce, origin);
    response
}

pub(crate) fn render_as(status: StatusCode, frame: &Frame, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => return ApiError::internal(error).into_response(),
    };
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    security::page(headers, &frame.nonce);
    response
}

/// Keeps a page's address to itself: it holds a secret, and browsers say it to whatever is asked for from there. The
/// origin they say on: without it a form that is sent from the page looks like another site's.
pub(crate) fn unnamed(mut response: Response) -> Response {
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
    response
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: &'a Frame,
    status: u16,
    headline: &'a str,
    message: &'a str,
    report: Option<String>,
    sign_in: Option<String>,
}

/// Turns an [`ApiError`]'s answer into a page that says the same.
pub(crate) fn of_refusal(refused: Response, visitor: &Visitor, path: &str) -> Response {
    let Some(Refusal { message, .. }) = refused.extensions().get::<Refusal>().cloned() else {
        return refused;
    };
    let status = refused.status();
    let frame = Frame::new(visitor, "");
    let guest = visitor.account.is_none();
    let asks = status == StatusCode::UNAUTHORIZED || guest && status == StatusCode::NOT_FOUND;
    let headline = match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::FORBIDDEN => "Not for you",
        StatusCode::UNAUTHORIZED => "Sign in to continue",
        StatusCode::TOO_MANY_REQUESTS => "Too many requests",
        _ if status.is_server_error() => "Something went wrong",
        _ => "Bad request",
    };
    let page = ErrorPage {
        frame: &frame,
        status: status.as_u16(),
        headline,
        message: &message,
        report: status
            .is_server_error()
            .then(http_face::request_id::current)
            .flatten()
            .map(|id| id.to_string()),
        sign_in: asks.then(|| crate::return_path::sign_in_address(path)),
    };
    let mut response = render_as(status, &frame, &page);
    if let Some(after) = refused.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    response
}
