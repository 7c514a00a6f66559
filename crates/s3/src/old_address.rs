//! Addresses that were presigned with Signature Version 2, as older clients do by default.

use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response};
use model::Timestamp;
use s3s::{Body, S3Result, s3_error};
use sign::sigv2::{self, Presigned};

use crate::access::Guard;
use crate::admitted::Admitted;
use crate::host::Domains;
use crate::query::{parameters, without};

/// Whether an address is presigned in this way.
pub(crate) fn is_one(query: &[(String, String)]) -> bool {
    query.iter().any(|(name, _)| name == "Signature" || name == "AWSAccessKeyId")
}

/// Verifies the signature and answers.
pub(crate) async fn answer(
    guard: &Guard,
    admitted: &Admitted,
    domains: &Domains,
    now: Timestamp,
    request: Request<Body>,
) -> S3Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().map(parameters).unwrap_or_default();
    let only = |wanted: &str| {
        let mut found = query.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            _ => Err(s3_error!(
                AccessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters."
            )),
        }
    };
    let (id, expires, signature) = (only("AWSAccessKeyId")?, only("Expires")?, only("Signature")?);
    let until: i64 =
        expires.parse().map_err(|_| s3_error!(AccessDenied, "Expires must be a number of seconds."))?;
    if now.seconds() > until {
        return Err(s3_error!(AccessDenied, "Request has expired."));
    }
    for (name, value) in &query {
        let covered = sigv2::COVERED.contains(&name.as_str()) || OWN.contains(&name.as_str());
        match is_header(name) {
            true => move_in(&mut parts, name, value)?,
            false if covered => {}
            false => {
                return Err(s3_error!(
                    AccessDenied,
                    "Signature Version 2 does not cover all parameters of this URL. Please use AWS4-HMAC-SHA256."
                ));
            }
        }
    }
    plain_body(&parts)?;
    let access = guard.find(id).await?;
    if !is_signed(&parts, domains, &query, (expires, signature), access.secret.text())? {
        return Err(s3_error!(SignatureDoesNotMatch, "The signature of the URL does not match."));
    }
    parts.uri = without(&parts.uri, is_header)?;
    admitted.answer(parts, body, access.buckets).await
}

/// Parameters of the signature itself, and what names the operation without choosing it.
const OWN: [&str; 4] = ["AWSAccessKeyId", "Expires", "Signature", "x-id"];

/// Whether a parameter counts as the header of its name, which the signature covers.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "content-type" || name == "content-md5" || name.starts_with("x-amz-")
}

/// Makes a parameter a header, unless the client sent that: then only the header counts, here and for the signature.
fn move_in(parts: &mut Parts, name: &str, value: &str) -> S3Result<()> {
    let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
    let value = HeaderValue::from_bytes(value.as_bytes());
    let (Ok(name), Ok(value)) = (name, value) else {
        return Err(s3_error!(InvalidArgument, "A parameter of the URL is not a valid header."));
    };
    parts.headers.entry(name).or_insert(value);
    Ok(())
}

/// Refuses bodies that are described in terms of the newer signature, which nobody would verify here.
fn plain_body(parts: &Parts) -> S3Result<()> {
    let payload = parts.headers.get("x-amz-content-sha256");
    let framed = parts.headers.contains_key("x-amz-decoded-content-length");
    match framed || payload.is_some_and(|payload| payload != "UNSIGNED-PAYLOAD") {
        true => Err(s3_error!(InvalidArgument, "Signature Version 2 does not cover x-amz-content-sha256.")),
        false => Ok(()),
    }
}

fn is_signed(
    parts: &Parts,
    domains: &Domains,
    query: &[(String, String)],
    (expires, signature): (&str, &str),
    secret: &str,
) -> S3Result<bool> {
    let text = |value| std::str::from_utf8(HeaderValue::as_bytes(value));
    let headers: Result<Vec<_>, _> =
        parts.headers.iter().map(|(name, value)| text(value).map(|text| (name.as_str(), text))).collect();
    let headers = headers.map_err(|_| s3_error!(InvalidArgument, "A header is not UTF-8."))?;
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = match domains.bucket(host) {
        Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
        None => parts.uri.path().to_owned(),
    };
    let method = parts.method.as_str();
    let request = Presigned { method, path: &path, query, headers: &headers, expires };
    Ok(sigv2::is_signed(&request, signature, secret))
}
