//! Bounds of one request.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use crate::ApiError;

/// Bounds of one request of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body in bytes that extractors read.
    pub body_bytes: usize,
    /// Longest time until the answer's head is ready; streaming the body afterwards is not counted.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 64 * 1024, time: Duration::from_secs(30) }
    }
}

pub(crate) fn apply<S: Clone + Send + Sync + 'static>(router: Router<S>, limits: Limits) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(from_fn(move |request, next| bounded(limits.time, request, next)))
}

/// Answers 503 after `time`, and 500 instead of a torn connection when a handler panics.
async fn bounded(time: Duration, request: Request, next: Next) -> Response {
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(time, run).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => ApiError::internal("a handler panicked").into_response(),
        Err(_elapsed) => {
            tracing::warn!(seconds = time.as_secs(), "request timed out");
            ApiError::unavailable("too_slow", "This took too long. Please try again.", 5).into_response()
        }
    }
}
