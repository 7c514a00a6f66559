//! Answers from what is kept or on its way: conditions, ranges, HEAD (RFC 9110 §13, §14).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::cache::{Fill, Meta};
use crate::headers;

/// Where the body is.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    /// In memory.
    Whole(&'a Bytes),
    /// On its way.
    Coming(&'a Arc<Fill>),
}

impl Content<'_> {
    fn part(self, range: Range<u64>) -> Body {
        match self {
            // Ranges lie within the length, which is that of a slice.
            Self::Whole(bytes) => bytes.slice(range.start as usize..range.end as usize).into(),
            Self::Coming(fill) => Body::shared(fill.reader(range.start, range.end)),
        }
    }
}

/// Answers a GET or HEAD.
pub(crate) fn answer(
    parts: &Parts,
    meta: &Meta,
    content: Content<'_>,
    age: Option<Duration>,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = meta.headers.clone();
    let fields = response.headers_mut();
    match age {
        Some(age) => fields.insert(AGE, headers::number(age.as_secs())),
        None => fields.remove(AGE),
    };
    let is_get = parts.method == Method::GET;
    if meta.status != StatusCode::OK {
        *response.status_mut() = meta.status;
        if is_get {
            *response.body_mut() = content.part(0..meta.length);
        }
        return response;
    }
    if is_unchanged(&parts.headers, meta) {
        fields.remove(CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if !is_get {
        return response;
    }
    match asked(&parts.headers, meta) {
        Asked::Whole => *response.body_mut() = content.part(0..meta.length),
        Asked::Part(range) => {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, meta.length);
            set(fields, CONTENT_RANGE, &text);
            fields.insert(CONTENT_LENGTH, headers::number(range.end - range.start));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            *response.body_mut() = content.part(range);
        }
        Asked::Outside => {
            set(fields, CONTENT_RANGE, &format!("bytes */{}", meta.length));
            fields.insert(CONTENT_LENGTH, headers::number(0));
            fields.remove(CONTENT_TYPE);
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        }
    }
    response
}

fn set(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whether the client has the same already.
fn is_unchanged(headers: &HeaderMap, meta: &Meta) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return meta.etag().and_then(|etag| etag.to_str().ok()).is_some_and(|etag| {
            headers
                .get_all(IF_NONE_MATCH)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|known| known.trim() == "*" || weak(known.trim()) == weak(etag))
        });
    }
    match (headers.get(IF_MODIFIED_SINCE), meta.modified()) {
        (Some(since), Some(modified)) => {
            since == modified || date(since) >= date(modified) && date(modified).is_some()
        }
        _ => false,
    }
}

fn weak(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn date(value: &HeaderValue) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(value.to_str().ok()?).ok().map(|date| date.timestamp())
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// The asked part. Several parts, other units and what cannot be read are answered with the whole.
fn asked(headers: &HeaderMap, meta: &Meta) -> Asked {
    let Some(range) = headers::only(headers, &RANGE) else { return Asked::Whole };
    if headers.contains_key(IF_RANGE) && !is_same(headers, meta) {
        return Asked::Whole;
    }
    let Some((unit, range)) = range.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::Whole };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let length = meta.length;
    let number = |digits: &str| {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // More than fits is beyond every end.
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let (start, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Some(first), None) if last.is_empty() => (first, length),
        (None, Some(last)) if first.is_empty() => {
            (if last == 0 { length } else { length.saturating_sub(last) }, length)
        }
        _ => return Asked::Whole,
    };
    if start < end { Asked::Part(start..end) } else { Asked::Outside }
}

