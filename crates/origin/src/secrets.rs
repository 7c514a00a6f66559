//! CDN authorization: only who knows the secret is answered (MediaPackage VOD's CDN identifier).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName};
use http_face::ApiError;
use tokio::sync::watch;

/// The header that carries the secret.
pub const HEADER: HeaderName = HeaderName::from_static("x-mediapackage-cdnidentifier");

/// The values that are accepted now; an empty one matches nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The secret that the edge sends.
    pub current: Arc<str>,
    /// The secret before the last rotation or, during one, the next secret.
    pub other: Option<Arc<str>>,
}

impl Secrets {
    /// Whether the header shows one of the values. The time it takes does not tell where they differ.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(shown), None) = (values.next(), values.next()) else { return false };
        let same = |secret: &str| {
            !secret.is_empty() && verify_slices_are_equal(shown.as_bytes(), secret.as_bytes()).is_ok()
        };
        same(&self.current) | self.other.as_deref().is_some_and(same)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// Middleware before everything else: 403 without the secret, whatever the path.
pub(crate) async fn guard(
    State(secrets): State<watch::Receiver<Secrets>>,
    request: Request,
    next: Next,
) -> Response {
    let admitted = secrets.borrow().admit(request.headers());
    if admitted {
        return next.run(request).await;
    }
    ApiError::forbidden("cdn_authorization", "This address only answers the edge.").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(current: &str, other: Option<&str>, shown: &[&str]) -> bool {
        let secrets = Secrets { current: current.into(), other: other.map(Into::into) };
        let headers = shown.iter().map(|value| (HEADER, value.parse().unwrap())).collect();
        secrets.admit(&headers)
    }

    #[test]
    fn the_current_and_the_other_value_are_admitted() {
        assert!(admits("current1", None, &["current1"]));
        assert!(admits("current1", Some("earlier1"), &["earlier1"]));
        for shown in [&[][..], &[""], &["current"], &["current12"], &["Current1"], &["current1", "current1"]]
        {
            assert!(!admits("current1", Some("earlier1"), shown), "{shown:?}");
        }
        assert!(!admits("", None, &[""]));
        assert!(!admits("", Some(""), &[""]));
    }

    #[test]
    fn secrets_are_not_printed() {
        let secrets = Secrets { current: "hunter2hunter2".into(), other: None };
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
    }
}
