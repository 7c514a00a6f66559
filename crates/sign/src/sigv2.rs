//! AWS Signature Version 2 for S3, as presigned addresses have it: older clients make them by default.
//!
//! The signature covers method, path, the end of its life, `Content-MD5`, `Content-Type`, every `x-amz-` header and those
//! parameters of the query that [`COVERED`] names. A server that accepts it must refuse all other parameters, because
//! anybody could have added them. Clients put such headers into the address, too, where they count as headers: it is the
//! caller who moves them.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The parameters of a query that the signature covers (Amazon S3, "Signing and authenticating REST requests"), ordered.
pub const COVERED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// A request that came with a presigned address.
#[derive(Debug, Clone, Copy)]
pub struct Presigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it stands in the address, with the bucket before it even if that is part of the host: `/bucket/key`.
    pub path: &'a str,
    /// Names and values of the query, decoded.
    pub query: &'a [(String, String)],
    /// Headers, names in lower case, in any order.
    pub headers: &'a [(&'a str, &'a str)],
    /// The parameter `Expires` as it was sent: seconds since the epoch.
    pub expires: &'a str,
}

/// Whether `signature` (Base64) is that of the request by the owner of the secret. Takes the same time whatever is wrong.
/// Whether the address has expired is for the caller to say.
pub fn is_signed(request: &Presigned<'_>, signature: &str, secret: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let given = STANDARD.decode(signature).unwrap_or_default();
    hmac::verify(&key, string_to_sign(request).as_bytes(), &given).is_ok()
}

fn string_to_sign(request: &Presigned<'_>) -> String {
    let Presigned { method, path, query, headers, expires } = *request;
    let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value.trim());
    let mut text = format!("{method}\n{}\n{}\n{expires}\n", header("content-md5"), header("content-type"));
    let mut amz: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).collect();
    // Stable: values of one name stay in the order in which they were sent.
    amz.sort_by_key(|(name, _)| *name);
    for same in amz.chunk_by(|(a, _), (b, _)| a == b) {
        let values: Vec<&str> = same.iter().map(|(_, value)| value.trim()).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}:{}", same[0].0, values.join(","));
    }
    text.push_str(path);
    let mut covered: Vec<_> = query.iter().filter(|(name, _)| COVERED.contains(&name.as_str())).collect();
    covered.sort();
    for (n, (name, value)) in covered.into_iter().enumerate() {
        text.push(if n == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    type Vector = (
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );

    /// Method, path, query, headers, end, signature.
    const VECTORS: [Vector; 5] = [
        ("GET", "/source/a%20b/%C3%BC%2B.mp4", &[], &[], "4102444800", "7n1HQtLSGQAPHMolw1MuQw8bdUg="),
        (
            "PUT",
            "/source/film.mp4",
            &[],
            &[
                ("content-type", "video/mp4"),
                ("host", "127.0.0.1:9000"),
                ("x-amz-meta-who", "me"),
                ("content-md5", "4gJE4saaMU4BqNR0kLY+lw=="),
                ("x-amz-acl", "private"),
            ],
            "4102444800",
            "axFXkOfDIdvSeL0HcAcmD8fzGXQ=",
        ),
        (
            "GET",
            "/source/film.mp4",
            &[("versionId", "null"), ("response-content-type", "text/plain")],
            &[],
            "4102444800",
            "t6O1BOpciKCWu2rsugH9ldFCDTE=",
        ),
        (
            "PUT",
            "/source/film.mp4",
            &[("uploadId", "a/b"), ("partNumber", "3"), ("prefix", "not covered")],
            &[],
            "4102444800",
            "71FJ955frvOHvAwDnX8DMawchC0=",
        ),
        ("DELETE", "/source/film.mp4", &[("tagging", "")], &[], "4102444800", "LSQbspEdYVzYl7j8mg1z80EAdTk="),
    ];

    /// A signature of botocore 1.44 with `HmacV1QueryAuth` and the key of the manuals.
    #[test]
    fn addresses_of_botocore_are_signed() {
        for (method, path, query, headers, expires, signature) in VECTORS {
            let query = pairs(query);
            let request = Presigned { method, path, query: &query, headers, expires };
            assert!(is_signed(&request, signature, SECRET), "{method} {path}");
            assert!(!is_signed(&request, signature, "other"), "{method} {path}");
            assert!(!is_signed(&Presigned { method: "POST", ..request }, signature, SECRET), "{path}");
            assert!(!is_signed(&Presigned { path: "/source/other", ..request }, signature, SECRET), "{path}");
            assert!(!is_signed(&Presigned { expires: "4102444801", ..request }, signature, SECRET), "{path}");
            for bad in ["", "x", &signature[1..]] {
                assert!(!is_signed(&request, bad, SECRET), "{bad}");
            }
        }
    }

    #[test]
    fn what_is_covered_is_ordered_as_it_is_signed() {
        assert!(COVERED.is_sorted());
    }
}
