//! Requests whose signature was verified outside of `s3s`, or that it verified and that are to be answered in another form
//! than they were sent in.

use async_trait::async_trait;
use blob::Blob;
use http::header::{AUTHORIZATION, RANGE};
use http::request::Parts;
use http::{Request, Response};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Result, s3_error};

use crate::permission::Buckets;
use crate::query::{is_of_signature, without};
use crate::{access, range};

/// Answers admitted requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Admitted(S3Service);

impl Admitted {
    /// Takes the settings from a builder, and replaces who is let in.
    pub(crate) fn new(mut builder: S3ServiceBuilder, blob: Blob) -> Self {
        builder.set_auth(Trusting { blob: blob.clone() });
        builder.set_access(Trusting { blob });
        Self(builder.build())
    }

    /// Answers a request of a client whose key opens `buckets`.
    pub(crate) async fn answer(
        &self,
        mut parts: Parts,
        body: Body,
        buckets: Buckets,
    ) -> S3Result<Response<Body>> {
        parts.headers.remove(AUTHORIZATION);
        if range::is_ignored(&parts.method, &parts.headers) {
            parts.headers.remove(RANGE);
        }
        parts.uri = without(&parts.uri, is_of_signature)?;
        parts.extensions.insert(buckets);
        self.0.call(Request::from_parts(parts, body)).await.map_err(|error| {
            tracing::error!(?error, "cannot build an answer");
            s3_error!(InternalError, "Something went wrong on our side.")
        })
    }
}

/// Believes that a request was checked; what it may do is in its extensions.
struct Trusting {
    blob: Blob,
}

#[async_trait]
impl S3Auth for Trusting {
    async fn get_secret_key(&self, _: &str) -> S3Result<SecretKey> {
        Err(s3_error!(AccessDenied, "The request is signed twice."))
    }
}

#[async_trait]
impl S3Access for Trusting {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let buckets = cx.extensions_mut().get::<Buckets>().cloned();
        let buckets = buckets.ok_or_else(|| s3_error!(AccessDenied, "The request was not checked."))?;
        access::admit(cx, buckets, &self.blob).await
    }
}
