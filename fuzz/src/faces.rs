//! What faces read: headers, sealed bytes, addresses.

use std::net::IpAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http_body_util::BodyExt as _;
use http_face::conditional::{Have, Part};
use identity::address::Address;
use model::Timestamp;
use seal::stream::{HEADER, Opener, Sealer, stored_length};
use seal::{Key, KeyRing, Purpose, Ring, Secret};
use sign::Cidr;

use crate::input::{byte, lines};

const ETAG: &str = "\"v1\"";
static MODIFIED: HeaderValue = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
static EARLIER: HeaderValue = HeaderValue::from_static("Sat, 05 Nov 1994 08:49:37 GMT");

/// `Range`, `If-Range` and a length: what is sent lies within the body, and is what the answer's head says. Then
/// `If-None-Match` and `If-Modified-Since`.
pub(crate) fn range(bytes: &[u8]) {
    let Some([range, only_if, length, tags, since]) = lines::<5>(bytes) else { return };
    known(tags, since);
    let length = length.trim().parse::<u64>().unwrap_or(10) % 5000;
    let mut headers = HeaderMap::new();
    let Ok(range) = HeaderValue::from_str(range) else { return };
    headers.insert(RANGE, range);
    if let (false, Ok(only_if)) = (only_if.is_empty(), HeaderValue::from_str(only_if)) {
        headers.insert(IF_RANGE, only_if);
    }
    let body: Bytes = (0..length).map(|n| n as u8).collect();
    let etag = HeaderValue::from_static(ETAG);
    let have = Have { length, etag: Some(&etag), modified: None };
    let (status, part) = match have.part(&http::Method::GET, &headers) {
        Part::Whole => (200, 0..length),
        Part::Bytes(part) => (206, part),
        Part::Outside => (416, 0..0),
    };
    assert!(part.end <= length && (part.start < part.end || status != 206), "{part:?} of {length}");

    let response = edge::fuzzing::answer(headers, ETAG, &body);
    assert_eq!(response.status().as_u16(), status);
    let text =
        |name: HeaderName| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let (says, announced) = (text(CONTENT_RANGE), text(CONTENT_LENGTH));
    let sent = runtime().block_on(response.into_body().collect()).expect("a body in memory").to_bytes();
    assert_eq!(announced, Some(sent.len().to_string()));
    match status {
        206 => {
            assert_eq!(says, Some(format!("bytes {}-{}/{length}", part.start, part.end - 1)));
            assert_eq!(sent, body[part.start as usize..part.end as usize]);
        }
        416 => assert_eq!((says, sent.len()), (Some(format!("bytes */{length}")), 0)),
        _ => assert_eq!((says, sent), (None, body)),
    }
}

/// What a client says it has: the tag decides wherever one is named, else the date.
fn known(tags: &str, since: &str) {
    let etag = HeaderValue::from_static(ETAG);
    let is_known = |modified: &HeaderValue, fields: &[(HeaderName, &str)]| {
        let headers =
            fields.iter().map(|(name, value)| Some((name.clone(), HeaderValue::from_str(value).ok()?)));
        let have = Have { length: 10, etag: Some(&etag), modified: Some(modified) };
        headers.collect::<Option<HeaderMap>>().map(|headers| have.is_known(&headers))
    };
    let since = (IF_MODIFIED_SINCE, since);
    if let Some(known) = is_known(&MODIFIED, &[(IF_NONE_MATCH, tags)]) {
        assert!(!known || tags.contains(ETAG) || tags.contains('*'), "{tags:?}");
        for more in [format!("{tags}, W/{ETAG}"), format!("*,{tags}")] {
            assert_eq!(is_known(&MODIFIED, &[(IF_NONE_MATCH, &more)]), Some(true), "{more:?}");
        }
        let both = is_known(&MODIFIED, &[(IF_NONE_MATCH, tags), since.clone()]);
        assert!(both.is_none_or(|both| both == known), "{tags:?} {since:?}");
    }
    // What a client has of this moment or later it also has of what is older.
    if is_known(&MODIFIED, std::slice::from_ref(&since)) == Some(true) {
        assert_eq!(is_known(&EARLIER, std::slice::from_ref(&since)), Some(true), "{since:?}");
    }
}

/// What runs futures that never wait.
pub(crate) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    });
    &RUNTIME
}

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

