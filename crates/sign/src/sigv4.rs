//! AWS Signature Version 4: the scope that a signature is for, and of S3 presigned requests (the query form), which are made
//! here and checked by the S3 face, and the signatures of forms.
//!
//! The signature covers method, host, path, query, the moment, its life, and the headers that are named: everybody who
//! gets the address can send exactly that request, for that long, and learns nothing of the secret.

use std::fmt::{self, Write as _};

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that AWS does not encode in queries; in paths also `/`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The last part of every scope.
const TERMINATOR: &str = "aws4_request";

/// The scope of a signature: a credential such as `KEY/20130524/us-east-1/s3/aws4_request`, which names the service
/// that a request asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The access key's id.
    pub key: &'a str,
    /// The day of signing in UTC: `20130524`. It is not checked to be one.
    pub day: &'a str,
    /// The region.
    pub region: &'a str,
    /// The service: `s3`, `sts`, …
    pub service: &'a str,
}

impl<'a> Scope<'a> {
    /// Reads a credential; `None` where it has another form.
    pub fn parse(credential: &'a str) -> Option<Self> {
        let mut parts = credential.rsplitn(5, '/');
        let end = parts.next()?;
        let (service, region, day, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (end == TERMINATOR).then_some(Self { key, day, region, service })
    }

    /// Whether `signature` (hex) is that of `text` by the owner of the secret. Takes the same time whatever is wrong.
    pub fn is_signed(&self, text: &[u8], signature: &str, secret: &str) -> bool {
        let given = hex::decode(signature).unwrap_or_default();
        hmac::verify(&self.signing_key(secret), text, &given).is_ok()
    }

    /// The key that signs on one day in one region for one service.
    fn signing_key(&self, secret: &str) -> hmac::Key {
        let first = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
        [self.day, self.region, self.service, TERMINATOR].iter().fold(first, |key, part| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
        })
    }
}

impl fmt::Display for Scope<'_> {
    /// Without the key: `20130524/us-east-1/s3/aws4_request`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.day, self.region, self.service)
    }
}

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
    let scope = Scope { key: request.key, day, region, service: "s3" };
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
    let signature = hmac::sign(&scope.signing_key(request.secret), text.as_bytes());
    format!("{}{path}?{query}&X-Amz-Signature={}", endpoint.trim_end_matches('/'), hex::encode(signature))
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
            let scope = Scope { key: "KEY", day, region: "us-east-1", service: "s3" };
            scope.is_signed(policy.as_bytes(), signature, secret)
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

    /// The example of the IAM user guide, "Create a signed AWS API request", for a service other than S3.
    #[test]
    fn a_request_to_another_service_is_signed_for_that_one() {
        let hash = "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let credential = "AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request";
        let scope = Scope::parse(credential).unwrap();
        assert_eq!((scope.key, scope.service), ("AKIDEXAMPLE", "iam"));
        let text = format!("AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{hash}");
        let signature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert!(scope.is_signed(text.as_bytes(), signature, secret));
        for other in [Scope { service: "s3", ..scope }, Scope { region: "eu-west-1", ..scope }] {
            assert!(!other.is_signed(text.as_bytes(), signature, secret), "{other}");
        }
    }

    #[test]
    fn a_scope_has_five_parts_and_ends_as_every_one_does() {
        let scope = Scope { key: "a/b", day: "20250101", region: "us-east-1", service: "sts" };
        assert_eq!(Scope::parse("a/b/20250101/us-east-1/sts/aws4_request"), Some(scope));
        for bad in ["", "KEY", "20250101/us-east-1/s3/aws4_request", "KEY/20250101/us-east-1/s3/aws4", "////"]
        {
            assert_eq!(Scope::parse(bad), None, "{bad}");
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
