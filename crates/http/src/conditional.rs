//! Conditional and range requests: conditions and a single range (RFC 9110 §13, §14),
//! read alike wherever bodies are cut.

use std::ops::Range;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, Method};

/// The current state of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Have<'a> {
    /// Bytes of the body.
    pub length: u64,
    /// Its `ETag`.
    pub etag: Option<&'a HeaderValue>,
    /// Its `Last-Modified`.
    pub modified: Option<&'a HeaderValue>,
}

/// The requested part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// These bytes; never empty, within the body.
    Bytes(Range<u64>),
    /// Bytes behind the end.
    Outside,
}

impl Have<'_> {
    /// Whether the client has the same already: `If-None-Match` by weak comparison, where `*` is anything that there is
    /// (§13.1.2), and only without it `If-Modified-Since` (§13.2.2).
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(IF_NONE_MATCH) {
            // Tags are bytes: one that is no text hides none of the others (§8.8.3, obs-text).
            let lists = headers.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
            let etag = self.etag.map(|etag| weak(etag.as_bytes()));
            return lists
                .flat_map(|list| list.split(|&byte| byte == b','))
                .map(<[u8]>::trim_ascii)
                .any(|known| known == b"*" || Some(weak(known)) == etag);
        }
        match (headers.get(IF_MODIFIED_SINCE), self.modified) {
            (Some(since), Some(modified)) => {
                since == modified || date(since) >= date(modified) && date(modified).is_some()
            }
            _ => false,
        }
    }

    /// The part that is asked for. Only a GET asks for one; several parts, other units and what cannot be read are
    /// answered with the whole, as §14.2 allows: nobody needs them.
    pub fn part(&self, method: &Method, headers: &HeaderMap) -> Part {
        let mut values = headers.get_all(RANGE).iter();
        let (&Method::GET, Some(value), None) = (method, values.next(), values.next()) else {
            return Part::Whole;
        };
        if headers.get(IF_RANGE).is_some_and(|only_if| !self.is(only_if)) {
            return Part::Whole;
        }
        value.to_str().ok().and_then(|text| part(text, self.length)).unwrap_or(Part::Whole)
    }

    /// Whether `If-Range` names exactly this (§13.1.5: no weak tags).
    fn is(&self, only_if: &HeaderValue) -> bool {
        let strong = |tag: &&HeaderValue| tag.as_bytes().starts_with(b"\"");
        self.etag.filter(strong) == Some(only_if) || self.modified == Some(only_if)
    }
}

fn weak(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

fn date(value: &HeaderValue) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(value.to_str().ok()?).ok().map(|date| date.timestamp())
}

fn part(text: &str, length: u64) -> Option<Part> {
    let (unit, set) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let range = match (number(first)?, number(last)?) {
        (None, None) => return None,
        (None, Some(suffix)) => length.saturating_sub(suffix)..length,
        (Some(first), None) => first..length,
        (Some(first), Some(last)) if first <= last => first..length.min(last.saturating_add(1)),
        (Some(_), Some(_)) => return None,
    };
    Some(if range.start < range.end { Part::Bytes(range) } else { Part::Outside })
}

/// `Some(None)` for nothing, `None` for what is no number. Numbers above 64 bits are the largest.
fn number(digits: &str) -> Option<Option<u64>> {
    if digits.is_empty() {
        return Some(None);
    }
    let valid = digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| Some(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use proptest::prelude::*;

    use super::*;

    static ETAG: HeaderValue = HeaderValue::from_static("\"v1\"");
    static MODIFIED: HeaderValue = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn have(length: u64) -> Have<'static> {
        Have { length, etag: Some(&ETAG), modified: Some(&MODIFIED) }
    }

    fn check(value: &str, expected: &Part) {
        assert_eq!(have(10).part(&Method::GET, &headers(&[(RANGE, value)])), *expected, "{value}");
    }

    #[test]
    fn one_range_is_understood() {
        check("bytes=0-0", &Part::Bytes(0..1));
        check("bytes=0-", &Part::Bytes(0..10));
        check("Bytes=2-5", &Part::Bytes(2..6));
        check("bytes=5-99999999999999999999999", &Part::Bytes(5..10));
        check("bytes=-3", &Part::Bytes(7..10));
        check("bytes=-30", &Part::Bytes(0..10));
        check("bytes=10-", &Part::Outside);
        check("bytes=99999999999999999999-", &Part::Outside);
        check("bytes=-0", &Part::Outside);
    }

    #[test]
    fn everything_else_is_ignored() {
        for value in [
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=a-b",
            "bytes=+1-2",
        ] {
            check(value, &Part::Whole);
        }
        assert_eq!(have(10).part(&Method::GET, &HeaderMap::new()), Part::Whole);
        let mut twice = headers(&[(RANGE, "bytes=0-1")]);
        twice.append(RANGE, "bytes=2-3".parse().unwrap());
        assert_eq!(have(10).part(&Method::GET, &twice), Part::Whole);
        for range in ["bytes=0-1", "bytes=10-"] {
            assert_eq!(have(10).part(&Method::HEAD, &headers(&[(RANGE, range)])), Part::Whole);
        }
    }

    #[test]
    fn if_range_asks_for_exactly_what_there_is() {
        let with = |only_if: &str| {
            have(10).part(&Method::GET, &headers(&[(RANGE, "bytes=1-2"), (IF_RANGE, only_if)]))
        };
        for same in ["\"v1\"", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(with(same), Part::Bytes(1..3), "{same}");
        }
        for other in ["\"v2\"", "W/\"v1\"", "Tue, 15 Nov 1994 12:45:26 GMT"] {
            assert_eq!(with(other), Part::Whole, "{other}");
        }
    }

    #[test]
    fn what_the_client_has_is_known_by_tag_or_else_by_date() {
        let known = |fields: &[(HeaderName, &str)]| have(10).is_known(&headers(fields));
        for tags in ["\"v1\"", "W/\"v1\"", "\"v0\", W/\"v1\"", "\"\u{768}\",\t\"v1\"", "*"] {
            assert!(known(&[(IF_NONE_MATCH, tags)]), "{tags}");
        }
        assert!(!known(&[(IF_NONE_MATCH, "\"v2\"")]) && !known(&[]));
        assert!(!known(&[(IF_NONE_MATCH, "\"v2\""), (IF_MODIFIED_SINCE, MODIFIED.to_str().unwrap())]));
        for (date, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Mon, 07 Nov 1994 08:49:37 GMT", true),
            ("Sat, 05 Nov 1994 08:49:37 GMT", false),
            ("rubbish", false),
        ] {
            assert_eq!(known(&[(IF_MODIFIED_SINCE, date)]), expected, "{date}");
        }
        let nothing = Have { length: 10, etag: None, modified: None };
        assert!(nothing.is_known(&headers(&[(IF_NONE_MATCH, "*")])), "there is something");
        assert!(!nothing.is_known(&headers(&[(IF_NONE_MATCH, "\"v1\"")])));
    }

    proptest! {
        #[test]
        fn any_text_gives_a_part_within_the_body(text in "\\PC{0,30}|bytes=[0-9]{0,21}-[0-9]{0,21}", length in any::<u64>()) {
            if let Some(Part::Bytes(range)) = part(&text, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
