//! JSON answers of the API. What they say is personal and of this moment: nobody keeps them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

/// A list that goes on at `next`, if there is more.
#[derive(Serialize)]
pub(crate) struct Items<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T> Items<T> {
    /// A list that is whole.
    pub(crate) fn all(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page of a list.
    pub(crate) fn page(items: Vec<T>, next: Option<impl ToString>) -> Self {
        Self { items, next: next.map(|next| next.to_string()) }
    }
}

/// Answers what there is.
pub(crate) fn fresh(body: &impl Serialize) -> Response {
    fresh_as(StatusCode::OK, body)
}

/// Answers what was made.
pub(crate) fn made(body: &impl Serialize) -> Response {
    fresh_as(StatusCode::CREATED, body)
}

fn fresh_as(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "private, no-store")], Json(body)).into_response()
}
