//! Status and headers of an answer.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_face::conditional::{Have, Part};
use package::Cache;

use crate::ready::Ready;

/// The path names a generation: what it answers never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Rates become exact when the asset is complete.
const REVALIDATE: HeaderValue = HeaderValue::from_static("public, max-age=5");

/// How an answer begins, and which bytes of the body follow.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `None` where the status has no body of its own.
    pub(crate) body: Option<Range<u64>>,
}

/// Decides by the request's conditions (RFC 9110 §13.2.2): `If-None-Match` first, then `Range`.
pub(crate) fn head(method: &Method, request: &HeaderMap, ready: &Ready) -> Head {
    let (length, etag) = (ready.answer.length, &ready.etag);
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, etag.clone());
    let cache = match ready.answer.cache {
        Cache::Immutable => IMMUTABLE,
        Cache::Revalidate => REVALIDATE,
    };
    headers.insert(header::CACHE_CONTROL, cache);
    let have = Have { length, etag: Some(etag), modified: None };
    if have.is_known(request) {
        return Head { status: StatusCode::NOT_MODIFIED, headers, body: None };
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let (status, range) = match have.part(method, request) {
        Part::Whole => (StatusCode::OK, Some(0..length)),
        Part::Bytes(range) => {
            content_range(&mut headers, &format!("bytes {}-{}/{length}", range.start, range.end - 1));
            (StatusCode::PARTIAL_CONTENT, Some(range))
        }
        Part::Outside => {
            headers.remove(header::CACHE_CONTROL);
            content_range(&mut headers, &format!("bytes */{length}"));
            return Head { status: StatusCode::RANGE_NOT_SATISFIABLE, headers, body: None };
        }
    };
    if let Some(range) = &range {
        headers.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ready.answer.content_type));
    Head { status, headers, body: range }
}

fn content_range(headers: &mut HeaderMap, text: &str) {
    let value = HeaderValue::from_str(text).expect("digits are a header value");
    headers.insert(header::CONTENT_RANGE, value);
}
