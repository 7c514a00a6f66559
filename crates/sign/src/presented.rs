//! The credentials of a request: signing parameters of its query, or cookies.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::denied::Denied;
use crate::encoding;
use crate::grant::{Grant, Reach};
use crate::hash::Hash;
use crate::key::{Key, Keys};
use crate::mark::Mark;
use crate::policy::{self, Policy};
use crate::request::Request;
use crate::session;

/// Longest signature that is read, in characters of base64 (RSA-2048 has 344).
const MAX_SIGNATURE: usize = 1024;
/// Longest policy that is read, in characters of base64.
const MAX_POLICY: usize = policy::MAX_LEN.div_ceil(3) * 4;

/// A request whose signature was right and whose policy covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The permission that the signature gives.
    pub grant: Grant,
    /// The target without signing parameters: for the cache and the origin.
    pub target: Cow<'a, str>,
}

/// Checks a request: finds what it shows, checks the signature, then resource, dates and address.
///
/// Whether the grant's playback session was revoked is left to the caller.
pub fn verify<'a>(keys: &Keys, request: &Request<'a>) -> Result<Verified<'a>, Denied> {
    let presented = Presented::find(request)?;
    let key = keys.get(presented.key_id(), request.now)?;
    let grant = presented.evidence(request, key)?.verify(key)?;
    grant.check(request, &presented.target)?;
    Ok(Verified { grant, target: presented.target })
}

/// The signing parameters of a request, found but not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented<'a> {
    key_id: Cow<'a, str>,
    signature: Cow<'a, str>,
    policy: Option<Cow<'a, str>>,
    expires: Option<Cow<'a, str>>,
    hash: Hash,
    session: Option<&'a str>,
    target: Cow<'a, str>,
}

/// The names of a parameter in a query and in cookies.
const NAMES: [&str; 5] = ["Key-Pair-Id", "Signature", "Policy", "Expires", "Hash-Algorithm"];
const COOKIE_PREFIX: &str = "CloudFront-";

impl<'a> Presented<'a> {
    /// Finds the signing parameters: those of the query if it has any, otherwise the cookies.
    ///
    /// A parameter that stands twice in the query is refused; of equally named cookies the first counts, which
    /// browsers send for the longest path (RFC 6265 §5.4).
    pub fn find(request: &Request<'a>) -> Result<Self, Denied> {
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request.target, None),
        };
        let mut values: [Option<&'a str>; 5] = [None; 5];
        let mut twice = false;
        let mut own = 0;
        let mut signed = 0;
        for parameter in query.into_iter().flat_map(|query| query.split('&')) {
            match parameter_of(parameter) {
                Some((index, value)) => {
                    twice |= values[index].replace(value).is_some();
                    signed += 1;
                }
                None => own += 1,
            }
        }
        let mut session = None;
        for cookie in request.cookies.iter().flat_map(|header| header.split(|&b| b == b';')) {
            let Some((name, value)) = cookie_of(cookie) else { continue };
            if name == session::COOKIE {
                session = session.or(Some(value));
            } else if signed == 0
                && let Some(index) = name.strip_prefix(COOKIE_PREFIX).and_then(index_of)
            {
                values[index] = values[index].or(Some(value));
            }
        }
        let [key_id, signature, policy, expires, hash] = values;
        let key_id = key_id.filter(|id| !id.is_empty()).ok_or(Denied::NoKey)?;
        if twice {
            return Err(Denied::Ambiguous);
        }
        let target = match query {
            Some("") => Cow::Borrowed(path),
            Some(_) if signed > 0 => Cow::Owned(without_signing(path, query.unwrap_or_default(), own)),
            _ => Cow::Borrowed(request.target),
        };
        Ok(Self {
            key_id: decode(key_id),
            signature: decode(signature.unwrap_or_default()),
            policy: policy.map(decode),
            expires: expires.map(decode),
            hash: match hash.map(decode).as_deref() {
                None | Some("SHA1") => Hash::Sha1,
                Some("SHA256") => Hash::Sha256,
                Some(_) => return Err(Denied::Ambiguous),
            },
            session,
            target,
        })
    }

    /// The id of the key that is said to have signed; foreign text.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The target without signing parameters, its own query in its original order.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Gives [`Presented::target`] away.
    pub fn into_target(self) -> Cow<'a, str> {
        self.target
    }

    /// Collects what the check of the signature depends on besides the key.
    pub fn evidence(&self, request: &Request<'_>, key: &Key) -> Result<Evidence<'_>, Denied> {
        let session = match (key.session(), self.session) {
            (false, _) => None,
            (true, Some(cookie)) => Some(Cow::Borrowed(cookie)),
            (true, None) => return Err(Denied::NoSession),
        };
        // Policy and Expires together are a custom policy.
        let statement = match (&self.policy, &self.expires) {
            (Some(policy), _) => Statement::Custom(Cow::Borrowed(policy)),
            (None, Some(expires)) => Statement::Canned {
                until: canonical_seconds(expires).ok_or(Denied::MalformedPolicy)?,
                url: Cow::Owned([request.scheme, "://", request.host, &self.target].concat()),
            },
            (None, None) => return Err(Denied::MalformedPolicy),
        };
        Ok(Evidence { statement, signature: Cow::Borrowed(&self.signature), hash: self.hash, session })
    }
}

