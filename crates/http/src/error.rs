//! The one error of HTTP faces.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::Chain;
use serde::{Deserialize, Serialize};

use crate::request_id;

/// Shorthand for results of handlers.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// An answer that is not what was asked for: status, stable code and a text that is safe to show.
///
/// The cause, if there is one, goes to the log with the request's id and never to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    retry_after_s: Option<u32>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The JSON body of an [`ApiError`]: RFC 9457 problem details (`application/problem+json`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// The status's standard phrase.
    pub title: String,
    /// The status code again, for clients that only see the body.
    pub status: u16,
    /// A stable word programs can match on: `title_not_found`.
    pub code: String,
    /// The problem and what to do, in a sentence for people.
    pub detail: String,
    /// The id to quote in a report; equal to the header `X-Request-Id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The cause, only for the user that runs the installation ([`with_causes`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// The content of an [`ApiError`], left in the answer's extensions, so that a face of pages can show it as a page.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The stable code.
    pub code: &'static str,
    /// The sentence for people.
    pub message: Cow<'static, str>,
    /// The cause with its own causes, which is not sent.
    cause: Option<String>,
}

impl Refusal {
    fn problem(&self, status: StatusCode) -> Problem {
        Problem {
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: self.code.to_owned(),
            detail: self.message.to_string(),
            request_id: request_id::current().map(|id| id.to_string()),
            cause: None,
        }
    }
}

/// Middleware for a face of the machine itself, whose clients may see causes: adds them to refusals.
pub async fn with_causes(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let Some(refusal) = response.extensions().get::<Refusal>().filter(|r| r.cause.is_some()) else {
        return response;
    };
    let problem = Problem { cause: refusal.cause.clone(), ..refusal.problem(response.status()) };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, serde_json::to_vec(&problem).unwrap_or_default().into())
}

impl ApiError {
    /// Makes an error of a status, a stable code and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None, cause: None }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401: nobody is signed in.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign_in_required", "Sign in to continue.")
    }

    /// 403: who is signed in may not do this.
    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404: it does not exist, or not for this person.
    pub fn not_found(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409: it cannot be done in the present state.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 429: too often; may be asked again after `wait`, which is told in whole seconds.
    pub fn too_many(wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        let message = format!("Too many requests. Try again in {seconds} s.");
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message);
        Self { retry_after_s: Some(seconds), ..error }
    }

    /// 503: not now; may be asked again after `retry_after_s` seconds.
    pub fn unavailable(
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        retry_after_s: u32,
    ) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        Self { retry_after_s: Some(retry_after_s), ..error }
    }

    /// 507: there is no space on a disk. `cause` is logged.
    pub fn no_room(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "There isn't enough free space. Ask an administrator to free some.";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "no_room", message).caused_by(cause)
    }

    /// A fault of ours. `cause` is logged with the request id and not sent; it says whether this passes: 507 where a
    /// disk is full, 503 where the database is away or busy, else 500.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let cause = cause.into();
        if model::fault::is_full(&*cause) {
            return Self::no_room(cause);
        }
        if model::fault::is_retryable(&*cause) {
            // Other answers of 503 are everyday; this is a fault that somebody will look for.
            tracing::warn!(cause = %Chain(&*cause), "the database is unreachable or busy");
            return Self::unavailable("busy", "This can't be done right now. Try again.", 1).caused_by(cause);
        }
        let message =
            "Something went wrong on our side. Try again; if it keeps happening, report the request ID.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).caused_by(cause)
    }

    /// Adds the cause, for the log only.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the cause to the log: `error` for faults of ours, `debug` for refusals.
    pub fn log(&self) {
        let cause = self.cause.as_ref().map(|cause| Chain(&**cause).to_string());
        let status = self.status.as_u16();
        if self.status.is_server_error() && self.status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(status, code = self.code, cause, "request failed");
        } else {
            tracing::debug!(status, code = self.code, cause, "request refused");
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let cause = self.cause.as_ref().map(|cause| Chain(&**cause).to_string());
        let refusal = Refusal { code: self.code, message: self.message, cause };
        let body = serde_json::to_vec(&refusal.problem(self.status)).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(refusal);
        response
    }
}

#[cfg(test)]
mod tests {
    use model::fault::{Fault, Kind};

    use super::*;

    #[test]
    fn causes_are_not_sent() {
        let error = ApiError::internal(std::io::Error::other("password=hunter2"));
        assert!(!error.message().contains("hunter2"));
        let response = error.into_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn what_passes_is_no_fault() {
        #[derive(Debug, thiserror::Error)]
        #[error("the catalogue")]
        struct Above(#[source] std::io::Error);
        let status = |kind| ApiError::internal(Above(std::io::Error::from(kind))).status();
        assert_eq!(status(std::io::ErrorKind::StorageFull), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(status(std::io::ErrorKind::QuotaExceeded), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(status(std::io::ErrorKind::NotFound), StatusCode::INTERNAL_SERVER_ERROR);
        let status = |kind| ApiError::internal(Fault::new(kind, "the database's answer")).status();
        assert_eq!(status(Kind::Full), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(status(Kind::Passing), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(Kind::Lasting), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn waiting_times_become_a_header() {
        let response = ApiError::unavailable("not_yet", "The chunk is being made.", 3).into_response();
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.headers()["cache-control"], "no-store");
        for (ms, seconds) in [(0, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            let response = ApiError::too_many(Duration::from_millis(ms)).into_response();
            assert_eq!(
                (response.status().as_u16(), &response.headers()["retry-after"]),
                (429, &seconds.parse().unwrap())
            );
        }
    }
}
