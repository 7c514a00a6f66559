//! Buckets.

use blob::{Blob, REGION, Region};
use s3s::dto::{
    Bucket, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput,
    HeadBucketInput, HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::{acl, bucket, refuse, time};
use crate::error::{from_blob, not_offered};
use crate::list::owner;
use crate::permission;

/// Buckets on a page.
const MAX_BUCKETS: usize = 10_000;

pub(crate) async fn list(
    blob: &Blob,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let open = permission::of(&request)?;
    let input = request.input;
    let all = blob.buckets().await.map_err(from_blob)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    // The token is the last name of the page before.
    let after = input.continuation_token.unwrap_or_default();
    let limit = match input.max_buckets {
        None => MAX_BUCKETS,
        Some(max) => {
            usize::try_from(max).ok().filter(|max| (1..=MAX_BUCKETS).contains(max)).ok_or_else(|| {
                s3_error!(InvalidArgument, "The number of buckets on a page must be 1 to {MAX_BUCKETS}.")
            })?
        }
    };
    let mut shown: Vec<blob::Bucket> = all
        .into_iter()
        .filter(|b| {
            open.open(&b.name)
                && b.name.as_str().starts_with(&prefix)
                && b.name.as_str() > after.as_str()
                && input.bucket_region.as_ref().is_none_or(|region| region == b.region.as_str())
        })
        .collect();
    let more = shown.len() > limit;
    shown.truncate(limit);
    let last = shown.last().map(|bucket| bucket.name.to_string());
    let entry = |bucket: blob::Bucket| Bucket {
        name: Some(bucket.name.into()),
        creation_date: Some(time(bucket.created_at)),
        bucket_region: Some(bucket.region.as_str().into()),
    };
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(shown.into_iter().map(entry).collect()),
        continuation_token: last.filter(|_| more),
        owner: Some(owner()),
        prefix: input.prefix,
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
    let name = bucket(&input.bucket)?;
    // As a host name it would have an impossible label.
    if ["-.", ".-"].iter().any(|odd| input.bucket.contains(odd)) {
        return Err(s3_error!(InvalidBucketName, "A bucket name cannot have a hyphen next to a dot."));
    }
    let wanted = input.create_bucket_configuration.and_then(|given| given.location_constraint);
    let region = region(wanted.as_ref().map(|wanted| wanted.as_str()))?;
    match blob.create_bucket(&name, region.clone()).await {
        Ok(_) => {}
        // In the first region it is no error to make what one has (S3 API reference, "CreateBucket").
        Err(blob::Error::BucketExists(_))
            if blob.bucket(&name).await.map_err(from_blob)?.region == region => {}
        Err(error) => return Err(from_blob(error)),
    }
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) }))
}

/// The region that a location constraint names.
fn region(constraint: Option<&str>) -> S3Result<Region> {
    let region = match constraint {
        None | Some("") => Some(Region::default()),
        // As Europe's first region was called.
        Some("EU") => Region::new("eu-west-1"),
        Some(name) => Region::new(name),
    };
    region.ok_or_else(|| s3_error!(InvalidLocationConstraint, "The location constraint is not a region."))
}

pub(crate) async fn head(
    blob: &Blob,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let bucket = blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    let bucket_region = Some(bucket.region.as_str().into());
    Ok(S3Response::new(HeadBucketOutput { bucket_region, ..Default::default() }))
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
    let bucket = blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    let named = Some(bucket.region.as_str()).filter(|region| *region != REGION);
    let location_constraint = named.map(|region| region.to_owned().into());
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

/// Versioning was never switched on.
pub(crate) async fn versioning(
    blob: &Blob,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}
