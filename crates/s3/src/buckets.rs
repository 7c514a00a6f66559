//! Buckets.

use blob::Blob;
use s3s::dto::{
    Bucket, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput,
    HeadBucketInput, HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
};
use s3s::{S3Request, S3Response, S3Result};

use crate::access;
use crate::convert::{acl, bucket, refuse, time};
use crate::error::{from_blob, not_offered};
use crate::list::owner;

/// Names in S3's world need a region.
const REGION: &str = "us-east-1";

pub(crate) async fn list(
    blob: &Blob,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let open = access::of(&request)?;
    let all = blob.buckets().await.map_err(from_blob)?;
    let prefix = request.input.prefix.clone().unwrap_or_default();
    let shown = all.into_iter().filter(|b| open.open(&b.name) && b.name.as_str().starts_with(&prefix));
    let entry = |bucket: blob::Bucket| Bucket {
        name: Some(bucket.name.into()),
        creation_date: Some(time(bucket.created_at)),
        bucket_region: Some(REGION.into()),
    };
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(shown.map(entry).collect()),
        continuation_token: None,
        owner: Some(owner()),
        prefix: request.input.prefix,
    }))
}

pub(crate) async fn create(
    blob: &Blob,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let input = request.input;
    acl(input.acl.as_ref().map(|acl| acl.as_str()))?;
    refuse!(input,
        grant_full_control: "ACLs",
        grant_read: "ACLs",
        grant_read_acp: "ACLs",
        grant_write: "ACLs",
        grant_write_acp: "ACLs",
    );
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(not_offered("object lock"));
    }
    blob.create_bucket(&bucket(&input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
}

pub(crate) async fn head(
    blob: &Blob,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(REGION.into()), ..Default::default() }))
}

pub(crate) async fn delete(
    blob: &Blob,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    blob.delete_bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}

/// The first region of all has no name here.
pub(crate) async fn location(
    blob: &Blob,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: None }))
}

/// Versioning was never switched on.
pub(crate) async fn versioning(
    blob: &Blob,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}
