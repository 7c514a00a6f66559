//! Headers that tell browsers what a page may do: strict by default, the same for every face.

use std::fmt;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A random value that marks the scripts and styles of one answer as ours (CSP 3 §8.3).
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Makes 122 random bits as 32 hex digits.
    pub fn generate() -> Self {
        Self(uuid::Uuid::new_v4().as_simple().to_string())
    }

    /// Borrows the text for the `nonce` attribute.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

const CSP: HeaderName = header::CONTENT_SECURITY_POLICY;

/// For answers that are no page: nothing may run, load or frame.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     microphone=(), midi=(), payment=(), usb=(), browsing-topics=(), \
     autoplay=(self), fullscreen=(self), picture-in-picture=(self)";

/// Middleware: headers that fit every answer. What a handler set itself stays.
pub async fn baseline(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    default(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(headers, header::REFERRER_POLICY, "same-origin");
    default(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    default(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    default(headers, HeaderName::from_static("permissions-policy"), PERMISSIONS);
    default(headers, CSP, NOTHING);
    response
}

/// Sets the policy of a page whose own scripts and styles carry `nonce`. No other host, no inline code, no `eval`,
/// no frame around or inside it; media may come from Media Source (`blob:`), and tracks for captions may begin empty (`data:`).
pub fn page(headers: &mut HeaderMap, nonce: &Nonce) {
    policy(headers, nonce, "'self'");
}

/// [`page`], whose scripts may also send to and fetch from `origin` (`https://host[:port]`).
pub fn page_reaching(headers: &mut HeaderMap, nonce: &Nonce, origin: &str) {
    policy(headers, nonce, &format!("'self' {origin}"));
}

fn policy(headers: &mut HeaderMap, nonce: &Nonce, connect: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; media-src 'self' blob: data:; connect-src {connect}; manifest-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(CSP, value);
    }
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_only_what_carries_its_nonce() {
        let mut headers = HeaderMap::new();
        let nonce = Nonce::generate();
        page(&mut headers, &nonce);
        let policy = headers[CSP].to_str().unwrap();
        assert!(policy.contains(&format!("script-src 'nonce-{nonce}';")));
        assert!(policy.contains("connect-src 'self';"));
        assert!(!policy.contains("unsafe"));
        assert_ne!(nonce, Nonce::generate());
        page_reaching(&mut headers, &nonce, "https://s3.example");
        assert!(headers[CSP].to_str().unwrap().contains("connect-src 'self' https://s3.example;"));
    }
}
