//! Parts of a body, and whether a client has it already.

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http_body_util::BodyExt as _;
use http_face::conditional::{Have, Part};

use crate::input::lines;
use crate::place::runtime;

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

/// Conditions of a client: the tag decides if one is given, else the date.
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
    // A client that has a copy of this moment or later also has one of any older moment.
    if is_known(&MODIFIED, std::slice::from_ref(&since)) == Some(true) {
        assert_eq!(is_known(&EARLIER, std::slice::from_ref(&since)), Some(true), "{since:?}");
    }
}
