//! Which requests reach `s3s` at all: those that are signed with SigV4, with everything signed that matters, and addresses
//! that were presigned with SigV2 ([`crate::old_address`]).
//! Forms go another way ([`crate::form`]).
//!
//! `s3s` verifies the signature itself; it would also take SigV2, other services' signatures, and headers that the
//! signature does not cover.

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use sign::sigv4::Scope;

use crate::query::parameters;
use crate::region::{self, SignedFor};
use crate::{checksum, old_address};

/// The longest path and query in bytes: a key of 1024 bytes, all escaped, and a presigned query.
const MAX_URI: usize = 16 * 1024;

/// The longest life of a presigned address in seconds: a week.
const MAX_EXPIRES: u32 = 604_800;

/// In which way a request is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// In its head or its address, with Signature Version 4.
    Request(SignedFor),
    /// In its address, with Signature Version 2.
    OldAddress,
    /// In its body, which is a form.
    Form,
}

/// Refuses what must not be asked, or not in this way.
pub(crate) fn check(request: &Parts) -> S3Result<Way> {
    if request.uri.path_and_query().is_some_and(|uri| uri.as_str().len() > MAX_URI) {
        return Err(s3_error!(InvalidURI, "The URL is too long."));
    }
    checksum::all_known(&request.headers)?;
    let query: Vec<(String, String)> = request.uri.query().map(parameters).unwrap_or_default();
    let kind = request.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if request.method == Method::POST
        && kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
    {
        return match query.is_empty() {
            true => Ok(Way::Form),
            false => Err(s3_error!(InvalidArgument, "A form must be sent to a URL without a query.")),
        };
    }
    let find = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let mut authorizations = request.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = authorizations.next().map(|v| v.to_str().unwrap_or_default());
    let presigned = find("X-Amz-Signature").is_some();
    if authorizations.next().is_some() || (authorization.is_some() && presigned) {
        return Err(s3_error!(InvalidArgument, "Only one way to sign a request is allowed."));
    }
    if old_address::is_one(&query) {
        return match (authorization, presigned) {
            (None, false) => Ok(Way::OldAddress),
            _ => Err(s3_error!(InvalidArgument, "Only one way to sign a request is allowed.")),
        };
    }
    let (scope, signed) = match (authorization, presigned) {
        (Some(authorization), _) => {
            let Some(fields) = authorization.trim().strip_prefix("AWS4-HMAC-SHA256") else {
                return Err(old_signature());
            };
            (field(fields, "Credential"), field(fields, "SignedHeaders"))
        }
        (None, true) => (find("X-Amz-Credential"), find("X-Amz-SignedHeaders")),
        (None, false) => {
            return Err(s3_error!(AccessDenied, "Requests must be signed (AWS Signature Version 4)."));
        }
    };
    if presigned && !find("X-Amz-Expires").is_some_and(lives) {
        let code = S3ErrorCode::Custom("AuthorizationQueryParametersError".into());
        let mut error = S3Error::with_message(code, "X-Amz-Expires is 1 to 604800 seconds.");
        error.set_status_code(StatusCode::BAD_REQUEST);
        return Err(error);
    }
    let malformed =
        || s3_error!(AuthorizationHeaderMalformed, "The signature lacks its credential or headers.");
    let scope = scope.and_then(Scope::parse).ok_or_else(malformed)?;
    // Which face a request is for: other services of AWS share this address once they are spoken.
    match scope.service {
        "s3" => {}
        _ => return Err(s3_error!(NotImplemented, "Only the service s3 is available here.")),
    }
    // `s3s` computes with what stands in the places of digits before it looks.
    let header = request.headers.get("x-amz-date").and_then(|value| value.to_str().ok());
    let dates = [find("X-Amz-Date"), header].into_iter().flatten();
    if !is_day(scope.day) || !dates.into_iter().all(is_moment) {
        return Err(s3_error!(InvalidRequest, "Invalid date in the signature."));
    }
    covers(signed.ok_or_else(malformed)?, &request.headers, presigned)?;
    let place = if presigned { region::Way::Address } else { region::Way::Header };
    SignedFor::read(scope.region, place).map(Way::Request)
}

fn lives(seconds: &str) -> bool {
    seconds.parse().is_ok_and(|seconds| (1..=MAX_EXPIRES).contains(&seconds))
}

/// `YYYYMMDD`.
fn is_day(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `YYYYMMDDTHHMMSSZ`.
fn is_moment(text: &str) -> bool {
    let time =
        text.split_once('T').filter(|(day, _)| is_day(day)).and_then(|(_, time)| time.strip_suffix('Z'));
    time.is_some_and(|time| time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit()))
}

pub(crate) fn old_signature() -> S3Error {
    s3_error!(InvalidRequest, "The way this request is signed is not supported. Please use AWS4-HMAC-SHA256.")
}

