//! Reading objects.

use std::ops::Range;

use blob::{Blob, Object};
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use http_body_util::StreamBody;
use model::{BucketName, Key};
use s3s::dto::{
    ChecksumType, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    StreamingBlob, Timestamp,
};
use s3s::{Body, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::checksum;
use crate::convert::{
    bucket, etag, expires, key, number, plain_etag, refuse, seconds, size, time, told_class, version,
};
use crate::error::from_blob;
use crate::{encryption, tags};

pub(crate) async fn get(
    blob: &Blob,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    encryption::not_on_reads(&request.headers)?;
    let input = request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    version(input.version_id.as_deref())?;
    let answer = find(blob, &bucket(&input.bucket)?, &key(&input.key)?, wanted!(input)).await?;
    let reader = blob.read(answer.object.id, answer.range.clone()).await.map_err(from_blob)?;
    let body = Body::http_body_unsync(StreamBody::new(reader.map_ok(Frame::data)));
    let tag_count = tags::count(&answer.object.attributes.tags);
    let mut output = describe!(GetObjectOutput, blob, answer);
    output.tag_count = tag_count;
    output.body = Some(StreamingBlob::from(body));
    Ok(S3Response::new(output))
}

pub(crate) async fn head(
    blob: &Blob,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    encryption::not_on_reads(&request.headers)?;
    let input = request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    version(input.version_id.as_deref())?;
    let answer = find(blob, &bucket(&input.bucket)?, &key(&input.key)?, wanted!(input)).await?;
    let partial = answer.content_range.is_some();
    let tags = tags::count(&answer.object.attributes.tags);
    let mut response = S3Response::new(describe!(HeadObjectOutput, blob, answer));
    response.status = partial.then_some(http::StatusCode::PARTIAL_CONTENT);
    response.headers.extend(tags.map(|count| (tags::COUNT, HeaderValue::from(count))));
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

/// Reads the common fields of both inputs.
macro_rules! wanted {
    ($input:expr) => {
        Wanted {
            conditions: conditions!($input),
            range: $input.range,
            part: $input.part_number,
            checksums: $input.checksum_mode.is_some(),
        }
    };
}
use wanted;

/// The fields that both outputs share.
macro_rules! describe {
    ($output:ident, $blob:expr, $answer:expr) => {{
        let Answer { object, range, content_range, parts, checksum, checksum_type } = $answer;
        let mut output = $output {
            accept_ranges: Some("bytes".into()),
            cache_control: object.attributes.cache_control.clone(),
            content_disposition: object.attributes.content_disposition.clone(),
            content_encoding: object.attributes.content_encoding.clone(),
            content_language: object.attributes.content_language.clone(),
            content_length: Some(size(range.end - range.start)),
            content_range,
            content_type: object.attributes.content_type.clone(),
            checksum_type,
            e_tag: Some(etag(&object.etag)),
            expires: expires(&object.attributes),
            last_modified: Some(time(object.created_at)),
            metadata: Some(object.attributes.metadata.clone().into_iter().collect()),
            parts_count: parts,
            server_side_encryption: encryption::told($blob),
            storage_class: told_class(object.attributes.storage_class),
            ..$output::default()
        };
        checksum::fill!(output, &checksum);
        output
    }};
}
use describe;

/// The parameters of a GET or HEAD.
struct Wanted {
    conditions: Conditions,
    range: Option<s3s::dto::Range>,
    part: Option<i32>,
    checksums: bool,
}

/// Its answer.
struct Answer {
    object: Object,
    range: Range<u64>,
    content_range: Option<String>,
    parts: Option<i32>,
    checksum: Option<blob::Checksum>,
    checksum_type: Option<ChecksumType>,
}

async fn find(blob: &Blob, bucket: &BucketName, key: &Key, wanted: Wanted) -> S3Result<Answer> {
    let object = blob.head(bucket, key).await.map_err(from_blob)?;
    wanted.conditions.check(&object)?;
    let mut of_part = None;
    let (range, partial) = match (wanted.range, wanted.part) {
        (None, None) => (0..object.size, false),
        (Some(_), Some(_)) => {
            return Err(s3_error!(InvalidRequest, "Send a range or a part number, not both."));
        }
        (Some(range), None) => {
            let range = range.check(object.size);
            (range.map_err(|_| from_blob(blob::Error::Range { size: object.size }))?, true)
        }
        (None, Some(part)) => {
            let part = number(part)?;
            let found = blob.object_parts(&object, part - 1, 1).await.map_err(from_blob)?;
            let found = found.into_iter().find(|found| found.number == part);
            let found = found.ok_or_else(|| s3_error!(InvalidPart, "The object has no such part."))?;
            of_part = found.checksum;
            let partial = !found.range.is_empty();
            (found.range, partial)
        }
    };
    let content_range =
        partial.then(|| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), object.size));
    let whole = range == (0..object.size);
    let checksum = if whole { object.checksum.clone() } else { of_part };
    let checksum = checksum.filter(|_| wanted.checksums);
    let checksum_type = object.checksum.as_ref().filter(|_| checksum.is_some()).map(checksum::kind);
    let parts = wanted.part.and(object.parts()).and_then(|n| i32::try_from(n).ok());
    Ok(Answer { object, range, content_range, parts, checksum, checksum_type })
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
