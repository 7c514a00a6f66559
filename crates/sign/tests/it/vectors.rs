//! Signatures by botocore, awscli, the JavaScript signers and openssl; `tests/vectors/make.py` makes them.

use std::collections::BTreeMap;

use model::Timestamp;
use model::delivery::PublicKey;
use serde::Deserialize;
use sign::{Denied, Key, Keys, Request, verify};

#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    target: String,
    cookies: Vec<String>,
}

const UNTIL_MS: i64 = 1_800_000_000_000;

fn vectors() -> (Keys, Vec<Case>) {
    let vectors: Vectors = serde_json::from_str(include_str!("../vectors/cloudfront.json")).unwrap();
    let keys = vectors.keys.iter().map(|(id, pem)| {
        let key = PublicKey { id: id.as_str().into(), pem: pem.as_str().into(), session: false, until: None };
        Key::parse(&key).unwrap()
    });
    (keys.collect(), vectors.cases)
}

impl Case {
    fn verify(&self, keys: &Keys, change: impl Fn(&mut Request<'_>)) -> Result<String, Denied> {
        let cookies: Vec<&[u8]> = self.cookies.iter().map(|c| c.as_bytes()).collect();
        let mut request = Request {
            scheme: "https",
            host: "films.example",
            target: &self.target,
            cookies: &cookies,
            client: "192.0.2.7".parse().unwrap(),
            now: Timestamp(UNTIL_MS - 1),
        };
        change(&mut request);
        verify(keys, &request).map(|verified| verified.target.into_owned())
    }

    fn has(&self, text: &str) -> bool {
        self.target.contains(text) || self.cookies.iter().any(|c| c.contains(text))
    }

    fn replace(&self, from: &str, to: &str) -> Self {
        Self {
            name: self.name.clone(),
            target: self.target.replace(from, to),
            cookies: self.cookies.iter().map(|c| c.replace(from, to)).collect(),
        }
    }
}

/// Alters the characters right after each occurrence of `name=`.
fn altered(case: &Case, name: &str) -> Case {
    let alter = |text: &String| {
        let mut pieces = text.split(name).map(str::to_owned).collect::<Vec<_>>();
        for piece in pieces.iter_mut().skip(1) {
            let at = 20.min(piece.len() - 1);
            let other = if piece.as_bytes()[at] == b'B' { "C" } else { "B" };
            piece.replace_range(at..=at, other);
        }
        pieces.join(name)
    };
    Case {
        name: case.name.clone(),
        target: alter(&case.target),
        cookies: case.cookies.iter().map(alter).collect(),
    }
}

#[test]
fn foreign_signatures_are_accepted_and_their_own_query_remains() {
    let (keys, cases) = vectors();
    assert!(cases.len() >= 50);
    for case in &cases {
        let own: Vec<&str> = case
            .target
            .split(['?', '&'])
            .enumerate()
            .filter(|(n, part)| {
                let name = part.split('=').next().unwrap_or_default();
                *n == 0
                    || !["Policy", "Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"].contains(&name)
            })
            .map(|(_, part)| part)
            .collect();
        let expected = own.join("&").replacen('&', "?", 1);
        assert_eq!(case.verify(&keys, |_| ()), Ok(expected), "{}", case.name);
    }
}

#[test]
fn foreign_signatures_end_and_do_not_open_anything_else() {
    let (keys, cases) = vectors();
    for case in &cases {
        let check = |expected, change: &dyn Fn(&mut Request<'_>)| {
            assert_eq!(case.verify(&keys, change), Err(expected), "{}", case.name);
        };
        let custom = case.has("Policy=");
        check(Denied::Expired, &|r| r.now = Timestamp(UNTIL_MS));
        // A canned policy is rebuilt from the request, so another request has another signature.
        check(if custom { Denied::Resource } else { Denied::WrongSignature }, &|r| {
            r.host = "films.example.net"
        });
        if !case.name.starts_with("openssl c") {
            check(if custom { Denied::Resource } else { Denied::WrongSignature }, &|r| r.scheme = "http");
        }
        let elsewhere = case.replace("/out/v1/a/", "/out/v2/a/");
        let expected = if custom { Denied::Resource } else { Denied::WrongSignature };
        assert_eq!(elsewhere.verify(&keys, |_| ()), Err(expected), "{}", case.name);
        if case.name.contains("address")
            || case.name == "botocore custom"
            || case.name.contains("sign custom")
        {
            check(Denied::Address, &|r| r.client = "198.51.100.7".parse().unwrap());
        }
        if case.name.contains("dates") || case.name.contains("custom RSA") {
            check(Denied::NotYet, &|r| r.now = Timestamp(UNTIL_MS - 3_600_001));
        }
        if case.name.contains("openssl custom") {
            // 0.0.0.0/0 means IPv6 viewers too.
            let v6 = case.verify(&keys, |r| r.client = "2001:db8::1".parse().unwrap());
            assert_eq!(v6, Ok("/out/v1/a/v0/0.m4s?x=y".into()));
        }
    }
}

#[test]
fn foreign_signatures_that_were_altered_are_refused() {
    let (keys, cases) = vectors();
    for case in &cases {
        let check = |what: &str, changed: Case, expected: &[Denied]| {
            let denied = changed.verify(&keys, |_| ()).unwrap_err();
            assert!(expected.contains(&denied), "{what}: {}: {denied:?}", case.name);
        };
        check("signature", altered(case, "Signature="), &[Denied::WrongSignature]);
        check("no signature", case.replace("Signature=", "X="), &[Denied::MalformedSignature]);
        check("no base64", case.replace("Signature=", "Signature=+"), &[Denied::MalformedSignature]);
        check("unknown key", case.replace("Key-Pair-Id=", "Key-Pair-Id=X"), &[Denied::UnknownKey]);
        check("no key", case.replace("Key-Pair-Id=", "X="), &[Denied::NoKey]);
        let other = if case.has("Key-Pair-Id=RSA") { ("=RSA", "=EC") } else { ("=EC", "=RSA") };
        check("another key", case.replace(other.0, other.1), &[Denied::WrongSignature]);
        if case.has("Policy=") {
            check("policy", altered(case, "Policy="), &[Denied::MalformedPolicy, Denied::WrongSignature]);
            check("no policy", case.replace("Policy=", "Policy=!"), &[Denied::MalformedPolicy]);
            check("empty policy", case.replace("Policy=", "Policy=&X="), &[Denied::MalformedPolicy]);
        } else {
            let moved = case.replace("Expires=18", "Expires=19");
            check("expiry", moved, &[Denied::WrongSignature]);
            check("bad expiry", case.replace("Expires=18", "Expires=+18"), &[Denied::MalformedPolicy]);
            let mut added = case.clone();
            added.target.push_str(if case.target.contains('?') { "&added=1" } else { "?added=1" });
            check("parameter added", added, &[Denied::WrongSignature]);
        }
        let other_hash = if case.has("SHA256") {
            case.replace("SHA256", "SHA1")
        } else if case.has("Hash-Algorithm") {
            case.replace("=SHA1", "=SHA256")
        } else {
            case.replace("Key-Pair-Id=", "Hash-Algorithm=SHA256&Key-Pair-Id=")
                .replace(
                    "; CloudFront-Hash-Algorithm=SHA256&",
                    "; CloudFront-Hash-Algorithm=SHA256; CloudFront-",
                )
                .replace("CloudFront-Hash-Algorithm=SHA256&", "CloudFront-Hash-Algorithm=SHA256; CloudFront-")
        };
        check("another hash", other_hash, &[Denied::WrongSignature]);
    }
}

#[test]
fn nothing_shown_is_a_missing_key() {
    let (keys, _) = vectors();
    let case = Case { name: String::new(), target: "/out/v1/a".into(), cookies: vec!["a=b".into()] };
    assert_eq!(case.verify(&keys, |_| ()), Err(Denied::NoKey));
    assert_eq!(case.verify(&Keys::default(), |_| ()), Err(Denied::NoKey));
}
