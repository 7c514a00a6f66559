//! The responses to requests that the edge refuses.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::refusal::Refusal;

impl Refusal {
    /// The response with the words that the client may read.
    pub(crate) fn response(self) -> Response<Body> {
        let (status, text) = match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "Bad request\n"),
            Self::Denied(denied) => (StatusCode::FORBIDDEN, denied.xml()),
            Self::TooManyWrong => (StatusCode::TOO_MANY_REQUESTS, "Too many wrong signatures\n"),
            Self::NoBehaviour | Self::Gone => (StatusCode::NOT_FOUND, "Not found\n"),
            Self::Plain => (StatusCode::FORBIDDEN, "Use https\n"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed\n"),
            Self::TargetTooLong => (StatusCode::URI_TOO_LONG, "Address too long\n"),
            Self::HeadTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Header fields too large\n"),
            Self::Upstream => (StatusCode::BAD_GATEWAY, "Bad gateway\n"),
            Self::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, "Gateway timeout\n"),
            Self::Crowded => (StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment\n"),
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
        if matches!(self, Self::Crowded | Self::TooManyWrong) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
