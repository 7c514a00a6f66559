//! AWS Signature Version 4 for S3: presigned requests (the query form), which are made here and checked by the S3 face,
//! and the signatures of forms.
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
    let signature = hmac::sign(&signing_key(request.secret, day, region), text.as_bytes());
    format!("{}{path}?{query}&X-Amz-Signature={}", endpoint.trim_end_matches('/'), hex::encode(signature))
}

/// Whether `signature` (hex) is that of a form's policy (Base64, as it was sent) by who has the secret. `day` is
/// `20130524`. Takes the same time whatever is wrong.
pub fn form_is_signed(policy: &str, signature: &str, secret: &str, day: &str, region: &str) -> bool {
    let given = hex::decode(signature).unwrap_or_default();
    hmac::verify(&signing_key(secret, day, region), policy.as_bytes(), &given).is_ok()
}

/// The key that signs on one day in one region.
fn signing_key(secret: &str, day: &str, region: &str) -> hmac::Key {
    let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    [day, region, "s3", "aws4_request"].iter().fold(first, |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
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

    /// The example of the Amazon S3 API reference, "Browser-Based Upload using HTTP POST"; its policy is given in Base64.
    #[test]
    fn the_form_of_the_manual_is_signed() {
        let policy = concat!(
            "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6",
            "ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFj",
            "bCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tl",
            "dC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5",
            "cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZl",
            "ci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoN",
            "CiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVx",
            "dWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAx",
            "NTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
        );
        let signature = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";
        let signed = |secret: &str, signature: &str, day: &str| {
            form_is_signed(policy, signature, secret, day, "us-east-1")
        };
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert!(signed(secret, signature, "20151229"));
        for (secret, signature, day) in [
            ("other", signature, "20151229"),
            (secret, signature, "20151228"),
            (secret, &signature[..62], "20151229"),
            (secret, "", "20151229"),
            (secret, "x", "20151229"),
        ] {
            assert!(!signed(secret, signature, day));
        }
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
