//! A single byte range (RFC 9110 §14).

use std::ops::Range;

use http::{HeaderMap, header};

/// What part of a body is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All of it.
    Whole,
    /// These bytes; never empty, within the body.
    Part(Range<u64>),
    /// Bytes behind the end.
    Unsatisfiable,
}

/// Reads `Range` and `If-Range` for a body of that length and ETag. What is not one valid range of bytes is
/// ignored, as §14.2 allows: nobody needs several.
pub(crate) fn asked(headers: &HeaderMap, length: u64, etag: &str) -> Asked {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Asked::Whole };
    if headers.get(header::IF_RANGE).is_some_and(|only_if| only_if.as_bytes() != etag.as_bytes()) {
        return Asked::Whole;
    }
    value.to_str().ok().and_then(|text| parse(text, length)).unwrap_or(Asked::Whole)
}

fn parse(text: &str, length: u64) -> Option<Asked> {
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
    Some(if range.start < range.end { Asked::Part(range) } else { Asked::Unsatisfiable })
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
    use proptest::prelude::*;

    use super::*;

    fn check(value: &str, expected: &Asked) {
        let headers = [(header::RANGE, value.parse().unwrap())].into_iter().collect();
        assert_eq!(asked(&headers, 10, "\"e\""), *expected, "{value}");
    }

    #[test]
    fn one_range_is_understood() {
        check("bytes=0-0", &Asked::Part(0..1));
        check("bytes=0-", &Asked::Part(0..10));
        check("Bytes=2-5", &Asked::Part(2..6));
        check("bytes=5-99999999999999999999999", &Asked::Part(5..10));
        check("bytes=-3", &Asked::Part(7..10));
        check("bytes=-30", &Asked::Part(0..10));
        check("bytes=10-", &Asked::Unsatisfiable);
        check("bytes=99999999999999999999-", &Asked::Unsatisfiable);
        check("bytes=-0", &Asked::Unsatisfiable);
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
            check(value, &Asked::Whole);
        }
    }

    #[test]
    fn if_range_asks_for_the_same_etag() {
        let with = |etag: &str| {
            let pairs = [(header::RANGE, "bytes=1-2"), (header::IF_RANGE, etag)];
            let headers = pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect();
            asked(&headers, 10, "\"e\"")
        };
        assert_eq!(with("\"e\""), Asked::Part(1..3));
        for other in ["\"f\"", "W/\"e\"", "Tue, 15 Nov 1994 12:45:26 GMT"] {
            assert_eq!(with(other), Asked::Whole, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_range_within_the_body(text in "\\PC{0,30}|bytes=[0-9]{0,21}-[0-9]{0,21}", length in any::<u64>()) {
            if let Some(Asked::Part(range)) = parse(&text, length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
