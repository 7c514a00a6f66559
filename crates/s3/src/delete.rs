//! Deleting objects.

use blob::{Actor, Blob, Condition, Seen};
use model::Key;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    ETagCondition, ObjectIdentifier, Timestamp,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::convert::{bucket, key, plain_etag, seconds, version};
use crate::error::from_blob;

/// Deletes of one request.
const MAX_DELETES: usize = 1000;

pub(crate) async fn one(
    blob: &Blob,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let etag = match &input.if_match {
        Some(ETagCondition::ETag(etag)) => Some(etag),
        // `*` deletes whatever is there: no condition.
        Some(ETagCondition::Any) | None => None,
    };
    let condition = seen(etag, input.if_match_size, input.if_match_last_modified_time.as_ref())?;
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let deleted = blob.delete(&bucket, &key, &condition, Actor::Client).await;
    gone(deleted)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

/// Condition on the object to be deleted.
fn seen(etag: Option<&ETag>, size: Option<i64>, modified: Option<&Timestamp>) -> S3Result<Condition> {
    let size = size.map(u64::try_from).transpose();
    let seen = Seen {
        etag: etag.map(plain_etag),
        size: size.map_err(|_| s3_error!(InvalidArgument, "A size cannot be negative."))?,
        seconds: modified.map(seconds),
    };
    Ok(if seen == Seen::default() { Condition::None } else { Condition::Seen(seen) })
}

/// Treats a missing object as deleted.
fn gone<T>(deleted: blob::Result<T>) -> S3Result<()> {
    match deleted {
        Ok(_) | Err(blob::Error::NoSuchKey) => Ok(()),
        Err(error) => Err(from_blob(error)),
    }
}

pub(crate) async fn many(
    blob: &Blob,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = request.input;
    let bucket = bucket(&input.bucket)?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_DELETES {
        return Err(s3_error!(MalformedXML, "List 1 to {MAX_DELETES} objects."));
    }
    blob.bucket(&bucket).await.map_err(from_blob)?;
    let (mut plain, mut deleted, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for object in input.delete.objects {
        let named = key(&object.key).and_then(|key| version(object.version_id.as_deref()).map(|()| key));
        let condition = seen(object.e_tag.as_ref(), object.size, object.last_modified_time.as_ref());
        let done = match (named, condition) {
            (Ok(key), Ok(Condition::None)) => {
                plain.push((key, object));
                continue;
            }
            (Ok(key), Ok(condition)) => gone(blob.delete(&bucket, &key, &condition, Actor::Client).await),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        match done {
            Ok(()) => deleted.push(told(object)),
            Err(error) => errors.push(refused(object, &error)),
        }
    }
    let (keys, plain): (Vec<Key>, Vec<ObjectIdentifier>) = plain.into_iter().unzip();
    match blob.delete_all(&bucket, &keys, Actor::Client).await.map_err(from_blob) {
        Ok(_) => deleted.extend(plain.into_iter().map(told)),
        // Nothing was done: clients try all of it again by themselves.
        Err(error) if deleted.is_empty() => return Err(error),
        // Objects that were deleted one by one stay deleted, and are reported.
        Err(error) => errors.extend(plain.into_iter().map(|object| refused(object, &error))),
    }
    let quiet = input.delete.quiet == Some(true);
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        request_charged: None,
    }))
}

fn told(object: ObjectIdentifier) -> DeletedObject {
    DeletedObject { key: Some(object.key), ..Default::default() }
}

fn refused(object: ObjectIdentifier, error: &S3Error) -> s3s::dto::Error {
    s3s::dto::Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(object.key),
        message: error.message().map(str::to_owned),
        version_id: object.version_id,
    }
}
