//! Letting requests in: access keys, their secrets, and what `s3s` asks for.

use std::cell::OnceCell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use blob::Blob;
use futures::future::BoxFuture;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Result, s3_error};

use crate::offered;
use crate::permission::{self, Buckets};
use crate::region::SignedFor;

/// The permissions of an access key.
#[derive(Debug, Clone)]
pub struct Access {
    /// The secret that its signatures are checked against.
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
    /// Knows where buckets are.
    pub(crate) blob: Blob,
}

impl Guard {
    pub(crate) async fn find(&self, id: &str) -> S3Result<Access> {
        let shaped = id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic());
        let found = match shaped {
            true => (self.keys)(id.to_owned()).await.map_err(|cause| {
                tracing::error!(error = %model::Chain(&*cause), "cannot read access keys");
                s3_error!(InternalError, "The access key cannot be checked now. Please try again.")
            })?,
            false => None,
        };
        found.ok_or_else(|| s3_error!(InvalidAccessKeyId, "Unknown or revoked access key."))
    }

    /// As [`Guard::find`], of the key whose signature was verified just now.
    pub(crate) async fn known(&self, id: &str) -> S3Result<Access> {
        let found = FOUND.try_with(|found| found.get().filter(|(known, _)| *known == id).cloned());
        match found {
            Ok(Some((_, access))) => Ok(access),
            _ => self.find(id).await,
        }
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
        let buckets = self.known(&id).await?.buckets;
        admit(cx, buckets, &self.blob).await
    }
}

/// Lets a request in whose signature was verified, if its key opens what it asks for.
pub(crate) async fn admit(cx: &mut S3AccessContext<'_>, buckets: Buckets, blob: &Blob) -> S3Result<()> {
    offered::check(cx.s3_op().name(), cx.method(), cx.uri())?;
    let payload = cx.headers().get("x-amz-content-sha256");
    let framed = payload.is_some_and(|payload| payload.as_bytes().starts_with(b"STREAMING-"));
    // Other bodies are read whole, and broken frames of them would look like an internal error.
    if framed && !matches!(cx.s3_op().name(), "PutObject" | "UploadPart") {
        return Err(s3_error!(InvalidRequest, "Only objects and parts can be sent in signed chunks."));
    }
    if let Buckets::Parts(parts) = &buckets {
        if !parts.allow(cx.s3_op().name(), cx.s3_path(), cx.uri().query()) {
            return Err(s3_error!(AccessDenied, "This access key can only write the parts of one upload."));
        }
    } else if let S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } = cx.s3_path() {
        let name = permission::check(&buckets, bucket)?;
        if let Some(signed) = cx.extensions_mut().get::<SignedFor>().cloned() {
            signed.check(blob, &name).await?;
        }
    }
    cx.extensions_mut().insert(buckets);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let access = Access { secret: "hunter2".into(), buckets: Buckets::All };
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
