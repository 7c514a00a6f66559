//! Credentials of viewers: signatures, policies, path tokens.

use std::net::IpAddr;
use std::sync::LazyLock;

use model::delivery::PublicKey;
use model::{PlaybackSessionId, Timestamp};
use sign::{Cookies, Denied, Key, Keys, Policy, Request, SigningKey, pattern, token};

use crate::input::{byte, lines};

/// A key of these tests; it signs nothing else.
const PRIVATE: &str = include_str!("signatures/key.pem");

pub(crate) static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_pem("KFUZZ", PRIVATE).expect("the key is one"));
static PUBLIC: LazyLock<Key> =
    LazyLock::new(|| Key::parse(&KEY.public()).expect("the key has a public half"));
/// The same key under a name that wants the cookie of a playback session besides.
pub(crate) static WATCHED: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_pem("KWATCH", PRIVATE).expect("the key is one"));
static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let keys = [KEY.public(), PublicKey { session: true, ..WATCHED.public() }];
    keys.map(|key| Key::parse(&key).expect("the key has a public half")).into_iter().collect()
});

/// The one session that [`WATCHED`] ever signs for, here and in the corpus.
pub(crate) static SESSION: LazyLock<PlaybackSessionId> =
    LazyLock::new(|| PlaybackSessionId::from_bytes([7; 16]));

/// The moment of all requests here, and one later.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub(crate) const LATER: Timestamp = Timestamp(1_800_000_900_000);
pub(crate) const HOST: &str = "films.example";

/// Parameters of a query that sign it.
const SIGNING: [&str; 5] = ["Key-Pair-Id", "Signature", "Policy", "Expires", "Hash-Algorithm"];

fn client() -> IpAddr {
    IpAddr::from([192, 0, 2, 7])
}

/// A request line, a `Cookie` header and what a signer is asked to sign: nothing opens that was not signed, and what
/// was signed opens exactly that.
pub(crate) fn cdn_request(bytes: &[u8]) {
    let Some([target, cookie, wish]) = lines::<3>(bytes) else { return };
    let cookies: [&[u8]; 1] = [cookie.as_bytes()];
    let request =
        Request { scheme: "https", host: HOST, target, cookies: &cookies, client: client(), now: NOW };
    if let Ok(verified) = sign::verify(&KEYS, &request) {
        assert!(verified.grant.until() > NOW);
        let expired = Request { now: verified.grant.until(), ..request };
        assert!(sign::verify(&KEYS, &expired).is_err(), "it never ends");
        let session = verified.grant.session();
        assert_eq!(
            session,
            (verified.grant.key() == WATCHED.id()).then_some(*SESSION),
            "whose session is it?"
        );
        if session.is_some() {
            let without = cookie.replace(sign::session::COOKIE, "kinora-other");
            let request = Request { cookies: &[without.as_bytes()], ..request };
            assert_eq!(sign::verify(&KEYS, &request).err(), Some(Denied::NoSession), "{without}");
        }
        let elsewhere = Request { host: "other.example", ..request };
        let anywhere =
            verified.grant.resource().is_none_or(|resource| resource.contains('*') || resource.contains('?'));
        assert!(anywhere || sign::verify(&KEYS, &elsewhere).is_err(), "it opens another host");
        altered(&KEYS, &request);
    }
    signed(wish, target);
}

/// One bit of the query's signature or policy more or less, and it opens nothing.
fn altered(keys: &Keys, request: &Request<'_>) {
    let Some((path, query)) = request.target.split_once('?') else { return };
    let mut from = path.len() + 1;
    for parameter in query.split('&') {
        let name = ["Signature=", "Policy="].into_iter().find(|&name| parameter.starts_with(name));
        let at = from + name.map_or(parameter.len(), str::len);
        from += parameter.len() + 1;
        let Some(&byte) = request.target.as_bytes().get(at).filter(|_| at + 1 < from) else { continue };
        let other = if byte == b'A' { 'B' } else { 'A' };
        let target = format!("{}{other}{}", &request.target[..at], &request.target[at + 1..]);
        assert!(sign::verify(keys, &Request { target: &target, ..*request }).is_err(), "{target}");
    }
}

