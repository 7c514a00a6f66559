//! Whether and how long an answer may be kept (RFC 9111 §3, §4.2).

use std::time::Duration;

use http::header::{AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, LAST_MODIFIED, SET_COOKIE, VARY};
use http::{HeaderMap, StatusCode};
use model::Timestamp;

use crate::headers;

/// Longest time that anything is fresh, in s: a year.
const MAX: u64 = 31_536_000;

/// Allowed uses of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Keep it, fresh for so long; at 0 it must be confirmed each time.
    For {
        /// From now on.
        fresh: Duration,
        /// Its age on arrival.
        age: Duration,
    },
    /// Give it to those who wait for it now, then forget it.
    Share,
    /// The answer is for one viewer only.
    Alone,
}

/// Decides by status and headers of an upstream's answer that came `now` to a request that tells nothing about the viewer.
pub(crate) fn keep(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Keep {
    let said = |directive| headers::has_token(headers, &CACHE_CONTROL, directive);
    if headers.contains_key(SET_COOKIE) || said("private") || headers::has_token(headers, &VARY, "*") {
        return Keep::Alone;
    }
    if status != StatusCode::OK || said("no-store") {
        return Keep::Share;
    }
    let age = headers::only(headers, &AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0u64).min(MAX);
    let lifetime = if said("no-cache") {
        Some(0)
    } else {
        directive(headers, "s-maxage")
            .or_else(|| directive(headers, "max-age"))
            .or_else(|| expires(headers, now))
    };
    let fresh = lifetime.unwrap_or(0).min(MAX).saturating_sub(age);
    if fresh == 0 && !headers.contains_key(ETAG) && !headers.contains_key(LAST_MODIFIED) {
        return Keep::Share;
    }
    // Without a word about freshness nothing is kept: guessing is for caches that know no better.
    if lifetime.is_none() {
        return Keep::Share;
    }
    Keep::For { fresh: Duration::from_secs(fresh), age: Duration::from_secs(age) }
}

/// The seconds of a directive; 0 if it is written badly, as RFC 9111 §4.2.1 suggests.
fn directive(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|item| item.trim().split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"').parse().unwrap_or(0))
}

fn expires(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let expires = headers.get(EXPIRES)?;
    let moment = |value: &http::HeaderValue| {
        value
            .to_str()
            .ok()
            .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
            .map(|date| date.timestamp().as_second())
    };
    let from = headers.get(DATE).and_then(moment).unwrap_or(now.seconds());
    // An unreadable date is one of the past.
    let seconds = moment(expires).map_or(0, |until| until - from);
    Some(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_origin_says_what_is_kept() {
        let check = |status: u16, fields: &[(&'static str, &'static str)], expected: Keep| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let now = Timestamp(784_111_777_000);
            assert_eq!(keep(StatusCode::from_u16(status).unwrap(), &headers, now), expected, "{fields:?}");
        };
        let fresh =
            |fresh, age| Keep::For { fresh: Duration::from_secs(fresh), age: Duration::from_secs(age) };
        let cc = "cache-control";
        check(200, &[(cc, "public, max-age=31536000, immutable")], fresh(31_536_000, 0));
        check(200, &[(cc, "max-age=10, s-maxage=20")], fresh(20, 0));
        check(200, &[(cc, "public"), (cc, "Max-Age=\"5\"")], fresh(5, 0));
        check(200, &[(cc, "max-age=10"), ("age", "4")], fresh(6, 4));
        check(200, &[(cc, "max-age=10"), ("age", "14"), ("etag", "\"a\"")], fresh(0, 14));
        check(200, &[(cc, "no-cache"), ("etag", "\"a\"")], fresh(0, 0));
        check(200, &[(cc, "no-cache")], Keep::Share);
        check(200, &[(cc, "max-age=x")], Keep::Share);
        check(200, &[], Keep::Share);
        check(200, &[("etag", "\"a\"")], Keep::Share);
        check(200, &[(cc, "no-store, max-age=5")], Keep::Share);
        check(200, &[(cc, "private, max-age=5")], Keep::Alone);
        check(200, &[(cc, "max-age=5"), ("set-cookie", "a=b")], Keep::Alone);
        check(200, &[(cc, "max-age=5"), ("vary", "accept, *")], Keep::Alone);
        check(503, &[(cc, "max-age=5")], Keep::Share);
        check(404, &[(cc, "private")], Keep::Alone);
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(200, &[date, ("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], fresh(60, 0));
        check(200, &[date, ("expires", "0")], Keep::Share);
        // Without a date, from when it came.
        check(200, &[("expires", "Sun, 06 Nov 1994 08:51:37 GMT")], fresh(120, 0));
    }
}
