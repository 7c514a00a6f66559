//! Answers from what is kept or on its way: conditions, ranges, HEAD (RFC 9110 §13, §14).

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AGE, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_face::conditional::{Have, Part};

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
    let have = Have { length: meta.length, etag: meta.etag(), modified: meta.modified() };
    if have.is_known(&parts.headers) {
        fields.remove(CONTENT_LENGTH);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    match have.part(&parts.method, &parts.headers) {
        Part::Whole if is_get => *response.body_mut() = content.part(0..meta.length),
        Part::Whole => {}
        Part::Bytes(range) => {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, meta.length);
            set(fields, CONTENT_RANGE, &text);
            fields.insert(CONTENT_LENGTH, headers::number(range.end - range.start));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            *response.body_mut() = content.part(range);
        }
        Part::Outside => {
            set(fields, CONTENT_RANGE, &format!("bytes */{}", meta.length));
            fields.insert(CONTENT_LENGTH, headers::number(0));
            fields.remove(CONTENT_TYPE);
            // Only the whole answer may be cached.
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
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

#[cfg(test)]
mod tests {
    use http::Request;

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
        check("HEAD", &[("range", "bytes=10-")], 200, None, Some(10));
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
}
