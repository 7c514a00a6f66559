//! The defence against forged requests: state changes only come from our own pages.
//!
//! Browsers send `Sec-Fetch-Site` and `Origin` and no page can forge them (Fetch §2.2.2 forbidden headers). A request
//! with neither is not from a browser that carries somebody's cookies without their knowledge – but a state change
//! with a session cookie and without both headers is refused all the same: every browser that can play sends one.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};

use crate::ApiError;

/// Refuses a state change that another site's page asked for. `own` is the public origin (`https://host[:port]`).
///
/// # Errors
/// 403 `cross_site`.
pub fn check(method: &Method, headers: &HeaderMap, own: &str) -> Result<(), ApiError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let same = match (text("sec-fetch-site"), text("origin")) {
        // `none`: typed by the person. Older Safari sends no Sec-Fetch-Site, so Origin decides there.
        (Some("same-origin" | "none"), _) => true,
        (Some(_), _) => false,
        (None, Some(origin)) => origin == own || is_host_of(origin, headers),
        (None, None) => !headers.contains_key(header::COOKIE),
    };
    if same {
        return Ok(());
    }
    Err(ApiError::forbidden("cross_site", "This request came from another site and was refused."))
}

/// Middleware around all routes of a face: [`check`] before anything else runs.
///
/// ```
/// use std::sync::Arc;
/// let own: Arc<str> = "https://kinora.example".into();
/// let guard = axum::middleware::from_fn(move |request, next| http_face::origin::guard(own.clone(), request, next));
/// let router: axum::Router = axum::Router::new().layer(guard);
/// # let _ = router;
/// ```
pub async fn guard(own: Arc<str>, request: Request, next: Next) -> Response {
    match check(request.method(), request.headers(), &own) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Whether an origin names the host the request was sent to: the same machine under another of its names.
fn is_host_of(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some() && host == named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: &Method, pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
        check(method, &headers, "https://kinora.example").is_ok()
    }

    #[test]
    fn reading_is_always_allowed() {
        assert!(allowed(&Method::GET, &[("sec-fetch-site", "cross-site"), ("cookie", "a=b")]));
    }

    #[test]
    fn only_our_own_pages_change_state() {
        let post = |pairs: &[(&'static str, &str)]| allowed(&Method::POST, pairs);
        assert!(post(&[("sec-fetch-site", "same-origin")]));
        assert!(!post(&[("sec-fetch-site", "same-site")]));
        assert!(!post(&[("sec-fetch-site", "cross-site"), ("origin", "https://kinora.example")]));
        assert!(post(&[("origin", "https://kinora.example"), ("cookie", "a=b")]));
        assert!(post(&[("origin", "http://10.0.0.7:8080"), ("host", "10.0.0.7:8080"), ("cookie", "a=b")]));
        assert!(!post(&[("origin", "https://evil.example"), ("host", "kinora.example")]));
        assert!(!post(&[("origin", "null"), ("host", "kinora.example")]));
        assert!(!post(&[("cookie", "a=b")]));
        assert!(post(&[]));
    }
}
