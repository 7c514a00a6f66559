//! One id per request, in the header, the log and every error.
//!
//! The edge gives each request its id and lets no client choose it; a face that stands alone makes its own. So a face
//! that reads it must not be reachable but through the edge.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument as _;

/// The header that carries the id in answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of a request: what the edge gave it, else 64 random bits as 16 lower-case hex digits, short enough to be
/// read out.
///
/// Handlers find it in the request's extensions; [`current`] finds it anywhere below them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    fn generate() -> Self {
        // The halves of a random UUID hold six fixed bits between them, which the other half's random bits hide.
        let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
        Self(format!("{:016x}", high ^ low.rotate_left(7)).into())
    }

    /// Takes the id that stands in a request once, if it can be one.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let text = value.to_str().ok()?;
        is_id(text).then(|| Self(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text from elsewhere can be an id: 8 to 64 letters, digits, `-` or `_`, nothing that could mean something else
/// in a log.
pub fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The id of the request this task answers, if it is inside [`assign`].
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(RequestId::clone).ok()
}

/// Runs elsewhere under the id of the request that this task answers.
pub(crate) fn carried<T>(run: impl Future<Output = T>) -> impl Future<Output = T> {
    let id = current();
    async {
        match id {
            Some(id) => CURRENT.scope(id, run).await,
            None => run.await,
        }
    }
}

/// Middleware: gives the request an id and a span and writes the id into the answer.
///
/// The span names the route's pattern and never the path: paths carry sign-in and playback tokens.
pub async fn assign(mut request: Request, next: Next) -> Response {
    let id = RequestId::given(request.headers()).unwrap_or_else(RequestId::generate);
    request.headers_mut().remove(HEADER);
    request.extensions_mut().insert(id.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    // Of the highest level, so that every line of a request has its id, however few lines are wanted.
    let span = tracing::error_span!(
        "request",
        %id,
        method = %request.method(),
        route = route.as_ref().map_or("-", MatchedPath::as_str),
    );
    let begun = std::time::Instant::now();
    let answer = async {
        let response = next.run(request).await;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(status = response.status().as_u16(), ms, "answered");
        response
    };
    let mut response = CURRENT.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
