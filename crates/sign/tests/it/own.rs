//! Our own signing half: URLs, cookies with a session, path tokens.

use model::delivery::PublicKey;
use model::{PlaybackSessionId, Timestamp};
use proptest::prelude::*;
use sign::{Denied, Key, Keys, Policy, Request, SigningKey, session, token, verify};

const UNTIL: Timestamp = Timestamp(1_800_000_000_000);
const BEFORE: Timestamp = Timestamp(1_799_999_999_999);

fn request<'a>(target: &'a str, cookies: &'a [&'a [u8]]) -> Request<'a> {
    Request {
        scheme: "http",
        host: "localhost:8080",
        target,
        cookies,
        client: "127.0.0.1".parse().unwrap(),
        now: BEFORE,
    }
}

fn keys_of(public: &PublicKey) -> Keys {
    [Key::parse(public).unwrap()].into_iter().collect()
}

fn wide(resource: &str) -> Policy {
    Policy { resource: Some(resource.into()), after: None, until: UNTIL, address: None }
}

#[test]
fn signed_urls_round_trip() {
    let key = SigningKey::generate("K1").unwrap();
    let keys = keys_of(&key.public());
    let url = key.sign_url("http://localhost:8080/a?b=c", UNTIL).unwrap();
    let target = url.strip_prefix("http://localhost:8080").unwrap();
    let verified = verify(&keys, &request(target, &[])).unwrap();
    assert_eq!(verified.target, "/a?b=c");
    assert_eq!(verified.grant.until(), UNTIL);
    assert_eq!(&**verified.grant.key(), "K1");
    assert_eq!(verified.grant.resource(), Some("http://localhost:8080/a?b=c"));

    let url = key.sign_url_with("http://localhost:8080/a/b?c", &wide("http*://*/a/*")).unwrap();
    let target = url.strip_prefix("http://localhost:8080").unwrap();
    assert_eq!(verify(&keys, &request(target, &[])).unwrap().target, "/a/b?c");
    // The signature of a custom policy opens whatever the policy covers, and no path with two readings.
    let moved = target.replace("/a/b?c", "/a/z?y");
    assert_eq!(verify(&keys, &request(&moved, &[])).unwrap().target, "/a/z?y");
    let outside = target.replace("/a/b?c", "/a/../b?c");
    assert_eq!(verify(&keys, &request(&outside, &[])), Err(Denied::Resource));
}

#[test]
fn a_policy_without_resource_opens_everything() {
    let key = SigningKey::generate("K1").unwrap();
    let policy = Policy { resource: None, ..wide("") };
    let cookies = key.cookies(&policy, None).unwrap().header();
    let verified = verify(&keys_of(&key.public()), &request("/x?y", &[cookies.as_bytes()])).unwrap().grant;
    assert_eq!(verified.resource(), None);
}

#[test]
fn a_retired_key_is_unknown() {
    let key = SigningKey::generate("K1").unwrap();
    let url = key.sign_url("http://localhost:8080/a", UNTIL).unwrap();
    let target = url.strip_prefix("http://localhost:8080").unwrap();
    let retired = PublicKey { until: Some(BEFORE), ..key.public() };
    assert_eq!(verify(&keys_of(&retired), &request(target, &[])), Err(Denied::UnknownKey));
    let still = PublicKey { until: Some(UNTIL), ..key.public() };
    assert!(verify(&keys_of(&still), &request(target, &[])).is_ok());
}

