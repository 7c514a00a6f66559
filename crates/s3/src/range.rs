//! `Range` headers that S3 ignores: a list of ranges, or one that cannot be read. The answer is the whole object (RFC 9110
//! §14.2 allows that).

use http::header::RANGE;
use http::{HeaderMap, Method};

/// Whether a request is a read whose `Range` is ignored.
pub(crate) fn is_ignored(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && headers.contains_key(RANGE) && !is_one_range(headers)
}

/// Whether there is one header with one range.
fn is_one_range(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(RANGE).iter();
    let (Some(first), None) = (all.next(), all.next()) else { return false };
    first.to_str().is_ok_and(|text| s3s::dto::Range::parse(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_range_counts() {
        let check = |values: &[&'static str], expected| {
            let headers = values.iter().map(|value| (RANGE, http::HeaderValue::from_static(value)));
            assert_eq!(is_one_range(&HeaderMap::from_iter(headers)), expected, "{values:?}");
        };
        for one in ["bytes=0-0", "bytes=5-", "bytes=-5", "bytes=0-18446744"] {
            check(&[one], true);
        }
        for other in ["bytes=0-0,2-3", "bytes=0-0, 2-3", "bytes=5-2", "bytes=", "items=0-1", "bytes=a-b", ""]
        {
            check(&[other], false);
        }
        let mut two = HeaderMap::new();
        two.append(RANGE, http::HeaderValue::from_static("bytes=0-0"));
        two.append(RANGE, http::HeaderValue::from_static("bytes=1-1"));
        assert!(!is_one_range(&two));
    }
}