/// Everything that the check of a signature depends on besides the key: equal evidence has an equal result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Evidence<'a> {
    statement: Statement<'a>,
    signature: Cow<'a, str>,
    hash: Hash,
    session: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Statement<'a> {
    /// The policy in base64, as it was sent.
    Custom(Cow<'a, str>),
    Canned {
        url: Cow<'a, str>,
        until: u64,
    },
}

impl Evidence<'_> {
    /// Checks the signature, and the session cookie if the key wants one; not whether the policy covers a request.
    pub fn verify(&self, key: &Key) -> Result<Grant, Denied> {
        let signature = encoding::from_cloudfront(&self.signature, MAX_SIGNATURE)
            .filter(|signature| !signature.is_empty())
            .ok_or(Denied::MalformedSignature)?;
        let (bytes, policy, reach) = match &self.statement {
            Statement::Custom(text) => {
                let bytes = encoding::from_cloudfront(text, MAX_POLICY).ok_or(Denied::MalformedPolicy)?;
                let policy = Policy::parse(&bytes)?;
                (bytes, policy, Reach::Pattern)
            }
            Statement::Canned { url, until } => {
                let bytes = policy::canned(url, *until).ok_or(Denied::WrongSignature)?.into_bytes();
                let until = policy::moment(*until).ok_or(Denied::MalformedPolicy)?;
                let policy = Policy { resource: Some(url.to_string()), after: None, until, address: None };
                (bytes, policy, Reach::Url)
            }
        };
        key.verify(self.hash, &bytes, &signature)?;
        let session = match &self.session {
            Some(cookie) => Some(session::verify(key, cookie, &bytes)?),
            None => None,
        };
        let mark = match &self.statement {
            Statement::Canned { url, .. } => Mark::of(url),
            Statement::Custom(_) => None,
        };
        Ok(Grant { key: key.id().clone(), policy, reach, session, mark })
    }

    /// Copies what is borrowed, to be remembered.
    pub fn into_owned(self) -> Evidence<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Evidence {
            statement: match self.statement {
                Statement::Custom(policy) => Statement::Custom(own(policy)),
                Statement::Canned { url, until } => Statement::Canned { url: own(url), until },
            },
            signature: own(self.signature),
            hash: self.hash,
            session: self.session.map(own),
        }
    }
}

fn index_of(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| *known == name)
}

fn parameter_of(parameter: &str) -> Option<(usize, &str)> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    index_of(name).map(|index| (index, value))
}

fn cookie_of(cookie: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(cookie).ok()?.split_once('=')?;
    Some((name.trim(), value.trim().trim_matches('"')))
}

fn without_signing(path: &str, query: &str, own: usize) -> String {
    let mut target = String::with_capacity(path.len() + 16);
    target.push_str(path);
    if own > 0 {
        let mut separator = '?';
        for parameter in query.split('&').filter(|parameter| parameter_of(parameter).is_none()) {
            target.push(separator);
            target.push_str(parameter);
            separator = '&';
        }
        if target.len() == path.len() + 1 {
            target.pop();
        }
    }
    target
}

/// Percent-decodes a value: some signers write `~` as `%7E`. What is no UTF-8 stays as it is and will not be accepted.
fn decode(value: &str) -> Cow<'_, str> {
    if value.contains('%') {
        percent_decode_str(value).decode_utf8().unwrap_or(Cow::Borrowed(value))
    } else {
        Cow::Borrowed(value)
    }
}

