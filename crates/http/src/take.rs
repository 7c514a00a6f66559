//! axum's extractors with our errors: what cannot be read is an [`ApiError`] and not a line of plain text.

use axum::extract::rejection::{FormRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A form's body (`application/x-www-form-urlencoded`).
#[derive(Debug, Clone, Copy)]
pub struct Form<T>(pub T);

/// The query of the address.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let taken = axum::Json::from_request(request, state).await;
        taken
            .map(|axum::Json(value)| Self(value))
            .map_err(|e: JsonRejection| refused(e.status(), e.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let taken = axum::Form::from_request(request, state).await;
        taken
            .map(|axum::Form(value)| Self(value))
            .map_err(|e: FormRejection| refused(e.status(), e.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let taken = axum::extract::Query::from_request_parts(parts, state).await;
        let refusal = |e: QueryRejection| refused(e.status(), e.body_text());
        taken.map(|axum::extract::Query(value)| Self(value)).map_err(refusal)
    }
}

pub(crate) fn refused(status: StatusCode, why: String) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "too_large", "The request is too large."),
        _ => ApiError::new(status, "bad_request", "The request can't be read.").caused_by(why),
    }
}
