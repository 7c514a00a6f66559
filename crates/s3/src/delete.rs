//! Deleting objects.

use blob::{Blob, By, Means};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::{bucket, condition, key, plain_etag, version};
use crate::error::{from_blob, not_offered};

/// Deletes of one request.
const MAX_DELETES: usize = 1000;

pub(crate) async fn one(
    blob: &Blob,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        return Err(not_offered("deleting by time or size"));
    }
    let condition = condition(input.if_match, None)?;
    let by = By::Client(Means::Put);
    blob.delete(&bucket(&input.bucket)?, &key(&input.key)?, &condition, by).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(crate) async fn many(
    blob: &Blob,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = request.input;
    let bucket = bucket(&input.bucket)?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_DELETES {
        return Err(s3_error!(MalformedXML, "Name 1 to {MAX_DELETES} objects."));
    }
    blob.bucket(&bucket).await.map_err(from_blob)?;
    let (mut plain, mut deleted, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for object in input.delete.objects {
        let named = key(&object.key).and_then(|key| version(object.version_id.as_deref()).map(|()| key));
        let done = match (named, object.e_tag) {
            (Ok(key), None) => {
                plain.push(key);
                Ok(())
            }
            (Ok(key), Some(etag)) => {
                let condition = blob::Condition::Etag(plain_etag(&etag));
                let done = blob.delete(&bucket, &key, &condition, By::Client(Means::Put)).await;
                done.map(drop).map_err(from_blob)
            }
            (Err(error), _) => Err(error),
        };
        match done {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..Default::default() }),
            Err(error) => errors.push(s3s::dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key),
                message: error.message().map(str::to_owned),
                version_id: object.version_id,
            }),
        }
    }
    blob.delete_all(&bucket, &plain, By::Client(Means::Put)).await.map_err(from_blob)?;
    let quiet = input.delete.quiet == Some(true);
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        request_charged: None,
    }))
}
