//! Client address, scheme and host of a request: from the connection, or from a trusted proxy's headers.

use std::net::IpAddr;

use http::request::Parts;
use http::{Version, header};
use http_face::door::Peer;
use model::Cidr;

use crate::headers::{self, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::refusal::Refusal;

/// A request's sender and the place it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Viewer<'a> {
    pub(crate) address: IpAddr,
    pub(crate) scheme: &'static str,
    /// Host and port as the client wrote them.
    pub(crate) host: &'a str,
}

impl<'a> Viewer<'a> {
    pub(crate) fn of(parts: &'a Parts, peer: Peer, trusted: &[Cidr]) -> Result<Self, Refusal> {
        let direct = if peer.tls { "https" } else { "http" };
        let own = host_of(parts)?;
        if !peer.is_trusted(trusted) {
            return Ok(Self { address: peer.address, scheme: direct, host: own });
        }
        let scheme = match headers::only(&parts.headers, &X_FORWARDED_PROTO) {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            Some(_) => "http",
            None => direct,
        };
        let host =
            headers::only(&parts.headers, &X_FORWARDED_HOST).filter(|host| is_host(host)).unwrap_or(own);
        Ok(Self { address: forwarded_for(parts, peer.address, trusted), scheme, host })
    }

    /// The address without the part that tells one household from the next: /24 or /48.
    pub(crate) fn truncated(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) & 0xffff_ff00).into()),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !0 << 80).into()),
        }
    }
}

/// The last address that no trusted proxy wrote about itself; everything left of it is the client's word.
fn forwarded_for(parts: &Parts, peer: IpAddr, trusted: &[Cidr]) -> IpAddr {
    let mut address = peer;
    let values: Vec<&str> =
        parts.headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        address = hop.to_canonical();
        if !trusted.iter().any(|range| range.contains(address)) {
            break;
        }
    }
    address
}

fn host_of(parts: &Parts) -> Result<&str, Refusal> {
    let named = parts.uri.authority().map(http::uri::Authority::as_str);
    let mut fields = parts.headers.get_all(header::HOST).iter();
    let field = fields.next().map(|value| value.to_str().map_err(|_| Refusal::BadRequest("unreadable Host")));
    let field = field.transpose()?;
    if fields.next().is_some() {
        return Err(Refusal::BadRequest("more than one Host"));
    }
    let host = match (named, field) {
        (Some(named), Some(field)) if parts.version == Version::HTTP_2 && named != field => {
            return Err(Refusal::BadRequest("Host and :authority differ"));
        }
        (Some(named), _) => named,
        (None, Some(field)) => field,
        (None, None) if parts.version <= Version::HTTP_10 => "",
        (None, None) => return Err(Refusal::BadRequest("no Host")),
    };
    if is_host(host) || (host.is_empty() && parts.version <= Version::HTTP_10) {
        Ok(host)
    } else {
        Err(Refusal::BadRequest("not a Host"))
    }
}

/// Whether a text can be a host with or without a port; user names and paths are not accepted.
fn is_host(host: &str) -> bool {
    (1..=300).contains(&host.len())
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/a");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn peer_of(address: &str, tls: bool) -> Peer {
        Peer { address: address.parse::<IpAddr>().unwrap().to_canonical(), tls }
    }

    #[test]
    fn the_scheme_is_the_connections_unless_a_proxy_says_otherwise() {
        let trusted: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let check = |peer: &str, tls: bool, said: &[(&str, &str)], expected: &str| {
            let fields: Vec<_> = [("host", "h")].iter().chain(said).copied().collect();
            let parts = parts(&fields);
            assert_eq!(
                Viewer::of(&parts, peer_of(peer, tls), &trusted).unwrap().scheme,
                expected,
                "{peer} {said:?}"
            );
        };
        check("192.0.2.1", true, &[("x-forwarded-proto", "http")], "https");
        check("192.0.2.1", false, &[("x-forwarded-proto", "https")], "http");
        check("10.0.0.1", true, &[("x-forwarded-proto", "http")], "http");
        check("10.0.0.1", true, &[], "https");
        check("10.0.0.1", false, &[], "http");
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let fields = [
            ("host", "inner:8080"),
            ("x-forwarded-for", "198.51.100.1, 203.0.113.5, 10.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "films.example"),
        ];
        let parts = parts(&fields);
        let trusted: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str| {
            let viewer = Viewer::of(&parts, peer_of(peer, false), &trusted).unwrap();
            (viewer.address.to_string(), viewer.scheme, viewer.host)
        };
        assert_eq!(of("10.0.0.1"), ("203.0.113.5".into(), "https", "films.example"));
        assert_eq!(of("::ffff:10.0.0.1"), ("203.0.113.5".into(), "https", "films.example"));
        assert_eq!(of("192.0.2.9"), ("192.0.2.9".into(), "http", "inner:8080"));
    }

    #[test]
    fn what_a_proxy_says_badly_is_not_believed() {
        let trusted: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let check = |fields: &[(&str, &str)], expected: (&str, &str, &str)| {
            let parts = parts(fields);
            let viewer = Viewer::of(&parts, peer_of("10.0.0.1", false), &trusted).unwrap();
            assert_eq!(
                (viewer.address.to_string().as_str(), viewer.scheme, viewer.host),
                expected,
                "{fields:?}"
            );
        };
        check(&[("host", "h")], ("10.0.0.1", "http", "h"));
        check(&[("host", "h"), ("x-forwarded-for", "x, y")], ("10.0.0.1", "http", "h"));
        check(&[("host", "h"), ("x-forwarded-for", "10.9.9.9")], ("10.9.9.9", "http", "h"));
        check(&[("host", "h"), ("x-forwarded-proto", "ftp")], ("10.0.0.1", "http", "h"));
        check(
            &[("host", "h"), ("x-forwarded-host", "a"), ("x-forwarded-host", "b")],
            ("10.0.0.1", "http", "h"),
        );
        check(&[("host", "h"), ("x-forwarded-host", "a/b")], ("10.0.0.1", "http", "h"));
    }

    #[test]
    fn there_is_exactly_one_host() {
        let of = |fields: &[(&str, &str)]| {
            Viewer::of(&parts(fields), peer_of("127.0.0.1", false), &[]).map(|v| v.host.to_owned())
        };
        assert_eq!(of(&[("host", "[::1]:8080")]), Ok("[::1]:8080".into()));
        for bad in [
            &[][..],
            &[("host", "a"), ("host", "a")],
            &[("host", "")],
            &[("host", "a@b")],
            &[("host", "a/b")],
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn logged_addresses_are_truncated() {
        let truncated = |address: &str| {
            Viewer { address: address.parse().unwrap(), scheme: "http", host: "h" }.truncated().to_string()
        };
        assert_eq!(truncated("192.0.2.77"), "192.0.2.0");
        assert_eq!(truncated("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
    }
}