/// Signs what is wished for, and asks for `target` with it: open if, and only if, the wildcards cover a plain path.
fn signed(wish: &str, target: &str) {
    let until = LATER;
    let policy = Policy { resource: Some(wish.to_owned()), after: None, until, address: None };
    if let Ok(cookies) = KEY.cookies(&policy, None) {
        let header = cookies.header();
        let shown: [&[u8]; 1] = [header.as_bytes()];
        let request =
            Request { scheme: "https", host: HOST, target, cookies: &shown, client: client(), now: NOW };
        // Signing parameters in the query hide the cookies.
        if !names_signing(target) {
            let path = target.split_once('?').map_or(target, |(path, _)| path);
            let bare = target.strip_suffix('?').filter(|bare| !bare.contains('?')).unwrap_or(target);
            let covered = sign::path::is_plain(path) && pattern::covers(wish, "https", HOST, bare);
            assert_eq!(sign::verify(&KEYS, &request).is_ok(), covered, "{wish} {target}");
            watched(&policy, &request, covered);
        }
    }
    let Ok(url) = KEY.sign_url(wish, until) else { return };
    let Some(target) = url.strip_prefix("https://films.example").filter(|target| target.starts_with('/'))
    else {
        return;
    };
    // A query or a path that ends in nothing (`?`, `&`) is another one without its signature.
    let odd = wish.ends_with(['?', '&']) || wish.contains("?&");
    if !names_signing(wish) && !odd {
        let request =
            Request { scheme: "https", host: HOST, target, cookies: &[], client: client(), now: NOW };
        let verified = sign::verify(&KEYS, &request).unwrap_or_else(|why| panic!("{url}: {why:?}"));
        assert_eq!(format!("https://{HOST}{}", verified.target), wish);
        altered(&KEYS, &request);
    }
}

/// Signs the same for a session: its cookies open what those without one do, and nothing once any of them is another's,
/// altered or left out.
fn watched(policy: &Policy, request: &Request<'_>, covered: bool) {
    let made = |policy: &Policy| WATCHED.cookies(policy, Some(*SESSION)).expect("it was signed without one");
    let ask = |cookies: &Cookies| {
        let header = cookies.header();
        let shown: [&[u8]; 1] = [header.as_bytes()];
        let verified = sign::verify(&KEYS, &Request { cookies: &shown, ..*request });
        verified.map(|verified| verified.grant.session())
    };
    let cookies = made(policy);
    let opened = ask(&cookies);
    assert_eq!(opened.is_ok(), covered, "{:?} {}", policy.resource, request.target);
    let Ok(session) = opened else { return };
    assert_eq!(session, Some(*SESSION));
    let other = made(&Policy { until: Timestamp(policy.until.0 + 1000), ..policy.clone() });
    for (n, (name, value)) in cookies.pairs.iter().enumerate() {
        let with = |value: String| {
            let mut cookies = cookies.clone();
            cookies.pairs[n].1 = value;
            ask(&cookies)
        };
        let theirs = &other.pairs[n].1;
        assert!(value == theirs || with(theirs.clone()).is_err(), "{name} of another policy");
        let at = request.target.len() % value.len();
        let letter = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
        let changed = [&value[..at], letter, &value[at + 1..]].concat();
        assert!(with(changed).is_err(), "character {at} of {name}={value}");
        let mut left = cookies.clone();
        left.pairs.remove(n);
        assert!(ask(&left).is_err(), "without {name}");
    }
}

/// Whether a text may have signing parameters already.
fn names_signing(text: &str) -> bool {
    SIGNING.iter().any(|name| text.contains(name))
}

/// A public key in PEM, as given by an external signer: the same key whatever text stands around it; ours
/// opens what we signed, and no key what was changed.
pub(crate) fn public_key(bytes: &[u8]) {
    let Ok(pem) = std::str::from_utf8(bytes) else { return };
    let parse = |pem: &str| Key::parse(&PublicKey { pem: pem.into(), ..KEY.public() });
    let Ok(key) = parse(pem) else { return };
    let framed = parse(&format!("a public key:\n{pem}\nand no more\n")).expect("it is the same key");
    assert_eq!(framed.identity(), key.identity());
    let ours = key.identity() == PUBLIC.identity();
    let keys: Keys = [key].into_iter().collect();
    let url = KEY.sign_url(&format!("https://{HOST}/a"), LATER).expect("it can be signed");
    let target = url.strip_prefix(&format!("https://{HOST}")).expect("it is ours");
    let request = Request { scheme: "https", host: HOST, target, cookies: &[], client: client(), now: NOW };
    assert!(!ours || sign::verify(&keys, &request).is_ok(), "our own key opens nothing");
    altered(&keys, &request);
}

/// A policy's JSON: what is understood is written and understood again.
pub(crate) fn policy(bytes: &[u8]) {
    let Ok(policy) = Policy::parse(bytes) else { return };
    let written = policy.to_json().expect("what was read can be written");
    assert_eq!(Policy::parse(written.as_bytes()).as_ref(), Ok(&policy));
}

