//! Copies within the store.

use blob::{Blob, By, Means, New, Object};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, UploadPartCopyInput,
    UploadPartCopyOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::{bucket, condition_in, etag, key, number, refuse, time, upload_id, version};
use crate::error::{from_blob, not_offered};
use crate::given::{attributes, refuse_on_write};
use crate::objects::Conditions;
use crate::permission::{self, Buckets};
use crate::{checksum, encryption, multipart};

pub(crate) async fn object(
    blob: &Blob,
    mut request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let buckets = permission::of(&request)?;
    let input = &mut request.input;
    refuse_on_write!(blob, input);
    refuse!(input, copy_source_sse_customer_algorithm: "encryption with the client's keys");
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let replaces = match input.metadata_directive.as_ref().map(|d| d.as_str()) {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(_) => return Err(s3_error!(InvalidArgument, "The metadata directive must be COPY or REPLACE.")),
    };
    let replaces_tags = match input.tagging_directive.as_ref().map(|d| d.as_str()) {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(_) => return Err(s3_error!(InvalidArgument, "The tagging directive must be COPY or REPLACE.")),
    };
    let source = source(blob, &buckets, &input.copy_source, source_conditions!(input)).await?;
    let given = attributes!(input)?;
    // It is never copied: without it the copy has the default (S3 API reference, "CopyObject").
    let storage_class = given.storage_class;
    let changes = replaces || replaces_tags || storage_class != source.attributes.storage_class;
    if !changes && (&source.bucket, &source.key) == (&bucket, &key) {
        let what = "A copy to itself must replace the metadata, the tags or the storage class.";
        return Err(s3_error!(InvalidRequest, "{what}"));
    }
    let tags = if replaces_tags { given.tags.clone() } else { source.attributes.tags.clone() };
    let described = if replaces { given } else { source.attributes };
    let new = New {
        bucket,
        key,
        attributes: blob::Attributes { tags, storage_class, ..described },
        condition: condition_in(&request.headers)?,
        by: By::Client(Means::Copy),
    };
    let object = blob.copy(source.id, new).await.map_err(from_blob)?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&object.etag)),
        last_modified: Some(time(object.created_at)),
        checksum_type: object.checksum.as_ref().map(checksum::kind),
        ..CopyObjectResult::default()
    };
    checksum::fill!(result, &object.checksum);
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        server_side_encryption: encryption::told(blob),
        ..Default::default()
    }))
}

pub(crate) async fn part(
    blob: &Blob,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let buckets = permission::of(&request)?;
    let input = request.input;
    refuse!(input,
        sse_customer_algorithm: "encryption with the client's keys",
        copy_source_sse_customer_algorithm: "encryption with the client's keys",
    );
    let part = number(input.part_number)?;
    let upload = blob
        .upload(&bucket(&input.bucket)?, &key(&input.key)?, upload_id(&input.upload_id)?)
        .await
        .map_err(from_blob)?;
    let source = source(blob, &buckets, &input.copy_source, source_conditions!(input)).await?;
    let range = match input.copy_source_range.as_deref() {
        Some(range) => multipart::copy_range(range, source.size)?,
        None => 0..source.size,
    };
    // A part has an MD5 of its own, so its bytes are read anyway.
    let reader = blob.read(source.id, range.clone()).await.map_err(from_blob)?;
    let length = range.end - range.start;
    let staged = blob.stage(reader, Some(length), upload.checksum).await.map_err(from_blob)?;
    let part = blob.commit_part(upload.id, part, staged).await.map_err(from_blob)?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&part.etag())),
        last_modified: Some(time(part.created_at)),
        ..CopyPartResult::default()
    };
    checksum::fill!(result, &part.checksum);
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        server_side_encryption: encryption::told(blob),
        ..Default::default()
    }))
}

macro_rules! source_conditions {
    ($input:expr) => {
        Conditions {
            if_match: $input.copy_source_if_match.clone(),
            if_none_match: $input.copy_source_if_none_match.clone(),
            if_modified_since: $input.copy_source_if_modified_since.clone(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.clone(),
        }
    };
}
use source_conditions;

async fn source(
    blob: &Blob,
    buckets: &Buckets,
    source: &CopySource,
    conditions: Conditions,
) -> S3Result<Object> {
    let CopySource::Bucket { bucket: from, key: path, version_id } = source else {
        return Err(not_offered("access points"));
    };
    version(version_id.as_deref())?;
    permission::check(buckets, from)?;
    let object = blob.head(&bucket(from)?, &key(path)?).await.map_err(from_blob)?;
    // A condition that gives 304 on a GET gives 412 here.
    conditions.check(&object).map_err(|_| from_blob(blob::Error::Precondition))?;
    Ok(object)
}
