//! Bounds of one request.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::{ApiError, request_id};

/// For how many times its time a request that changes something may go on unseen.
const UNSEEN: u32 = 20;

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
    let is_read = request.method().is_safe();
    let run = whole(next.run(request));
    let answered = match is_read {
        true => timeout(time, run).await.ok(),
        false => timeout(time, to_its_end(time * UNSEEN, run)).await.ok().flatten(),
    };
    answered.unwrap_or_else(|| {
        tracing::warn!(seconds = time.as_secs(), "request timed out");
        ApiError::unavailable("too_slow", "This took too long. Please try again.", 5).into_response()
    })
}

async fn whole(run: impl Future<Output = Response>) -> Response {
    let run = AssertUnwindSafe(run).catch_unwind().await;
    run.unwrap_or_else(|_panic| ApiError::internal("a handler panicked").into_response())
}

/// Goes on when nobody waits any more: a client that leaves, or time that is up, must not tear apart what belongs
/// together, such as making a title private and ending its playbacks.
async fn to_its_end(
    longest: Duration,
    run: impl Future<Output = Response> + Send + 'static,
) -> Option<Response> {
    let run = request_id::carried(run).in_current_span();
    tokio::spawn(timeout(longest, run)).await.ok()?.ok()
}
