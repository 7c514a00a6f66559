//! Parts shared by all HTTP faces: one error shape, request ids, limits, slots and timeouts for connections, security
//! headers, the same-origin check.
//!
//! It knows no route, no page and no domain error: each face turns its own errors into [`ApiError`]. Nothing here
//! trusts a header a client can send, except where [`client`] says who put it there.
//!
//! ```
//! use axum::{Router, routing::get};
//! use http_face::{ApiError, Changes, Limits};
//!
//! async fn title() -> Result<&'static str, ApiError> {
//!     Err(ApiError::not_found("title_not_found", "Title not found."))
//! }
//! let routes = Router::new().route("/api/title", get(title));
//! let router: Router = http_face::wrap(routes, Limits::default(), Changes::default());
//! # let _ = router;
//! ```

mod changes;
pub mod client;
pub mod conditional;
pub mod door;
mod error;
mod limits;
pub mod origin;
mod redact;
pub mod request_id;
pub mod security;
pub mod slots;
pub mod take;

pub use changes::Changes;
pub use error::{ApiError, Problem, Refusal, Result, with_causes};
pub use limits::Limits;
pub use redact::without_secrets;
pub use request_id::RequestId;
pub use slots::ConnectionSlots;

use std::time::Duration;

use axum::Router;

/// Puts the shared layers around a face's routes: request id and span outermost, then headers that fit every
/// answer, then the time and body limits. Changes run in `changes`.
pub fn wrap<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    limits: Limits,
    changes: Changes,
) -> Router<S> {
    limits::apply(router, limits, changes)
        .layer(axum::middleware::from_fn(security::baseline))
        .layer(axum::middleware::from_fn(request_id::assign))
}

/// For a face of the machine itself, whose clients may wait for as long as it takes: only that what requests change goes
/// on in `changes`, for at most `longest`.
pub fn carry<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    longest: Duration,
    changes: Changes,
) -> Router<S> {
    limits::carry(router, longest, changes)
}