/// Reads seconds that are written as JSON would write them.
fn canonical_seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn find<'a>(target: &'a str, cookies: &'a [&'a [u8]]) -> Result<Presented<'a>, Denied> {
        Presented::find(&Request {
            scheme: "http",
            host: "h",
            target,
            cookies,
            client: "192.0.2.1".parse().unwrap(),
            now: Timestamp(0),
        })
    }

    #[test]
    fn signing_parameters_are_taken_out_and_the_rest_keeps_its_order() {
        let check = |target: &str, expected: &str| {
            assert_eq!(find(target, &[]).unwrap().target(), expected, "{target}");
        };
        check("/a?Key-Pair-Id=K", "/a");
        check("/a?b=1&Key-Pair-Id=K&c=2", "/a?b=1&c=2");
        check("/a?Signature=s&b=1&Policy=p&Key-Pair-Id=K&b=1", "/a?b=1&b=1");
        check("/a?Key-Pair-Id=K&Expires=1&Signature=s&Hash-Algorithm=SHA256&c", "/a?c");
        check("/a?Key-Pair-Id=K&key-pair-id=x&Policyx=1", "/a?key-pair-id=x&Policyx=1");
        check("/a?Key-Pair-Id=K?b", "/a");
        check("/a?&Key-Pair-Id=K", "/a");
        check("/a?&Key-Pair-Id=K&b", "/a?&b");
    }

    #[test]
    fn any_signing_parameter_in_the_query_hides_the_cookies() {
        let cookies: &[&[u8]] = &[b"CloudFront-Key-Pair-Id=C; CloudFront-Policy=cp; CloudFront-Signature=cs"];
        assert_eq!(find("/a?b=1", cookies).unwrap().key_id(), "C");
        assert_eq!(find("/a?b=1", cookies).unwrap().target(), "/a?b=1");
        assert_eq!(find("/a?", cookies).unwrap().target(), "/a");
        assert_eq!(find("/a?Key-Pair-Id=K", cookies).unwrap().key_id(), "K");
        assert_eq!(find("/a?Key-Pair-Id=K", cookies).unwrap().policy, None);
        for lone in ["/a?Expires=1", "/a?Policy=p", "/a?Signature", "/a?Hash-Algorithm=SHA1"] {
            assert_eq!(find(lone, cookies), Err(Denied::NoKey), "{lone}");
        }
    }

    #[test]
    fn a_parameter_that_stands_twice_is_refused() {
        for name in NAMES {
            let target = format!("/a?Key-Pair-Id=K&{name}=x&{name}=x");
            assert_eq!(find(&target, &[]), Err(Denied::Ambiguous), "{name}");
        }
        assert_eq!(find("/a?Key-Pair-Id=K&Hash-Algorithm=MD5", &[]), Err(Denied::Ambiguous));
    }

    #[test]
    fn cookies_are_read_from_all_headers_and_the_first_of_a_name_counts() {
        let cookies: &[&[u8]] = &[
            b"x=\xff; =; CloudFront-Policy=one;CloudFront-Signature=\"a%7Eb\"",
            b"CloudFront-Policy=two; CloudFront-Key-Pair-Id=K; CloudFront-Hash-Algorithm=SHA256; kinora-psid=p; kinora-psid=q",
        ];
        let presented = find("/a", cookies).unwrap();
        assert_eq!(presented.policy.as_deref(), Some("one"));
        assert_eq!(presented.signature, "a~b");
        assert_eq!(presented.hash, Hash::Sha256);
        assert_eq!(presented.session, Some("p"));
        assert_eq!(find("/a", &[b"CloudFront-Policy=p"]), Err(Denied::NoKey));
        assert_eq!(find("/a", &[]), Err(Denied::NoKey));
    }

    #[test]
    fn expiry_is_read_only_as_json_writes_it() {
        let check = |text, expected| assert_eq!(canonical_seconds(text), expected, "{text}");
        check("0", Some(0));
        check("1700000000", Some(1_700_000_000));
        for bad in ["", "01", "+1", "-1", "1.0", "1e3", " 1", "99999999999999999999"] {
            check(bad, None);
        }
    }
}
