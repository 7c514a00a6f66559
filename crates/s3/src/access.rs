//! Who may do what: access keys, and the buckets they open.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{BucketName, Key, UploadId};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Request, S3Result, s3_error};

/// What an access key gives.
#[derive(Debug, Clone)]
pub struct Access {
    /// What its signatures are checked against.
    pub secret: Secret,
    /// The buckets it opens.
    pub buckets: Buckets,
}

/// The secret of an access key; `Debug` hides it.
#[derive(Clone)]
pub struct Secret(SecretKey);

impl Secret {
    pub(crate) fn text(&self) -> &str {
        self.0.expose()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

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
    fn allow(&self, operation: &str, path: &S3Path, query: Option<&str>) -> bool {
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

type Found = Result<Option<Access>, Box<dyn std::error::Error + Send + Sync>>;

/// Finds what the access key with an id gives; `None` if there is no such key or it no longer works.
pub type Keys = Arc<dyn Fn(String) -> BoxFuture<'static, Found> + Send + Sync>;

/// Makes [`Keys`] of a function.
pub fn keys<F, R>(find: F) -> Keys
where
    F: Fn(String) -> R + Send + Sync + 'static,
    R: Future<Output = Found> + Send + 'static,
{
    Arc::new(move |id| Box::pin(find(id)))
}

tokio::task_local! {
    /// The key of the request that is being answered, once it was looked up.
    static FOUND: OnceCell<(String, Access)>;
}

/// Answers a request whose key is looked up once, although `s3s` asks for its secret first and later for what it opens.
pub(crate) async fn once<T>(answer: impl Future<Output = T>) -> T {
    FOUND.scope(OnceCell::new(), answer).await
}

/// Stands at `s3s`'s two doors: authentication and access.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) keys: Keys,
}

impl Guard {
    pub(crate) async fn find(&self, id: &str) -> S3Result<Access> {
        let shaped = id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic());
        let found = match shaped {
            true => (self.keys)(id.to_owned()).await.map_err(|cause| {
                tracing::error!(error = %model::Chain(&*cause), "access keys cannot be read");
                s3_error!(InternalError, "The access key cannot be checked now. Please try again.")
            })?,
            false => None,
        };
        found.ok_or_else(|| s3_error!(InvalidAccessKeyId, "There is no such access key, or it was revoked."))
    }
}

#[async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, id: &str) -> S3Result<SecretKey> {
        let access = self.find(id).await?;
        let secret = access.secret.0.clone();
        // Without a request around there is nobody to remember it for.
        let _ = FOUND.try_with(|found| found.set((id.to_owned(), access)));
        Ok(secret)
    }
}

#[async_trait]
impl S3Access for Guard {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let id = match cx.credentials() {
            Some(credentials) => credentials.access_key.clone(),
            None => return Err(s3_error!(AccessDenied, "Anonymous requests are not allowed.")),
        };
        let found = FOUND.try_with(|found| found.get().filter(|(known, _)| *known == id).cloned());
        let buckets = match found {
            Ok(Some((_, access))) => access.buckets,
            _ => self.find(&id).await?.buckets,
        };
        let payload = cx.headers().get("x-amz-content-sha256");
        let framed = payload.is_some_and(|payload| payload.as_bytes().starts_with(b"STREAMING-"));
        // What else has a body is read whole, and broken frames of it would look like a fault of ours.
        if framed && !matches!(cx.s3_op().name(), "PutObject" | "UploadPart") {
            return Err(s3_error!(InvalidRequest, "Only objects and parts are sent in signed pieces."));
        }
        if let Buckets::Parts(parts) = &buckets {
            if !parts.allow(cx.s3_op().name(), cx.s3_path(), cx.uri().query()) {
                return Err(s3_error!(AccessDenied, "This access key only writes the parts of one upload."));
            }
        } else if let S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } = cx.s3_path() {
            check(&buckets, bucket)?;
        }
        cx.extensions_mut().insert(buckets);
        Ok(())
    }
}

/// The buckets that the request's key opens.
pub(crate) fn of<T>(request: &S3Request<T>) -> S3Result<Buckets> {
    let buckets = request.extensions.get::<Buckets>().cloned();
    buckets.ok_or_else(|| s3_error!(AccessDenied, "The request was not checked."))
}

/// Refuses buckets that the key does not open.
pub(crate) fn check(buckets: &Buckets, bucket: &str) -> S3Result<()> {
    let name = bucket.parse::<BucketName>();
    match name {
        Ok(name) if buckets.open(&name) => Ok(()),
        _ => Err(s3_error!(AccessDenied, "This access key does not open the bucket.")),
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

    #[test]
    fn secrets_are_not_shown() {
        let access = Access { secret: "hunter2".into(), buckets: Buckets::All };
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
