//! Which pages of browsers may send parts here: those of the installation's own public address, and no others
//! (Fetch §3.2). They may PUT with what a presigned part needs, and read the answer's ETag. Nothing is ever sent
//! with cookies.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use s3s::Body;

/// Headers that a page may send.
const ALLOWED: [&str; 3] = ["content-type", "content-md5", "x-amz-checksum-crc32"];
/// Headers of answers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, x-amz-checksum-crc32, x-amz-request-id");
/// Seconds a browser remembers the permission.
const REMEMBERED: HeaderValue = HeaderValue::from_static("3600");

/// The origin of a request, if its pages are allowed here.
pub(crate) fn origin(allowed: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let mut given = headers.get_all(ORIGIN).iter();
    let (origin, None) = (given.next()?, given.next()) else { return None };
    allowed.iter().any(|own| own.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Whether a browser asks what a page may do (a preflight).
pub(crate) fn is_question(request: &Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight of a page from `origin`; what is not allowed is refused without a word of permission.
pub(crate) fn answer(request: &Parts, origin: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    let put = request.headers.get(ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|method| method == "PUT");
    let Some(origin) = origin.filter(|_| put && asks_for_allowed(&request.headers)) else {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("PUT"));
    if let Ok(value) = HeaderValue::from_str(&ALLOWED.join(", ")) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn asks_for_allowed(headers: &HeaderMap) -> bool {
    headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().all(|line| {
        let names = line.to_str().unwrap_or("?").split(',').map(str::trim).filter(|name| !name.is_empty());
        names.into_iter().all(|name| ALLOWED.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)))
    })
}

/// Lets a page of `origin` read an answer, errors too.
pub(crate) fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