/// A token, and claims to make one of: only what was minted opens, and it says what was minted.
pub(crate) fn path_token(bytes: &[u8]) {
    let Some([target, prefix]) = lines::<2>(bytes) else { return };
    if let Some((token, rest)) = token::split(target) {
        assert!(rest.starts_with('/') && target.ends_with(rest) && target.contains(token));
        let found = token::find_key(&KEYS, token, NOW).and_then(|key| token::verify(key, token));
        if let Ok(grant) = found {
            let claimed = grant.resource().expect("a token names a prefix");
            assert!(sign::path::is_plain(claimed) && claimed.starts_with('/') && claimed.ends_with('/'));
        }
    }
    let session = (byte(bytes, 0) & 1 == 0).then(PlaybackSessionId::new);
    let claims = token::Claims { prefix: prefix.to_owned(), until: LATER, session };
    let Ok(text) = token::mint(&KEY, &claims) else { return };
    assert!(text.len() <= token::MAX_LEN);
    let grant = token::verify(&PUBLIC, &text).expect("what was minted opens");
    assert_eq!((grant.resource(), grant.until(), grant.session()), (Some(prefix), LATER, session));
    let at = usize::from(byte(bytes, 1)) % text.len();
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    let changed = [&text[..at], other, &text[at + 1..]].concat();
    assert!(token::verify(&PUBLIC, &changed).is_err(), "character {at} of {text}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asks with the cookies of a policy.
    fn opens(policy: &Policy, scheme: &str, host: &str, target: &str) -> bool {
        let header = KEY.cookies(policy, None).unwrap().header();
        let cookies: [&[u8]; 1] = [header.as_bytes()];
        sign::verify(&KEYS, &Request { scheme, host, target, cookies: &cookies, client: client(), now: NOW })
            .is_ok()
    }

    proptest! {
        #[test]
        fn a_signed_url_opens_and_no_bit_of_it_may_change(
            path in "(/[a-z0-9._-]{1,8}){1,4}", query in "(\\?[a-z]{1,3}=[a-z0-9]{0,3}(&[a-z]{1,2}){0,2})?",
            at in any::<prop::sample::Index>(), bit in 0_u8..7,
        ) {
            prop_assume!(sign::path::is_plain(&path));
            let url = format!("https://{HOST}{path}{query}");
            let policy = Policy { resource: Some(url.replace('?', "\\?")), after: None, until: LATER, address: None };
            for signed in [KEY.sign_url(&url, LATER).unwrap(), KEY.sign_url_with(&url, &policy).unwrap()] {
                let target = &signed[format!("https://{HOST}").len()..];
                let ask = |target: &str| {
                    let request = Request { scheme: "https", host: HOST, target, cookies: &[], client: client(), now: NOW };
                    sign::verify(&KEYS, &request).map(|verified| verified.target.into_owned())
                };
                prop_assert_eq!(ask(target).unwrap(), format!("{path}{query}"));
                let mut bytes = target.as_bytes().to_vec();
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(bytes) {
                    prop_assert!(ask(&changed).is_err(), "{} opens", changed);
                }
            }
        }

        #[test]
        fn wildcards_cover_what_they_stand_for(
            before in "[a-z/]{1,6}", middle in "[a-z0-9/.]{1,6}", after in "[a-z]{1,6}", other in "[A-Z]{1,3}",
        ) {
            let target = format!("/{before}{middle}{after}");
            prop_assume!(sign::path::is_plain(&target));
            let policy = |tail: String| Policy { resource: Some(format!("https://{HOST}{tail}")), after: None, until: LATER, address: None };
            let star = policy(format!("/{before}*{after}"));
            prop_assert_eq!(opens(&star, "https", HOST, &target), true);
            prop_assert_eq!(opens(&star, "https", HOST, &format!("/{before}{after}")), true);
            prop_assert_eq!(opens(&star, "http", HOST, &target), false);
            prop_assert_eq!(opens(&star, "https", "other.example", &target), false);
            prop_assert_eq!(opens(&star, "https", HOST, &format!("/{other}{before}{middle}{after}")), false);
            prop_assert_eq!(opens(&star, "https", HOST, &format!("{target}{other}")), false);
            let one = policy(format!("/{before}{}{after}", "?".repeat(middle.len())));
            prop_assert_eq!(opens(&one, "https", HOST, &target), true);
            prop_assert_eq!(opens(&one, "https", HOST, &format!("/{before}{middle}{other}{after}")), false);
            // A question mark of the URL itself is written `\\?`.
            let question = policy(format!("/{before}\\?{after}"));
            prop_assert_eq!(opens(&question, "https", HOST, &format!("/{before}?{after}")), true);
            let without = format!("/{before}x{after}");
            prop_assert_eq!(opens(&question, "https", HOST, &without), false);
            let dots = format!("/{before}%2e%2e/{after}");
            prop_assert!(sign::path::is_plain(&dots) || !opens(&star, "https", HOST, &dots));
        }
    }
}
