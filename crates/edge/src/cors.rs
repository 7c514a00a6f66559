//! CORS: foreign pages that may read a behaviour's answers.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::body::Body;

const EXPOSED: &str =
    "Content-Length, Content-Range, ETag, Age, Date, Retry-After, X-Cache, Cache-Status, X-Request-Id";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The origins of one behaviour; none means that the edge says nothing about foreign pages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors {
    any: bool,
    origins: Vec<String>,
}

impl Cors {
    pub(crate) fn new(origins: &[String]) -> Self {
        let any = origins.iter().any(|origin| origin == "*");
        Self { any, origins: origins.iter().filter(|origin| *origin != "*").cloned().collect() }
    }

    fn is_silent(&self) -> bool {
        !self.any && self.origins.is_empty()
    }

    /// Answers a preflight; `None` if the request is not a preflight, or if the upstream decides.
    pub(crate) fn preflight(&self, parts: &Parts) -> Option<Response<Body>> {
        let asked = parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asked || self.is_silent() {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Range, If-Range, If-None-Match, If-Modified-Since"),
        );
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        Some(response)
    }

    /// Lets the page of `origin` read the answer if it may, and removes what the upstream said about it.
    pub(crate) fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.is_silent() {
            return;
        }
        for name in
            [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS]
        {
            headers.remove(name);
        }
        let Some(origin) = origin else {
            self.vary(headers);
            return;
        };
        if self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes()) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.any {
            // Anyone may read, but nobody with a viewer's cookies.
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            self.vary(headers);
            return;
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        self.vary(headers);
    }

    /// Answers that depend on the origin say so to caches behind us.
    fn vary(&self, headers: &mut HeaderMap) {
        if !self.origins.is_empty() {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_may_read() {
        let check =
            |listed: &[&str], origin: Option<&'static str>, allowed: Option<&str>, credentials: bool| {
                let cors = Cors::new(&listed.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>());
                let mut headers = HeaderMap::new();
                if !listed.is_empty() {
                    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("upstream"));
                }
                cors.apply(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
                let got = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|v| v.to_str().unwrap());
                assert_eq!(got, allowed, "{listed:?} {origin:?}");
                assert_eq!(headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), credentials);
            };
        check(&[], Some("https://a"), None, false);
        check(&["https://a"], Some("https://a"), Some("https://a"), true);
        check(&["https://a"], Some("https://b"), None, false);
        check(&["https://a"], Some("https://a.b"), None, false);
        check(&["https://a"], None, None, false);
        check(&["*"], Some("https://b"), Some("*"), false);
        check(&["*", "https://a"], Some("https://a"), Some("https://a"), true);
        check(&["https://a"], Some("null"), None, false);
    }
}
