//! Bounds of one request.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use tokio::time::timeout;

use crate::{ApiError, Changes, take};

/// Multiple of its timeout for which a change may continue after its client has left.
const UNSEEN: u32 = 20;

/// Bounds of one request of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body in bytes that is read.
    pub body_bytes: usize,
    /// Longest time until the request's body was read and the answer's head is ready; streaming the answer's body
    /// afterwards is not counted.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 64 * 1024, time: Duration::from_secs(30) }
    }
}

pub(crate) fn apply<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    limits: Limits,
    changes: Changes,
) -> Router<S> {
    router
        .layer(from_fn(move |request, next| bounded(limits.time, changes.clone(), request, next)))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
}

/// Answers 503 after `time`, and 500 instead of a torn connection when a handler panics.
async fn bounded(time: Duration, changes: Changes, request: Request, next: Next) -> Response {
    let answered = match request.method().is_safe() {
        true => timeout(time, whole(next.run(request))).await.ok(),
        false => timeout(time, change(time * UNSEEN, &changes, request, next)).await.ok().flatten(),
    };
    answered.unwrap_or_else(|| {
        tracing::warn!(seconds = time.as_secs(), "request timed out");
        ApiError::unavailable("too_slow", "This took too long. Try again.", 5).into_response()
    })
}

pub(crate) fn carry<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    longest: Duration,
    changes: Changes,
) -> Router<S> {
    router.layer(from_fn(move |request, next| carried(longest, changes.clone(), request, next)))
}

/// Answers 503 when a change was aborted, and 500 instead of a torn connection when a handler panics.
async fn carried(longest: Duration, changes: Changes, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return whole(next.run(request)).await;
    }
    change(longest, &changes, request, next).await.unwrap_or_else(|| {
        ApiError::unavailable("broken_off", "The request was interrupted. Try again.", 5).into_response()
    })
}

async fn whole(run: impl Future<Output = Response>) -> Response {
    let run = AssertUnwindSafe(run).catch_unwind().await;
    run.unwrap_or_else(|_panic| ApiError::internal("a handler panicked").into_response())
}

/// Reads the body while its client is there, so that nobody holds a change up by sending slowly, and then runs what is to
/// be changed to its end.
async fn change(longest: Duration, changes: &Changes, request: Request, next: Next) -> Option<Response> {
    let (parts, body) = request.into_parts();
    match Bytes::from_request(Request::from_parts(parts.clone(), body), &()).await {
        Ok(body) => {
            let request = Request::from_parts(parts, body.into());
            changes.carry(longest, async { whole(next.run(request)).await }).await
        }
        Err(refused) => Some(take::refused(refused.status(), refused.body_text()).into_response()),
    }
}
