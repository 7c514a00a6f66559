//! Answers that the edge makes itself.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use sign::Denied;

use crate::body::Body;
use crate::meter::Reason;

/// Why the edge does not hand a request on, or has nothing to hand back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    BadRequest(&'static str),
    Denied(Denied),
    NoBehaviour,
    /// The asset was deleted.
    Gone,
    /// It came without TLS where TLS is wanted.
    Plain,
    /// A signed behaviour is only read.
    Method,
    TargetTooLong,
    HeadTooLarge,
    /// The upstream failed.
    Upstream,
    /// The upstream took too long.
    UpstreamTimeout,
    /// Clients hold as much memory as they may.
    Crowded,
}

impl Refusal {
    /// What is counted.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::BadRequest(_) => Reason::Malformed,
            Self::Denied(_) => Reason::Signature,
            Self::NoBehaviour => Reason::NoBehaviour,
            Self::Gone => Reason::Deleted,
            Self::Plain => Reason::NoTls,
            Self::Method => Reason::Method,
            Self::TargetTooLong | Self::HeadTooLarge => Reason::TooLarge,
            Self::Upstream => Reason::UpstreamFailed,
            Self::UpstreamTimeout => Reason::UpstreamLate,
            Self::Crowded => Reason::Crowded,
        }
    }

    /// What the log says.
    pub(crate) fn words(self) -> String {
        match self {
            Self::BadRequest(why) => why.to_owned(),
            Self::Denied(denied) => denied.to_string(),
            Self::NoBehaviour => "no behaviour has this path".to_owned(),
            Self::Gone => "the title was deleted".to_owned(),
            Self::Plain => "it came without TLS".to_owned(),
            Self::Method => "the behaviour does not take this method".to_owned(),
            Self::TargetTooLong => "path and query are too long".to_owned(),
            Self::HeadTooLarge => "the header fields are too large".to_owned(),
            Self::Upstream => "the upstream failed".to_owned(),
            Self::UpstreamTimeout => "the upstream took too long".to_owned(),
            Self::Crowded => "clients hold as much memory as they may".to_owned(),
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let (status, text) = match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "Bad request\n"),
            Self::Denied(denied) => (StatusCode::FORBIDDEN, denied.xml()),
            Self::NoBehaviour | Self::Gone => (StatusCode::NOT_FOUND, "Not found\n"),
            Self::Plain => (StatusCode::FORBIDDEN, "Use https\n"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed\n"),
            Self::TargetTooLong => (StatusCode::URI_TOO_LONG, "Address too long\n"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Header fields too large\n"),
            Self::Upstream => (StatusCode::BAD_GATEWAY, "Bad gateway\n"),
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "Gateway timeout\n"),
            Self::Crowded => (StatusCode::SERVICE_UNAVAILABLE, "Come back in a moment\n"),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let kind = if matches!(self, Self::Denied(_)) { "text/xml" } else { "text/plain; charset=utf-8" };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self == Self::Method {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if self == Self::Crowded {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
