//! The client's side of a request: its head, and what people type and browsers send.

use std::net::IpAddr;

use identity::address::Address;
use model::Cidr;

use crate::input::lines;

/// The lines of a request's head: who is asked for is believed from trusted proxies only, and what is believed has
/// the shape of an address, a scheme and a host.
pub(crate) fn viewer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (uri, fields) = text.split_once('\n').unwrap_or((text, ""));
    let mut request = http::Request::builder().uri(uri);
    for (name, value) in fields.lines().filter_map(|line| line.split_once(": ")) {
        request = request.header(name, value);
    }
    let Ok(request) = request.body(()) else { return };
    let (parts, ()) = request.into_parts();
    let trusted: [Cidr; 2] = ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().expect("a range"));
    let (stranger, proxy) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([10, 0, 0, 1]));
    if let Some((address, scheme, host)) = edge::fuzzing::viewer(&parts, stranger, true, &trusted) {
        assert_eq!((address, scheme), (stranger, "https"));
        assert!(is_host(&host), "{host:?}");
        let named = parts.uri.authority().is_some_and(|authority| authority.as_str() == host);
        let field = parts.headers.get("host").is_some_and(|value| value.as_bytes() == host.as_bytes());
        assert!(named || field, "{host} was asked for nowhere");
    }
    if let Some((address, scheme, host)) = edge::fuzzing::viewer(&parts, proxy, false, &trusted) {
        let hops = parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let said =
            hops.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse::<IpAddr>().ok());
        assert!(
            address == proxy || said.map(|hop| hop.to_canonical()).any(|hop| hop == address),
            "{address}"
        );
        assert!(matches!(scheme, "http" | "https") && is_host(&host), "{scheme} {host:?}");
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "/@?#\\\"<>,".contains(c))
}

/// Input that people type and browsers send: an address that mail can be sent to, cookies, tokens, ranges of addresses.
pub(crate) fn address(bytes: &[u8]) {
    let cookies = identity::cookie::Cookies { tls: true };
    let cookie = bytes.splitn(2, |&byte| byte == b'\n').nth(1).unwrap_or_default();
    if let Some(value) = cookies.find(cookie, cookies.session()) {
        assert!(!value.contains(';') && String::from_utf8_lossy(cookie).contains(value));
        let token = identity::token::SessionToken::parse(value);
        assert!(token.is_none_or(|token| token.as_str() == value));
    }
    let Some([text, _]) = lines::<2>(bytes) else { return };
    if let Ok(address) = Address::parse(text) {
        let plain = address.as_str();
        assert!(plain.is_ascii() && plain.len() <= 254 && plain.contains('@'));
        assert!(!plain.contains(|c: char| c.is_control() || " <>,;:\"()\\[]".contains(c)), "{plain:?}");
        let again = Address::parse(plain).expect("an address is one");
        assert_eq!(again.as_str(), plain);
    }
    if let Ok(range) = text.parse::<Cidr>() {
        assert_eq!(range.to_string().parse::<Cidr>().as_ref(), Ok(&range));
    }
    if let Ok(name) = text.parse::<model::BucketName>() {
        assert!(
            name.as_str().is_ascii() && !name.as_str().contains(['/', '\\', ' ']) && name.as_str() != ".."
        );
    }
    assert_eq!(text.parse::<model::Key>().is_ok(), (1..=1024).contains(&text.len()) && !text.contains('\0'));
}