/// Keys that are the same in every run.
pub(crate) static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = Ring::make(Timestamp(0)).expect("randomness");
    for (n, purpose) in (1_u8..).zip(Purpose::ALL) {
        ring.insert(purpose, 1, Key::new([n; 32]), Timestamp(0));
    }
    KeyRing::in_memory(ring)
});

/// Sealed bytes from the database or a file: what was altered does not open, and nothing makes a reader fall over.
pub(crate) fn sealed(bytes: &[u8]) {
    let _ = seal::version(bytes);
    let purpose = Purpose::Signing;
    if KEYS.open_sealed(purpose, "object", bytes).is_ok() {
        assert!(KEYS.open_sealed(purpose, "another", bytes).is_err());
        altered(bytes, |bytes| KEYS.open_sealed(purpose, "object", bytes).is_err());
    }
    let (text, version) = KEYS.seal(purpose, "object", bytes).expect("it is sealed");
    assert_eq!(seal::version(&text).ok(), Some(Some(version)));
    assert_eq!(KEYS.open_sealed(purpose, "object", &text).expect("it opens").expose(), bytes);
    altered(&text, |text| KEYS.open_sealed(purpose, "object", text).is_err());
    if let Ok(ring) = Ring::from_bytes(bytes) {
        let again = Ring::from_bytes(ring.to_bytes().expose()).expect("what was written is read");
        assert!(again.contains(&ring) && ring.contains(&again));
    }
    recovery(bytes);
    stream(bytes);
}

/// Holds that `refuses` is true with a bit turned, of a few of the bytes.
fn altered(bytes: &[u8], refuses: impl Fn(&[u8]) -> bool) {
    let mut bytes = bytes.to_vec();
    for at in (0..bytes.len()).step_by(bytes.len() / 5 + 1) {
        bytes[at] ^= 1 << (at % 8);
        assert!(refuses(&bytes), "byte {at}");
        bytes[at] ^= 1 << (at % 8);
    }
}

/// A recovery file of little work: the fuzzer has better things to do than to count to 2^20.
fn recovery(bytes: &[u8]) {
    use std::fmt::Write as _;
    let work = bytes.split(|b| *b == b'\n').nth(1).and_then(|line| line.rsplit(|b| *b == b' ').next());
    let work = work.and_then(|work| std::str::from_utf8(work).ok()?.parse::<u8>().ok());
    if work.is_none_or(|work| work > 2) {
        return;
    }
    let mut text = String::from("-----BEGIN AGE ENCRYPTED FILE-----\n");
    let _ = write!(text, "{}\n-----END AGE ENCRYPTED FILE-----\n", base64(bytes));
    assert!(seal::recovery::read(&text, &Secret::new(b"a passphrase".to_vec())).is_err(), "who made it?");
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits =
            u32::from(byte(three, 0)) << 16 | u32::from(byte(three, 1)) << 8 | u32::from(byte(three, 2));
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= three.len() { letter.into() } else { '=' });
        }
    }
    out
}

/// A stored file: any range of it is that of the plaintext, and foreign bytes do not open.
fn stream(bytes: &[u8]) {
    let key = Key::new([9; 32]);
    let mut stored = vec![];
    let mut sealer = Sealer::new(&key, b"file").expect("randomness");
    sealer.push(bytes, &mut stored).expect("it is sealed");
    sealer.finish(&mut stored).expect("it is sealed");
    let length = bytes.len() as u64;
    assert_eq!(stored.len() as u64, stored_length(length));
    let open = |stored: &[u8], from: u64, to: u64| {
        let header = stored.first_chunk::<HEADER>()?;
        let opener = Opener::new(&key, b"file", header, length).ok()?;
        let span = opener.span(from..to, u64::MAX);
        let mut stored = stored.get(span.stored.start as usize..span.stored.end as usize)?.to_vec();
        let mut plain = Vec::new();
        opener.open(&span, &mut stored, &mut plain).ok().map(|()| plain)
    };
    if length > 0 {
        let (from, to) = (length / 3, length - length / 4);
        assert_eq!(open(&stored, from, to).as_deref(), Some(&bytes[from as usize..to as usize]));
        altered(&stored, |stored| open(stored, 0, length).is_none());
        assert_eq!(open(bytes, 0, 1), None);
    }
}

/// What people type and browsers send: an address that mail can be sent to, cookies, tokens, ranges of addresses.
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
