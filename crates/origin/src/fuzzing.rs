//! Doors for the fuzz targets: parsers of headers that are private to this crate.

use std::ops::Range;

use http::HeaderMap;

use crate::range::{self, Asked};

/// The status, and which bytes of a body of that length and ETag are sent.
pub fn asked(headers: &HeaderMap, length: u64, etag: &str) -> (u16, Range<u64>) {
    match range::asked(headers, length, etag) {
        Asked::Whole => (200, 0..length),
        Asked::Part(range) => (206, range),
        Asked::Unsatisfiable => (416, 0..0),
    }
}
