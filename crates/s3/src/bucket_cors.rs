//! Rules of buckets for pages of other origins: keeping them. [`crate::cors`] applies them.

use blob::{Blob, CorsRule};
use http::{HeaderName, Method};
use s3s::dto::{
    CORSRule, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput, GetBucketCorsOutput,
    PutBucketCorsInput, PutBucketCorsOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::bucket;
use crate::error::from_blob;

/// Rules of a bucket, and the longest name, origin or header in bytes.
const MAX_RULES: usize = 100;
const MAX_TEXT: usize = 255;

/// Origins, methods or headers of one rule.
const MAX_ENTRIES: usize = 100;

/// Methods that a rule may allow.
const METHODS: [Method; 5] = [Method::GET, Method::PUT, Method::HEAD, Method::POST, Method::DELETE];

pub(crate) async fn get(
    blob: &Blob,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    let rules = blob.cors(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    if rules.is_empty() {
        return Err(s3_error!(NoSuchCORSConfiguration, "The bucket has no CORS rules."));
    }
    let rule = |rule: CorsRule| CORSRule {
        id: rule.id,
        allowed_origins: rule.origins,
        allowed_methods: rule.methods,
        allowed_headers: Some(rule.headers).filter(|headers| !headers.is_empty()),
        expose_headers: Some(rule.exposed).filter(|headers| !headers.is_empty()),
        max_age_seconds: rule.max_age_seconds.and_then(|seconds| i32::try_from(seconds).ok()),
    };
    Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(rules.into_iter().map(rule).collect()) }))
}

pub(crate) async fn put(
    blob: &Blob,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    let input = request.input;
    let rules = input.cors_configuration.cors_rules;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(s3_error!(MalformedXML, "Send 1 to {MAX_RULES} rules."));
    }
    let rules: Vec<CorsRule> = rules.into_iter().map(read).collect::<S3Result<_>>()?;
    blob.set_cors(&bucket(&input.bucket)?, &rules).await.map_err(from_blob)?;
    Ok(S3Response::new(PutBucketCorsOutput {}))
}

pub(crate) async fn delete(
    blob: &Blob,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
    blob.set_cors(&bucket(&request.input.bucket)?, &[]).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteBucketCorsOutput {}))
}

fn read(rule: CORSRule) -> S3Result<CorsRule> {
    let rule = CorsRule {
        id: rule.id,
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers: rule.allowed_headers.unwrap_or_default(),
        exposed: rule.expose_headers.unwrap_or_default(),
        max_age_seconds: rule
            .max_age_seconds
            .map(u32::try_from)
            .transpose()
            .map_err(|_| s3_error!(InvalidRequest, "MaxAgeSeconds cannot be negative."))?,
    };
    let short = |text: &String| text.len() <= MAX_TEXT;
    let lists = [&rule.origins, &rule.methods, &rule.headers, &rule.exposed];
    let fine = lists.iter().all(|list| list.len() <= MAX_ENTRIES && list.iter().all(short));
    if !fine || !rule.id.iter().all(short) {
        return Err(s3_error!(InvalidRequest, "A rule is too long."));
    }
    if rule.origins.is_empty() || rule.methods.is_empty() {
        return Err(s3_error!(MalformedXML, "A rule needs an AllowedOrigin and an AllowedMethod."));
    }
    if let Some(bad) = rule.methods.iter().find(|name| !METHODS.iter().any(|method| method == name.as_str()))
    {
        return Err(s3_error!(InvalidRequest, "Found unsupported HTTP method in CORS config: {bad}."));
    }
    for text in rule.origins.iter().chain(&rule.headers) {
        let odd = !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.matches('*').count() > 1;
        if odd {
            return Err(s3_error!(InvalidRequest, "Invalid value {text}; one * is allowed."));
        }
    }
    if let Some(bad) = rule.exposed.iter().find(|name| HeaderName::try_from(name.as_str()).is_err()) {
        return Err(s3_error!(InvalidRequest, "{bad} is not a header name."));
    }
    Ok(rule)
}
