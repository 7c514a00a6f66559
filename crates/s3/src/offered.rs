//! The query parameters of each operation ([`crate::face::OPERATIONS`]).
//!
//! `s3s` chooses the operation by the sub-resources that it knows and ignores the rest: a `PUT` with one that is new to
//! it would write the object, and a `DELETE` would delete it. So after it has chosen:
//!
//! - a request that changes something (`PUT`, `POST`, `DELETE`) has no parameter that its operation does not list;
//! - one that only reads has no such parameter without a value, which is how sub-resources are written. Others are
//!   ignored, as S3 ignores them: addresses collect such parameters on their way;
//! - no parameter is there twice;
//! - `x-id`, by which SDKs name the operation, names the one that was chosen.

use http::{Method, Uri};
use s3s::{S3Result, s3_error};

use crate::error::not_offered;
use crate::face::OPERATIONS;
use crate::query::{is_of_signature, parameters};

/// Parameters that every request may have beside its signature, in lower case: those that SDKs add to presigned URLs. S3
/// takes no checksum from an address, whatever an SDK puts there.
const EVERYWHERE: [&str; 10] = [
    "x-id",
    "x-amz-content-sha256",
    "x-amz-user-agent",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-mode",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
];

/// Refuses what `s3s` would answer with another operation than the client asked for.
pub(crate) fn check(operation: &str, method: &Method, uri: &Uri) -> S3Result<()> {
    let offered = OPERATIONS.iter().find(|(input, _)| input.strip_suffix("Input") == Some(operation));
    let Some((_, listed)) = offered else { return Err(not_offered(operation)) };
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let query = uri.query().map(parameters).unwrap_or_default();
    for (n, (name, value)) in query.iter().enumerate() {
        if !listed.contains(&name.as_str()) && !is_everywhere(name) {
            if reads && !value.is_empty() {
                continue;
            }
            return Err(match name.as_str() {
                "versionId" | "uploadId" | "partNumber" => {
                    s3_error!(InvalidArgument, "{operation} does not accept the parameter {name} alone.")
                }
                _ if value.is_empty() => not_offered(&format!("the sub-resource `{}`", shown(name))),
                _ => s3_error!(InvalidArgument, "{operation} has no parameter `{}`.", shown(name)),
            });
        }
        if query[..n].iter().any(|(before, _)| before == name) {
            return Err(s3_error!(InvalidArgument, "The parameter `{}` is given twice.", shown(name)));
        }
        if name == "x-id" && value != operation {
            return Err(not_offered(&format!("`{}` in this way", shown(value))));
        }
    }
    Ok(())
}

fn is_everywhere(name: &str) -> bool {
    is_of_signature(name) || EVERYWHERE.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// As much of a foreign text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(operation: &str, method: &Method, target: &str) -> Result<(), String> {
        check(operation, method, &target.parse().unwrap()).map_err(|error| error.code().as_str().to_owned())
    }

    #[test]
    fn what_changes_something_has_no_other_parameter() {
        let check = |operation, method: Method, query: &str, code: &str| {
            let expected = if code.is_empty() { Ok(()) } else { Err(code.to_owned()) };
            assert_eq!(ask(operation, &method, &format!("/b/k?{query}")), expected, "{operation} {query}");
        };
        for (query, code) in [
            ("", ""),
            ("x-id=PutObject", ""),
            ("X-Amz-Signature=00&X-Amz-Expires=60&x-amz-checksum-crc32=AAAAAA%3D%3D", ""),
            ("AWSAccessKeyId=K&Signature=s%3D&Expires=1", ""),
            ("foo", "NotImplemented"),
            ("restore", "NotImplemented"),
            ("renameObject", "NotImplemented"),
            ("rename%4fbject=", "NotImplemented"),
            ("foo=bar", "InvalidArgument"),
            ("versionId=abc", "InvalidArgument"),
            ("uploadId=abc", "InvalidArgument"),
            ("partNumber=1", "InvalidArgument"),
            ("x-id=PutObject&x-id=PutObject", "InvalidArgument"),
            ("x-id=RenameObject", "NotImplemented"),
        ] {
            check("PutObject", Method::PUT, query, code);
        }
        check("UploadPart", Method::PUT, "partNumber=1&uploadId=a", "");
        check("UploadPart", Method::PUT, "partNumber=1&uploadId=a&uploadId=b", "InvalidArgument");
        check("UploadPart", Method::PUT, "partNumber=1&uploadId=a&torrent", "NotImplemented");
        for query in ["acl", "retention", "legal-hold", "attributes", "versioning", "notification", "Tagging"]
        {
            check("DeleteObject", Method::DELETE, query, "NotImplemented");
            check("DeleteBucket", Method::DELETE, query, "NotImplemented");
        }
        check("DeleteObject", Method::DELETE, "versionId=null", "");
        check("DeleteObject", Method::DELETE, "versionId=null&versionId=abc", "InvalidArgument");
        check("RestoreObject", Method::POST, "restore", "NotImplemented");
    }

    #[test]
    fn reads_ignore_what_is_no_sub_resource() {
        for (operation, query, code) in [
            ("GetObject", "response-content-type=text%2Fplain&versionId=null", ""),
            ("GetObject", "utm_source=mail&v=3", ""),
            ("GetObject", "torrent", "NotImplemented"),
            ("GetObject", "annotation=", "NotImplemented"),
            ("GetObject", "partNumber=1&partNumber=2", "InvalidArgument"),
            ("HeadObject", "metadata", "NotImplemented"),
            ("ListObjectsV2", "list-type=2&prefix=&delimiter=%2F&metadata=true", ""),
            ("ListObjects", "metadataConfiguration", "NotImplemented"),
            ("ListBuckets", "x-id=ListDirectoryBuckets", "NotImplemented"),
        ] {
            let expected = if code.is_empty() { Ok(()) } else { Err(code.to_owned()) };
            assert_eq!(ask(operation, &Method::GET, &format!("/?{query}")), expected, "{operation} {query}");
        }
    }
}
