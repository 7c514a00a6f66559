//! The parameters in the query of an address.

use http::Uri;
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// Parameters by which an address is signed, in lower case.
const SIGNING: [&str; 10] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "awsaccesskeyid",
    "expires",
    "signature",
];

/// Whether a parameter belongs to the signature of an address.
pub(crate) fn is_of_signature(name: &str) -> bool {
    SIGNING.iter().any(|signing| name.eq_ignore_ascii_case(signing))
}

/// The names and values of a query, decoded.
pub(crate) fn parameters(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(n, v)| (decode(n), decode(v)))
        .collect()
}

/// Takes parameters out of an address.
pub(crate) fn without(uri: &Uri, is_out: impl Fn(&str) -> bool) -> S3Result<Uri> {
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let stays = |pair: &&str| !parameters(pair).iter().any(|(name, _)| is_out(name));
    let left: Vec<&str> = query.split('&').filter(stays).collect();
    let text = match left.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), left.join("&")),
    };
    text.parse().map_err(|_| s3_error!(InvalidURI, "Invalid URL."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_out_by_their_decoded_names() {
        let check = |uri: &str, expected: &str| {
            let left = without(&uri.parse().unwrap(), |name| name == "Signature").unwrap();
            assert_eq!(left.to_string(), expected);
        };
        check("/a%20b", "/a%20b");
        check("/a?Signature=x", "/a");
        check("/a?b=c%26&Sig%6eature=x%3D&d", "/a?b=c%26&d");
    }
}
