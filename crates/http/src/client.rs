//! The client of a request, as far as the network tells.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

/// The viewer's address, as the edge saw it; `None` when nothing stands in front.
///
/// Only the last entry of `X-Forwarded-For` counts: the edge appends (or replaces) it, all before it is whatever the
/// client wrote. A face that reads this must not be reachable but through the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub Option<IpAddr>);

impl ClientIp {
    /// Reads the address from headers.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let last = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok());
        Self(last.and_then(|v| v.rsplit(',').next()).and_then(|v| v.trim().parse().ok()))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::from_headers(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hop_is_believed() {
        let check = |values: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            assert_eq!(ClientIp::from_headers(&headers).0, expected.map(|e| e.parse().unwrap()));
        };
        check(&[], None);
        check(&["192.0.2.1"], Some("192.0.2.1"));
        check(&["1.1.1.1, 192.0.2.1"], Some("192.0.2.1"));
        check(&["1.1.1.1", "2001:db8::7"], Some("2001:db8::7"));
        check(&["1.1.1.1, rubbish"], None);
    }
}
