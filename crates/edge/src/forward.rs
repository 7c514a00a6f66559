//! Requests to upstreams.

use http::header::{
    ACCEPT, HOST, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::request::Parts;
use http::{Method, Request, Uri};
use model::delivery::Origin;

use crate::body::Body;
use crate::cache::Entry;
use crate::headers::{self, CDN_IDENTIFIER, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use crate::refusal::Refusal;
use crate::upstream::CdnSecret;
use crate::viewer::Viewer;

/// Request fields that are forwarded to the upstream for media.
const PASSED: [HeaderName; 7] =
    [ACCEPT, RANGE, IF_RANGE, IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// A request whose answer may be given to everyone: it tells nothing about the viewer.
pub(crate) fn common(
    origin: Origin,
    target: &str,
    viewer: &Viewer<'_>,
    secret: &CdnSecret,
    stale: Option<&Entry>,
) -> Result<Request<Body>, Refusal> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri(target)?;
    let headers = request.headers_mut();
    match origin {
        Origin::Packager => {
            headers.insert(CDN_IDENTIFIER, secret.header());
        }
        Origin::Site => place(headers, viewer)?,
    }
    if let Some(entry) = stale {
        if let Some(etag) = entry.meta.etag() {
            headers.insert(IF_NONE_MATCH, etag.clone());
        } else if let Some(modified) = entry.meta.modified() {
            headers.insert(IF_MODIFIED_SINCE, modified.clone());
        }
    }
    Ok(request)
}

/// A viewer's own request, handed on.
pub(crate) fn own(
    origin: Origin,
    target: &str,
    parts: &Parts,
    viewer: &Viewer<'_>,
    secret: &CdnSecret,
    body: Body,
) -> Result<Request<Body>, Refusal> {
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri(target)?;
    match origin {
        Origin::Packager => {
            *request.body_mut() = Body::empty();
            let headers = request.headers_mut();
            for name in &PASSED {
                for value in parts.headers.get_all(name) {
                    headers.append(name, value.clone());
                }
            }
            headers.insert(CDN_IDENTIFIER, secret.header());
        }
        Origin::Site => {
            let mut headers = parts.headers.clone();
            headers::end_connection(&mut headers);
            headers::remove_ours(&mut headers);
            place(&mut headers, viewer)?;
            headers.insert(X_FORWARDED_FOR, value(&viewer.address.to_string())?);
            *request.headers_mut() = headers;
        }
    }
    Ok(request)
}

/// Whether a method is one that every behaviour takes.
pub(crate) fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn place(headers: &mut HeaderMap, viewer: &Viewer<'_>) -> Result<(), Refusal> {
    let host = value(viewer.host)?;
    headers.insert(HOST, host.clone());
    headers.insert(X_FORWARDED_HOST, host);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(viewer.scheme));
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Refusal> {
    HeaderValue::from_str(text).map_err(|_| Refusal::BadRequest("not a Host"))
}

fn uri(target: &str) -> Result<Uri, Refusal> {
    target.parse().map_err(|_| Refusal::BadRequest("not a path and query"))
}
