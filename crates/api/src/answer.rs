//! Answers of the API. What they say is personal and of this moment: nobody caches them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

/// A page of a list; the next page begins at `next`, if there may be more.
#[derive(Debug, Serialize, Deserialize)]
pub struct Items<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// To be passed as `before` or `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Items<T> {
    /// A list that is whole.
    pub fn all(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A page of a list.
    pub fn page(items: Vec<T>, next: Option<impl ToString>) -> Self {
        Self { items, next: next.map(|next| next.to_string()) }
    }
}

/// Cuts a list, of which one row more than fits a page was asked for, to the page; answers whether there is more.
pub fn cut<T>(rows: &mut Vec<T>, page: u32) -> bool {
    let most = page as usize;
    let more = rows.len() > most;
    rows.truncate(most);
    more
}

/// 200 with what there is.
#[derive(Debug)]
pub struct Fresh<T>(pub T);

/// 201 with what was made.
#[derive(Debug)]
pub struct Made<T>(pub T);

/// 204: done, and there is nothing to say.
#[derive(Debug)]
pub struct Done;

impl<T: Serialize> IntoResponse for Fresh<T> {
    fn into_response(self) -> Response {
        private(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        private(StatusCode::CREATED, &self.0)
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// An answer in JSON that is not cached.
pub fn private(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "private, no-store")], Json(body)).into_response()
}
