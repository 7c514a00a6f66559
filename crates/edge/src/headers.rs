//! Names of headers, and which of them end at the edge.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub(crate) const CDN_IDENTIFIER: HeaderName = HeaderName::from_static("x-mediapackage-cdnidentifier");
pub(crate) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Fields that concern one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that only the edge may say to an upstream.
const OURS: [HeaderName; 8] = [
    CDN_IDENTIFIER,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    X_REQUEST_ID,
    header::FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-forwarded-port"),
];

/// Removes the hop-by-hop fields, also those that `Connection` names.
pub(crate) fn end_connection(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            // Nobody may name away what the edge and the upstream rely on.
            .filter(|name| {
                *name != header::HOST && *name != header::CONTENT_LENGTH && *name != header::COOKIE
            })
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Removes what a client must not say in the edge's name.
pub(crate) fn remove_ours(headers: &mut HeaderMap) {
    for name in &OURS {
        headers.remove(name);
    }
}

/// Removes what an answer says for one viewer or one way only, so that it can be given to all.
pub(crate) fn make_common(headers: &mut HeaderMap) {
    end_connection(headers);
    for name in [
        header::SET_COOKIE,
        header::AGE,
        header::CONTENT_LENGTH,
        header::ACCEPT_RANGES,
        X_REQUEST_ID,
        X_CACHE,
        CACHE_STATUS,
        CDN_IDENTIFIER,
    ] {
        headers.remove(name);
    }
}

/// Removes what an answer that came for all must not say to the one who gets it.
pub(crate) fn make_own(headers: &mut HeaderMap) {
    end_connection(headers);
    headers.remove(header::SET_COOKIE);
    headers.remove(CDN_IDENTIFIER);
}

/// Tells browsers to come with TLS only (RFC 6797), for `seconds`; 0 says nothing.
pub(crate) fn come_with_tls(headers: &mut HeaderMap, seconds: u32) {
    if seconds > 0
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={seconds}"))
    {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}

/// Whether the comma-separated values of a header contain a token, whatever its case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// A header's value as text, if it stands there exactly once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Writes a number as a header's value.
pub(crate) fn number(n: u64) -> HeaderValue {
    HeaderValue::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_by_hop_fields_end_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop, Host, content-length"),
            ("x-hop", "1"),
            ("x-stays", "1"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("host", "h"),
            ("content-length", "3"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        end_connection(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host", "x-stays"]);
    }
}
