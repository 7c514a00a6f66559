//! The region that a request is signed for: that of the installation, or that of the bucket. Others are refused as S3
//! does it, with the right one, so that clients correct themselves.

use blob::{Blob, REGION, Region};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use model::BucketName;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::error::from_blob;

/// Tells clients where a bucket is.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// The region that a request is signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedFor {
    region: Region,
    way: Way,
}

/// Where a signature stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the header `Authorization`.
    Header,
    /// In the address.
    Address,
}

impl SignedFor {
    /// Reads the region of a credential's scope. What is no region is refused whatever the request is about: every bucket
    /// takes that of the installation.
    pub(crate) fn read(name: &str, way: Way) -> S3Result<Self> {
        let region = Region::new(name).ok_or_else(|| wrong(name, REGION, way))?;
        Ok(Self { region, way })
    }

    /// Refuses a bucket that is elsewhere. One that is not there is nowhere else.
    pub(crate) async fn check(&self, blob: &Blob, bucket: &BucketName) -> S3Result<()> {
        if self.region.as_str() == REGION {
            return Ok(());
        }
        match blob.bucket(bucket).await {
            Ok(bucket) if bucket.region != self.region => {
                Err(wrong(self.region.as_str(), bucket.region.as_str(), self.way))
            }
            Ok(_) | Err(blob::Error::NoSuchBucket(_)) => Ok(()),
            Err(error) => Err(from_blob(error)),
        }
    }
}

fn wrong(given: &str, expected: &str, way: Way) -> S3Error {
    let given: String = given.chars().filter(|c| !c.is_control()).take(32).collect();
    let mut error = match way {
        Way::Header => s3_error!(
            AuthorizationHeaderMalformed,
            "The authorization header is malformed; the region '{given}' is wrong; expecting '{expected}'"
        ),
        Way::Address => S3Error::with_message(
            S3ErrorCode::Custom("AuthorizationQueryParametersError".into()),
            format!(
                "Error parsing the X-Amz-Credential parameter; the region '{given}' is wrong; expecting '{expected}'"
            ),
        ),
    };
    error.set_status_code(StatusCode::BAD_REQUEST);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.extend(HeaderValue::from_str(expected).ok().map(|expected| (HEADER, expected)));
    error.set_headers(headers);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_region_is_told_the_right_one() {
        for way in [Way::Header, Way::Address] {
            let read = |region: &str| SignedFor::read(region, way);
            assert!(read("us-east-1").is_ok() && read("eu-central-1").is_ok());
            for bad in ["US", "", "us east", "us_east_1", &"x".repeat(33)] {
                let error = read(bad).unwrap_err();
                let code = match way {
                    Way::Header => "AuthorizationHeaderMalformed",
                    Way::Address => "AuthorizationQueryParametersError",
                };
                assert_eq!(
                    (error.code().as_str(), error.status_code()),
                    (code, Some(StatusCode::BAD_REQUEST))
                );
                assert_eq!(error.headers().unwrap()[HEADER], "us-east-1", "{bad}");
            }
        }
    }
}