/// Whether `If-Range` names exactly what we have (RFC 9110 §13.1.5: no weak tags).
fn is_same(headers: &HeaderMap, meta: &Meta) -> bool {
    let Some(wanted) = headers.get(IF_RANGE) else { return true };
    let strong = |tag: &&HeaderValue| tag.as_bytes().starts_with(b"\"");
    meta.etag().filter(strong) == Some(wanted) || meta.modified() == Some(wanted)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn parts(method: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn meta() -> Meta {
        let mut headers = HeaderMap::new();
        headers.insert("etag", HeaderValue::from_static("\"v1\""));
        headers.insert("last-modified", HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        Meta::new(StatusCode::OK, headers, 10)
    }

    fn check(method: &str, fields: &[(&str, &str)], status: u16, range: Option<&str>, length: Option<u64>) {
        let body = Bytes::from_static(b"0123456789");
        let response = answer(&parts(method, fields), &meta(), Content::Whole(&body), None);
        let text =
            |name| response.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
        assert_eq!(response.status().as_u16(), status, "{fields:?}");
        assert_eq!(text(CONTENT_RANGE).as_deref(), range, "{fields:?}");
        assert_eq!(text(CONTENT_LENGTH), length.map(|n| n.to_string()), "{fields:?}");
        let sent = http_body::Body::size_hint(response.body()).exact();
        let expected = if method == "GET" { length.unwrap_or(0) } else { 0 };
        assert_eq!(sent, Some(expected), "{fields:?}");
    }

    #[test]
    fn parts_are_cut_out_of_the_whole() {
        check("GET", &[], 200, None, Some(10));
        check("HEAD", &[], 200, None, Some(10));
        check("HEAD", &[("range", "bytes=0-1")], 200, None, Some(10));
        check("GET", &[("range", "bytes=0-0")], 206, Some("bytes 0-0/10"), Some(1));
        check("GET", &[("range", "bytes=2-")], 206, Some("bytes 2-9/10"), Some(8));
        check("GET", &[("range", "Bytes=8-99999999999999999999")], 206, Some("bytes 8-9/10"), Some(2));
        check("GET", &[("range", "bytes=-3")], 206, Some("bytes 7-9/10"), Some(3));
        check("GET", &[("range", "bytes=-30")], 206, Some("bytes 0-9/10"), Some(10));
        check("GET", &[("range", "bytes=10-")], 416, Some("bytes */10"), Some(0));
        check("GET", &[("range", "bytes=-0")], 416, Some("bytes */10"), Some(0));
        for whole in ["bytes=0-1,3-4", "bytes=3-1", "bytes=-", "bytes=x-", "bytes", "items=0-1", "bytes=+1-2"]
        {
            check("GET", &[("range", whole)], 200, None, Some(10));
        }
        check("GET", &[("range", "bytes=0-1"), ("range", "bytes=2-3")], 200, None, Some(10));
    }

    #[test]
    fn conditions_are_kept() {
        check("GET", &[("if-none-match", "\"v1\"")], 304, None, None);
        check("HEAD", &[("if-none-match", "\"v0\", W/\"v1\"")], 304, None, None);
        check("GET", &[("if-none-match", "*"), ("range", "bytes=0-1")], 304, None, None);
        check("GET", &[("if-none-match", "\"v2\"")], 200, None, Some(10));
        check("GET", &[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], 304, None, None);
        check("GET", &[("if-modified-since", "Mon, 07 Nov 1994 08:49:37 GMT")], 304, None, None);
        check("GET", &[("if-modified-since", "Sat, 05 Nov 1994 08:49:37 GMT")], 200, None, Some(10));
        check("GET", &[("if-modified-since", "rubbish")], 200, None, Some(10));
        let part = ("range", "bytes=0-1");
        check("GET", &[part, ("if-range", "\"v1\"")], 206, Some("bytes 0-1/10"), Some(2));
        check(
            "GET",
            &[part, ("if-range", "Sun, 06 Nov 1994 08:49:37 GMT")],
            206,
            Some("bytes 0-1/10"),
            Some(2),
        );
        check("GET", &[part, ("if-range", "W/\"v1\"")], 200, None, Some(10));
        check("GET", &[part, ("if-range", "\"v2\"")], 200, None, Some(10));
    }

    proptest! {
        #[test]
        fn ranges_never_leave_the_body(range in "(bytes=)?[0-9,=-]{0,24}") {
            let headers = parts("GET", &[("range", &range)]).headers;
            if let Asked::Part(part) = asked(&headers, &meta()) {
                prop_assert!(part.start < part.end && part.end <= 10);
            }
        }
    }
}
