//! The buckets that an access key opens.

use std::sync::Arc;

use model::{BucketName, Key, UploadId};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

/// The buckets that an access key opens, to read and to write.
#[derive(Debug, Clone)]
pub enum Buckets {
    /// Every bucket but `media`.
    All,
    /// These, except `media`.
    Only(Arc<[BucketName]>),
    /// None: only the parts of one upload can be written.
    Parts(Arc<UploadParts>),
}

/// The one upload whose parts a key writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadParts {
    /// The upload's bucket.
    pub bucket: BucketName,
    /// The upload's key.
    pub key: Key,
    /// The upload.
    pub upload: UploadId,
}

impl UploadParts {
    /// Whether a request does nothing but write a part of the upload.
    pub(crate) fn allow(&self, operation: &str, path: &S3Path, query: Option<&str>) -> bool {
        let S3Path::Object { bucket, key } = path else { return false };
        let upload = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .filter_map(|pair| pair.strip_prefix("uploadId="));
        let named: Vec<&str> = upload.collect();
        operation == "UploadPart"
            && **bucket == *self.bucket.as_str()
            && **key == *self.key.as_str()
            && named == [self.upload.to_string()]
    }
}

impl Buckets {
    /// Whether the key opens this bucket.
    pub fn open(&self, bucket: &BucketName) -> bool {
        *bucket != BucketName::media()
            && match self {
                Self::All => true,
                Self::Only(names) => names.contains(bucket),
                Self::Parts(_) => false,
            }
    }
}

/// The buckets that the request's key opens.
pub(crate) fn of<T>(request: &S3Request<T>) -> S3Result<Buckets> {
    let buckets = request.extensions.get::<Buckets>().cloned();
    buckets.ok_or_else(|| s3_error!(AccessDenied, "The request was not checked."))
}

/// Refuses buckets that the key does not open.
pub(crate) fn check(buckets: &Buckets, bucket: &str) -> S3Result<BucketName> {
    let name = bucket.parse::<BucketName>();
    match name {
        Ok(name) if buckets.open(&name) => Ok(name),
        _ => Err(s3_error!(AccessDenied, "This access key has no access to the bucket.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_never_open() {
        let media = BucketName::media();
        assert!(!Buckets::All.open(&media));
        assert!(!Buckets::Only([media.clone()].into()).open(&media));
        assert!(Buckets::All.open(&BucketName::source()));
        assert!(!Buckets::Only(["other".parse().unwrap()].into()).open(&BucketName::source()));
    }

    #[test]
    fn a_key_of_an_upload_writes_its_parts_and_nothing_else() {
        let upload = UploadId::new();
        let parts = UploadParts { bucket: BucketName::source(), key: "u/a b".parse().unwrap(), upload };
        let path = |bucket: &str, key: &str| S3Path::Object { bucket: bucket.into(), key: key.into() };
        let own = format!("partNumber=1&uploadId={upload}");
        assert!(parts.allow("UploadPart", &path("source", "u/a b"), Some(&own)));
        assert!(!parts.allow("UploadPartCopy", &path("source", "u/a b"), Some(&own)));
        assert!(!parts.allow("PutObject", &path("source", "u/a b"), None));
        assert!(!parts.allow("UploadPart", &path("source", "u/other"), Some(&own)));
        assert!(!parts.allow("UploadPart", &path("media", "u/a b"), Some(&own)));
        let foreign = format!("partNumber=1&uploadId={}", UploadId::new());
        assert!(!parts.allow("UploadPart", &path("source", "u/a b"), Some(&foreign)));
        assert!(!parts.allow("UploadPart", &path("source", "u/a b"), Some(&format!("{own}&{foreign}"))));
        assert!(!Buckets::Parts(parts.into()).open(&BucketName::source()));
    }
}
