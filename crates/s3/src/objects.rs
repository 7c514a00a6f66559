//! Reading and deleting objects.

use std::ops::Range;

use blob::{Blob, By, Means, Object};
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use model::{BucketName, Key};
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts,
    GetObjectInput, GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadObjectInput,
    HeadObjectOutput, ObjectAttributes, StorageClass, StreamingBlob, Timestamp,
};
use s3s::{Body, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::checksum;
use crate::convert::{
    bucket, condition, etag, expires, key, number, plain_etag, refuse, seconds, size, time, version,
};
use crate::error::{from_blob, not_offered};

/// Deletes of one request.
const MAX_DELETES: usize = 1000;

pub(crate) async fn get(
    blob: &Blob,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    version(input.version_id.as_deref())?;
    let wanted = Wanted {
        conditions: conditions!(input),
        range: input.range,
        part: input.part_number,
        checksums: input.checksum_mode.is_some(),
    };
    let answer = find(blob, &bucket(&input.bucket)?, &key(&input.key)?, wanted).await?;
    let reader = blob.read(answer.object.id, answer.range.clone()).await.map_err(from_blob)?;
    let body = Body::http_body_unsync(StreamBody::new(reader.map_ok(Frame::data)));
    let mut output = describe!(GetObjectOutput, answer);
    output.body = Some(StreamingBlob::from(body));
    Ok(S3Response::new(output))
}

pub(crate) async fn head(
    blob: &Blob,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    version(input.version_id.as_deref())?;
    let wanted = Wanted {
        conditions: conditions!(input),
        range: input.range,
        part: input.part_number,
        checksums: input.checksum_mode.is_some(),
    };
    let answer = find(blob, &bucket(&input.bucket)?, &key(&input.key)?, wanted).await?;
    let partial = answer.content_range.is_some();
    let mut response = S3Response::new(describe!(HeadObjectOutput, answer));
    response.status = partial.then_some(http::StatusCode::PARTIAL_CONTENT);
    Ok(response)
}

macro_rules! conditions {
    ($input:expr) => {
        Conditions {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}
use conditions;

/// The fields that both outputs share.
macro_rules! describe {
    ($output:ident, $answer:expr) => {{
        let Answer { object, range, content_range, parts, checksum } = $answer;
        let mut output = $output {
            accept_ranges: Some("bytes".into()),
            cache_control: object.attributes.cache_control.clone(),
            content_disposition: object.attributes.content_disposition.clone(),
            content_encoding: object.attributes.content_encoding.clone(),
            content_language: object.attributes.content_language.clone(),
            content_length: Some(size(range.end - range.start)),
            content_range,
            content_type: object.attributes.content_type.clone(),
            checksum_type: checksum.as_ref().map(checksum::kind),
            e_tag: Some(etag(&object.etag)),
            expires: expires(&object.attributes),
            last_modified: Some(time(object.created_at)),
            metadata: Some(object.attributes.metadata.clone().into_iter().collect()),
            parts_count: parts,
            ..$output::default()
        };
        checksum::fill!(output, &checksum);
        output
    }};
}
use describe;

/// What a GET or HEAD asks for.
struct Wanted {
    conditions: Conditions,
    range: Option<s3s::dto::Range>,
    part: Option<i32>,
    checksums: bool,
}

/// What it gets.
struct Answer {
    object: Object,
    range: Range<u64>,
    content_range: Option<String>,
    parts: Option<i32>,
    checksum: Option<blob::Checksum>,
}

async fn find(blob: &Blob, bucket: &BucketName, key: &Key, wanted: Wanted) -> S3Result<Answer> {
    let object = blob.head(bucket, key).await.map_err(from_blob)?;
    wanted.conditions.check(&object)?;
    let (range, partial) = match (wanted.range, wanted.part) {
        (None, None) => (0..object.size, false),
        (Some(_), Some(_)) => return Err(s3_error!(InvalidRequest, "Give a range or a part number.")),
        (Some(range), None) => {
            let range = range.check(object.size);
            (range.map_err(|_| from_blob(blob::Error::Range { size: object.size }))?, true)
        }
        (None, Some(part)) => {
            let range = blob.part_range(&object, number(part)?).await.map_err(from_blob)?;
            let range = range.ok_or_else(|| s3_error!(InvalidPart, "The object has no such part."))?;
            let partial = !range.is_empty();
            (range, partial)
        }
    };
    let content_range =
        partial.then(|| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.size));
    let whole = range == (0..object.size);
    let checksum = object.checksum.clone().filter(|_| wanted.checksums && whole);
    let parts = wanted.part.and(object.parts()).and_then(|n| i32::try_from(n).ok());
    Ok(Answer { object, range, content_range, parts, checksum })
}

pub(crate) struct Conditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// Checks them in the order of RFC 9110 §13.2.2.
    pub(crate) fn check(&self, object: &Object) -> S3Result<()> {
        let is = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(etag) => plain_etag(etag) == object.etag,
        };
        let modified = object.created_at.seconds();
        let failed = || from_blob(blob::Error::Precondition);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !is(condition) => return Err(failed()),
            (None, Some(at)) if modified > seconds(at) => return Err(failed()),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if is(condition) => Err(not_modified(object)),
            (None, Some(at)) if modified <= seconds(at) => Err(not_modified(object)),
            _ => Ok(()),
        }
    }
}

fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", object.etag)) {
        headers.insert(header::ETAG, value);
    }
    let mut error = s3_error!(NotModified, "The object was not modified.");
    error.set_headers(headers);
    error
}

pub(crate) async fn attributes(
    blob: &Blob,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    let object = blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    // A list in one header, or in several.
    let asked = |name| {
        input.object_attributes.iter().flat_map(|a| a.as_str().split(',')).any(|asked| asked.trim() == name)
    };
    let mut output =
        GetObjectAttributesOutput { last_modified: Some(time(object.created_at)), ..Default::default() };
    if asked(ObjectAttributes::ETAG) {
        output.e_tag = Some(etag(&object.etag));
    }
    if asked(ObjectAttributes::OBJECT_SIZE) {
        output.object_size = Some(size(object.size));
    }
    if asked(ObjectAttributes::STORAGE_CLASS) {
        output.storage_class = Some(StorageClass::from_static(StorageClass::STANDARD));
    }
    if let Some(checksum) = object.checksum.as_ref().filter(|_| asked(ObjectAttributes::CHECKSUM)) {
        let mut field =
            s3s::dto::Checksum { checksum_type: Some(checksum::kind(checksum)), ..Default::default() };
        checksum::fill!(field, Some(checksum));
        output.checksum = Some(field);
    }
    if let Some(parts) = object.parts().filter(|_| asked(ObjectAttributes::OBJECT_PARTS)) {
        let total_parts_count = i32::try_from(parts).ok();
        output.object_parts = Some(GetObjectAttributesParts { total_parts_count, ..Default::default() });
    }
    Ok(S3Response::new(output))
}

/// There are no tags: clients that copy them find an empty set.
pub(crate) async fn tags(
    blob: &Blob,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = request.input;
    blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: Vec::new(), version_id: None }))
}

pub(crate) async fn delete(
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

pub(crate) async fn delete_many(
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