/// `NAME=value` among the fields of an `Authorization` header.
fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    fields.split(',').find_map(|f| f.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The host and every `x-amz-` header must be signed; two are covered in another way.
fn covers(signed: &str, headers: &HeaderMap, presigned: bool) -> S3Result<()> {
    let covered = |name: &str| signed.split(';').any(|s| s.eq_ignore_ascii_case(name));
    let exempt = |name: &str| name == "x-amz-content-sha256" || (name == "x-amz-date" && !presigned);
    let open = headers
        .keys()
        .map(http::HeaderName::as_str)
        .find(|name| name.starts_with("x-amz-") && !exempt(name) && !covered(name));
    match open {
        Some(name) => Err(s3_error!(AccessDenied, "The header {name} is not signed.")),
        None if !covered("host") => Err(s3_error!(AccessDenied, "The header host is not signed.")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=KEY/20250101/us-east-1/s3/aws4_request, \
        SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00";

    fn ask(uri: &str, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check(&parts).map(drop).map_err(|e| e.code().as_str().to_owned())
    }

    fn refused(uri: &str, headers: &[(&str, &str)], code: &str) {
        assert_eq!(ask(uri, headers), Err(code.to_owned()), "{uri} {headers:?}");
    }

    #[test]
    fn signed_requests_pass() {
        assert_eq!(
            ask("/source/a", &[("authorization", SIGNED), ("x-amz-date", "20250101T000000Z")]),
            Ok(())
        );
        assert_eq!(ask(&presigned("604800"), &[]), Ok(()));
        assert_eq!(ask("/a?AWSAccessKeyId=K&Signature=s&Expires=1", &[]), Ok(()));
    }

    fn presigned(expires: &str) -> String {
        format!(
            "/source/a?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00&X-Amz-SignedHeaders=host\
            &X-Amz-Expires={expires}&X-Amz-Credential=KEY%2F20250101%2Fus-east-1%2Fs3%2Faws4_request"
        )
    }

    #[test]
    fn a_presigned_address_lives_a_week_at_most() {
        for bad in ["604801", "0", "-1", "", "x"] {
            refused(&presigned(bad), &[], "AuthorizationQueryParametersError");
        }
    }

    #[test]
    fn unsigned_and_old_signatures_are_refused() {
        refused("/", &[], "AccessDenied");
        refused("/a", &[("authorization", "AWS KEY:c2ln")], "InvalidRequest");
        refused("/a", &[("authorization", "Bearer x")], "InvalidRequest");
        refused("/a?Signature=s", &[("authorization", SIGNED)], "InvalidArgument");
        refused(&format!("{}&Signature=s", presigned("60")), &[], "InvalidArgument");
        refused("/a?X-Amz-Signature=00", &[("authorization", SIGNED)], "InvalidArgument");
        refused("/a", &[("authorization", SIGNED), ("authorization", SIGNED)], "InvalidArgument");
    }

    #[test]
    fn other_services_are_not_spoken() {
        let sts = SIGNED.replace("/s3/", "/sts/");
        refused("/", &[("authorization", &sts)], "NotImplemented");
        refused("/", &[("authorization", "AWS4-HMAC-SHA256 Signature=00")], "AuthorizationHeaderMalformed");
    }

    #[test]
    fn another_region_is_told_the_right_one() {
        refused(
            "/",
            &[("authorization", &SIGNED.replace("us-east-1", "US"))],
            "AuthorizationHeaderMalformed",
        );
        refused(&presigned("60").replace("us-east-1", "US"), &[], "AuthorizationQueryParametersError");
    }

    #[test]
    fn dates_are_dates() {
        for bad in
            ["202${filename}0Z", "20250101T00000Z", "20250101 000000Z", "Wed, 01 Jan 2025 00:00:00 GMT", ""]
        {
            refused("/a", &[("authorization", SIGNED), ("x-amz-date", bad)], "InvalidRequest");
            refused(
                &format!("{}&X-Amz-Date={}", presigned("9"), bad.replace(' ', "+")),
                &[],
                "InvalidRequest",
            );
        }
        refused("/a", &[("authorization", &SIGNED.replace("20250101", "2025$$01"))], "InvalidRequest");
        assert_eq!(ask(&format!("{}&X-Amz-Date=20250101T000000Z", presigned("9")), &[]), Ok(()));
    }

    #[test]
    fn what_changes_the_meaning_is_signed() {
        refused("/a", &[("authorization", SIGNED), ("x-amz-copy-source", "/b/c")], "AccessDenied");
        let without_host = SIGNED.replace("host;", "");
        refused("/a", &[("authorization", &without_host)], "AccessDenied");
    }

    #[test]
    fn long_addresses_are_refused() {
        refused(&format!("/a?{}", "x".repeat(MAX_URI)), &[("authorization", SIGNED)], "InvalidURI");
    }
}