#[test]
fn a_session_key_wants_the_session_of_this_policy() {
    let key = SigningKey::generate("K1").unwrap();
    let keys = keys_of(&PublicKey { session: true, ..key.public() });
    let (mine, other) = (PlaybackSessionId::new(), PlaybackSessionId::new());
    let show = |cookies: &str| {
        verify(&keys, &request("/a/b", &[cookies.as_bytes()])).map(|verified| verified.grant.session())
    };
    let cookies = key.cookies(&wide("http://*/a/*"), Some(mine)).unwrap();
    assert_eq!(show(&cookies.header()), Ok(Some(mine)));

    let (without, psid) =
        cookies.header().rsplit_once("; ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(show(&without), Err(Denied::NoSession));
    assert_eq!(show(&format!("{without}; {}=", session::COOKIE)), Err(Denied::WrongSession));
    assert_eq!(show(&format!("{without}; {psid}x")), Err(Denied::WrongSession));
    // Another policy's session, and another session's cookie for the same policy with its id exchanged.
    let others = key.cookies(&wide("http://*/b/*"), Some(other)).unwrap().header();
    let stolen = others.rsplit_once("; ").unwrap().1.to_owned();
    assert_eq!(show(&format!("{without}; {stolen}")), Err(Denied::WrongSession));
    // A key without the mark ignores the cookie.
    let plain = keys_of(&key.public());
    let both = format!("{without}; {stolen}");
    let grant = verify(&plain, &request("/a/b", &[both.as_bytes()])).unwrap().grant;
    assert_eq!(grant.session(), None);
}

#[test]
fn a_token_opens_its_prefix_until_its_end() {
    let key = SigningKey::generate("K1").unwrap();
    let keys = keys_of(&key.public());
    let claims =
        token::Claims { prefix: "/out/v1/a/".into(), until: UNTIL, session: Some(PlaybackSessionId::new()) };
    let text = token::mint(&key, &claims).unwrap();
    let show = |keys: &Keys, text: &str, target: &str, now| {
        let grant = token::verify(token::find_key(keys, text, now)?, text)?;
        grant.check(&Request { now, ..request(target, &[]) }, target).map(|()| grant.session())
    };
    assert_eq!(show(&keys, &text, "/out/v1/a/index.m3u8?x", BEFORE), Ok(claims.session));
    assert_eq!(show(&keys, &text, "/out/v1/a/index.m3u8", UNTIL), Err(Denied::Expired));
    for outside in
        ["/out/v1/ab/index.m3u8", "/out/v1/a", "/out/v1/a/../b/x", "/out/v1/a/%2e%2e/b", "/OUT/v1/a/x"]
    {
        assert_eq!(show(&keys, &text, outside, BEFORE), Err(Denied::Resource), "{outside}");
    }
    for garbage in [
        "",
        "a",
        &"a".repeat(200),
        &"a".repeat(600),
        "é".repeat(12).as_str(),
        &format!("{text}="),
        &text[..60],
    ] {
        let denied = show(&keys, garbage, "/out/v1/a/x", BEFORE).unwrap_err();
        assert!(matches!(denied, Denied::MalformedSignature | Denied::UnknownKey), "{garbage}: {denied:?}");
    }
    let stranger = SigningKey::generate("K1").unwrap();
    let forged = token::mint(&stranger, &claims).unwrap();
    assert_eq!(show(&keys, &forged, "/out/v1/a/x", BEFORE), Err(Denied::WrongSignature));
    let unknown = token::mint(&SigningKey::generate("K2").unwrap(), &claims).unwrap();
    assert_eq!(show(&keys, &unknown, "/out/v1/a/x", BEFORE), Err(Denied::UnknownKey));

    let strict = keys_of(&PublicKey { session: true, ..key.public() });
    assert_eq!(show(&strict, &text, "/out/v1/a/x", BEFORE), Ok(claims.session));
    let bare = token::mint(&key, &token::Claims { session: None, ..claims }).unwrap();
    assert_eq!(show(&strict, &bare, "/out/v1/a/x", BEFORE), Err(Denied::NoSession));
}

#[test]
fn only_rsa_2048_and_p256_are_keys() {
    let key = |pem: &str| PublicKey { id: "K".into(), pem: pem.into(), session: false, until: None };
    for bad in [RSA_1024, P384, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
        assert!(Key::parse(&key(bad)).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn foreign_requests_never_panic(target in "/\\PC{0,80}", name in "Policy|Expires|Signature", value in "\\PC{0,60}", cookie in proptest::collection::vec(any::<u8>(), 0..100)) {
        let key = SigningKey::generate("K1").unwrap();
        let keys = keys_of(&key.public());
        let target = format!("{target}?Key-Pair-Id=K1&Signature=AAAA&{name}={value}");
        prop_assert!(verify(&keys, &request(&target, &[&cookie])).is_err());
        prop_assert!(verify(&keys, &request("/a", &[&cookie])).is_err());
    }
}

/// openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 | openssl pkey -pubout
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDJ6+ooRse0M6b12q/6wLH2Wk6S
yb1uvvvXSaN27U7ERa5GZlvrEKmnHbB6I5kLujyNkkUWY5F6aEUe98Xwd2JnqRix
d3rVZzfGl6s3n1poBXPV4X4aSUG5KNtmqxhS6rGGrpfICjp+eghYcnJT3ej4hqCl
KWwwqp5VGoIZT7YcxQIDAQAB
-----END PUBLIC KEY-----";

/// openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 | openssl pkey -pubout
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEfTg1RIg+loI9I0f0k2Gq/zv7BwgBSB8s
O6fDYrIr6uPlciD6F4iiGdCIECg7Cz+fLvY86UAmCkaXKGexpXIn8wYLJucnxZ1a
p0iWtZXH2t6gB40rx8AOthGgGTv2gCxD
-----END PUBLIC KEY-----";
