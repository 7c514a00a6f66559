//! Reads whose `Range` is ignored ([`range::is_ignored`]): `s3s` refuses such a header, so these reads continue without it
//! once their signature is verified.

use async_trait::async_trait;
use http::{Extensions, HeaderMap, Method, Request, Uri};
use s3s::route::S3Route;
use s3s::{Body, S3Request, S3Response, S3Result, s3_error};

use crate::access::Guard;
use crate::admitted::Admitted;
use crate::range;

/// Takes those reads.
pub(crate) struct Whole {
    pub(crate) guard: Guard,
    pub(crate) admitted: Admitted,
}

#[async_trait]
impl S3Route for Whole {
    fn is_match(&self, method: &Method, _: &Uri, headers: &HeaderMap, _: &mut Extensions) -> bool {
        range::is_ignored(method, headers)
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let unsigned = || s3_error!(AccessDenied, "Anonymous requests are not allowed.");
        let id = request.credentials.as_ref().ok_or_else(unsigned)?.access_key.clone();
        let access = self.guard.known(&id).await?;
        let mut whole = Request::new(request.input);
        *whole.method_mut() = request.method;
        *whole.uri_mut() = request.uri;
        *whole.headers_mut() = request.headers;
        *whole.extensions_mut() = request.extensions;
        let (parts, body) = whole.into_parts();
        let (parts, body) = self.admitted.answer(parts, body, access.buckets).await?.into_parts();
        let mut response = S3Response::with_status(body, parts.status);
        response.headers = parts.headers;
        response.extensions = parts.extensions;
        Ok(response)
    }
}
