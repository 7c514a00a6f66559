//! Presigned requests of S3 (AWS Signature Version 4, query form): making them. The S3 face checks them.
//!
//! The signature covers method, host, path, query, the moment, its life, and the headers that are named: whoever
//! gets the address can send exactly that request, for that long, and learns nothing of the secret.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What AWS leaves as it is in queries; in paths also `/`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The request that somebody shall be able to send.
#[derive(Debug, Clone, Copy)]
pub struct Presign<'a> {
    /// The method.
    pub method: &'a str,
    /// Scheme and host with a port that is not the scheme's own: `http://127.0.0.1:9000`.
    pub endpoint: &'a str,
    /// The path as it is meant, not escaped: `/bucket/key`.
    pub path: &'a str,
    /// Names and values of the query, not escaped.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers that must be sent with these values, names in lower case; `host` is added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The access key's id.
    pub key: &'a str,
    /// The access key's secret.
    pub secret: &'a str,
    /// The region of the credential's scope.
    pub region: &'a str,
    /// The moment of signing in UTC: `20130524T000000Z`.
    pub at: &'a str,
    /// For how many seconds from that moment.
    pub seconds: u32,
}

/// The address of a presigned request.
pub fn presign(request: &Presign<'_>) -> String {
    let Presign { method, endpoint, path, region, at, .. } = *request;
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/');
    let day = at.get(..8).unwrap_or(at);
    let scope = format!("{day}/{region}/s3/aws4_request");
    let mut headers = request.headers.to_vec();
    headers.push(("host", host));
    headers.sort_unstable();
    let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let (credential, seconds) = (format!("{}/{scope}", request.key), request.seconds.to_string());

    let mut query: Vec<(String, String)> = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &credential),
        ("X-Amz-Date", at),
        ("X-Amz-Expires", &seconds),
        ("X-Amz-SignedHeaders", &signed),
    ]
    .iter()
    .chain(request.query)
    .map(|(name, value)| (escape(name), escape(value)))
    .collect();
    query.sort_unstable();
    let query = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");

    let path = utf8_percent_encode(path, PATH).to_string();
    let mut canonical = format!("{method}\n{path}\n{query}\n");
    for (name, value) in &headers {
        // Writing to a string cannot fail.
        let _ = writeln!(canonical, "{name}:{}", value.trim());
    }
    let _ = write!(canonical, "\n{signed}\nUNSIGNED-PAYLOAD");
    let hash = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
    let mut key = format!("AWS4{}", request.secret).into_bytes();
    for part in [day, region, "s3", "aws4_request", &text] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    format!("{}{path}?{query}&X-Amz-Signature={}", endpoint.trim_end_matches('/'), hex::encode(key))
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Amazon S3 API reference, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_example_of_the_manual_is_reproduced() {
        let url = presign(&Presign {
            method: "GET",
            endpoint: "https://examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            query: &[],
            headers: &[],
            key: "AKIAIOSFODNN7EXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            at: "20130524T000000Z",
            seconds: 86400,
        });
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn names_are_escaped_and_what_must_be_sent_is_signed() {
        let url = presign(&Presign {
            method: "PUT",
            endpoint: "http://127.0.0.1:9000/",
            path: "/source/a b/ü+%?.mp4",
            query: &[("partNumber", "3"), ("uploadId", "a/b")],
            headers: &[("x-amz-checksum-crc32", "AAAAAA=="), ("content-length", "5")],
            key: "K",
            secret: "s",
            region: "us-east-1",
            at: "20261121T150000Z",
            seconds: 900,
        });
        assert!(url.starts_with("http://127.0.0.1:9000/source/a%20b/%C3%BC%2B%25%3F.mp4?X-Amz-Algorithm="));
        assert!(url.contains("&partNumber=3&uploadId=a%2Fb&X-Amz-Signature="));
        assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-crc32&"));
        assert!(!url.contains("secret"));
    }
}
