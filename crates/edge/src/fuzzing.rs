//! Doors for the fuzz targets: parsers of headers that are private to this crate.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{ETAG, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_face::door::Peer;
use model::Cidr;

use crate::Body;
use crate::answer::{self, Content};
use crate::cache::Meta;
use crate::viewer::Viewer;

/// Answers a GET with these headers from a kept body.
pub fn answer(asked: HeaderMap, etag: &'static str, body: &Bytes) -> Response<Body> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = asked;
    let kept = [(ETAG, HeaderValue::from_static(etag))].into_iter().collect();
    let meta = Meta::new(StatusCode::OK, kept, body.len() as u64);
    answer::answer(&parts, &meta, Content::Whole(body), None)
}

/// Client address, scheme and host of a request; `None` where the request is refused.
pub fn viewer(
    parts: &Parts,
    peer: IpAddr,
    tls: bool,
    trusted: &[Cidr],
) -> Option<(IpAddr, &'static str, String)> {
    let viewer = Viewer::of(parts, Peer { address: peer, tls }, trusted).ok()?;
    Some((viewer.address, viewer.scheme, viewer.host.to_owned()))
}
