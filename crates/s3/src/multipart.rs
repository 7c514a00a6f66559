//! Multipart uploads: begin, complete, abort, list.

use std::ops::Range;

use blob::{Algorithm, Blob, By, Chosen, Complete, ListUploads, Means, NewUpload, Upload};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumType, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, MultipartUpload, Part,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::{
    Encoding, bucket, condition, etag, key, named_class, number, page, plain_etag, refuse, size, time,
    upload_id,
};
use crate::error::from_blob;
use crate::given::{attributes, refuse_on_write};
use crate::host::origin;
use crate::{checksum, encryption};

pub(crate) async fn begin(
    blob: &Blob,
    mut request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = &mut request.input;
    refuse_on_write!(blob, input);
    let checksum = input.checksum_algorithm.as_ref().map(|a| checksum::algorithm(a.as_str())).transpose()?;
    let new = NewUpload {
        bucket: bucket(&input.bucket)?,
        key: key(&input.key)?,
        attributes: attributes!(input)?,
        checksum,
        composite: composite(checksum, input.checksum_type.as_ref().map(|t| t.as_str()))?,
    };
    let upload = blob.begin_upload(new).await.map_err(from_blob)?;
    Ok(S3Response::new(CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(upload.id.to_string()),
        checksum_algorithm: checksum.map(checksum::name),
        checksum_type: checksum.map(|_| kind(&upload)),
        server_side_encryption: encryption::told(blob),
        ..CreateMultipartUploadOutput::default()
    }))
}

/// Whether the object's checksum is made of those of the parts.
fn composite(algorithm: Option<Algorithm>, kind: Option<&str>) -> S3Result<bool> {
    let refused = || s3_error!(InvalidRequest, "This checksum algorithm and type do not go together.");
    match (algorithm, kind) {
        (None, None) | (Some(Algorithm::Crc64Nvme), None | Some("FULL_OBJECT")) => Ok(false),
        (Some(Algorithm::Crc32 | Algorithm::Crc32c), Some("FULL_OBJECT")) => Ok(false),
        (Some(Algorithm::Crc64Nvme) | None, Some(_)) => Err(refused()),
        (Some(_), None | Some("COMPOSITE")) => Ok(true),
        (Some(_), Some(_)) => Err(refused()),
    }
}

fn kind(upload: &Upload) -> ChecksumType {
    ChecksumType::from_static(match upload.composite {
        true => ChecksumType::COMPOSITE,
        false => ChecksumType::FULL_OBJECT,
    })
}

/// Refuses a part whose checksum is not of the upload's algorithm.
pub(crate) fn fits(upload: &Upload, part: Option<&blob::Checksum>) -> S3Result<()> {
    match (upload.checksum, part) {
        (Some(algorithm), Some(part)) if part.algorithm != algorithm => Err(s3_error!(
            InvalidRequest,
            "The upload was started with {}; the part has {}.",
            algorithm.as_str(),
            part.algorithm.as_str()
        )),
        _ => Ok(()),
    }
}

pub(crate) async fn complete(
    blob: &Blob,
    mut request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let location = origin(&request.headers, &request.extensions) + request.uri.path();
    let input = &mut request.input;
    refuse!(input, sse_customer_algorithm: "encryption with the client's keys");
    let (bucket, key) = (bucket(&input.bucket)?, key(&input.key)?);
    let parts = input.multipart_upload.take().and_then(|list| list.parts).unwrap_or_default();
    if parts.is_empty() {
        return Err(s3_error!(MalformedXML, "List at least one part."));
    }
    let complete = Complete {
        parts: parts.into_iter().map(chosen).collect::<S3Result<_>>()?,
        checksum: checksum::given!(input)?,
        size: input.mpu_object_size.map(announced).transpose()?,
        condition: condition(input.if_match.take(), input.if_none_match.take())?,
        by: By::Client(Means::CompleteMultipartUpload),
    };
    let id = upload_id(&input.upload_id)?;
    let object = blob.complete_upload(&bucket, &key, id, complete).await.map_err(from_blob)?;
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(bucket.into()),
        key: Some(key.into()),
        e_tag: Some(etag(&object.etag)),
        location: Some(location),
        checksum_type: object.checksum.as_ref().map(checksum::kind),
        server_side_encryption: encryption::told(blob),
        ..CompleteMultipartUploadOutput::default()
    };
    checksum::fill!(output, &object.checksum);
    Ok(S3Response::new(output))
}

/// The size that the object shall have.
fn announced(size: i64) -> S3Result<u64> {
    let negative = |_| s3_error!(InvalidArgument, "x-amz-mp-object-size must be a number of bytes.");
    u64::try_from(size).map_err(negative)
}

fn chosen(part: CompletedPart) -> S3Result<Chosen> {
    let missing = || s3_error!(MalformedXML, "Every part needs a PartNumber and an ETag.");
    Ok(Chosen {
        number: number(part.part_number.ok_or_else(missing)?)?,
        checksum: checksum::given!(part)?,
        etag: plain_etag(&part.e_tag.ok_or_else(missing)?),
    })
}

pub(crate) async fn abort(
    blob: &Blob,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = request.input;
    let id = upload_id(&input.upload_id)?;
    blob.abort_upload(&bucket(&input.bucket)?, &key(&input.key)?, id).await.map_err(from_blob)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(crate) async fn parts(
    blob: &Blob,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let id = upload_id(&input.upload_id)?;
    let upload = blob.upload(&bucket(&input.bucket)?, &key(&input.key)?, id).await.map_err(from_blob)?;
    let after = input.part_number_marker.and_then(|marker| u32::try_from(marker).ok()).unwrap_or(0);
    let limit = page(input.max_parts)?;
    let listed = blob.parts(id, after, limit).await.map_err(from_blob)?;
    let number = |part: &blob::Part| i32::try_from(part.number).unwrap_or(i32::MAX);
    let entry = |part: &blob::Part| {
        let mut entry = Part {
            part_number: Some(number(part)),
            size: Some(size(part.size)),
            e_tag: Some(etag(&part.etag())),
            last_modified: Some(time(part.created_at)),
            ..Part::default()
        };
        checksum::fill!(entry, &part.checksum);
        entry
    };
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: i32::try_from(limit).ok(),
        part_number_marker: input.part_number_marker,
        is_truncated: Some(listed.more),
        next_part_number_marker: listed.parts.last().filter(|_| listed.more).map(number),
        parts: Some(listed.parts.iter().map(entry).collect()),
        checksum_algorithm: upload.checksum.map(checksum::name),
        checksum_type: upload.checksum.map(|_| kind(&upload)),
        storage_class: Some(named_class(upload.attributes.storage_class)),
        ..ListPartsOutput::default()
    }))
}

pub(crate) async fn list(
    blob: &Blob,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    let names = Encoding::read(input.encoding_type.as_ref())?;
    let limit = page(input.max_uploads)?;
    // Without a key there is nothing that the id could be behind (S3 API reference, "ListMultipartUploads").
    let key_marker = input.key_marker.clone().filter(|marker| !marker.is_empty());
    let id_marker = input.upload_id_marker.as_deref().filter(|text| key_marker.is_some() && !text.is_empty());
    let unknown = |_| s3_error!(InvalidArgument, "Invalid upload-id-marker.");
    let id = id_marker.map(|text| text.parse().map_err(unknown)).transpose()?;
    let list = ListUploads {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
        after: key_marker.map(|marker| (marker, id)),
        limit,
    };
    let listed = blob.uploads(&bucket(&input.bucket)?, &list).await.map_err(from_blob)?;
    let keys = listed.uploads.iter().map(|upload| upload.key.as_str());
    let given = [input.prefix.as_deref(), input.delimiter.as_deref(), input.key_marker.as_deref()];
    let all = keys.chain(listed.prefixes.iter().map(String::as_str)).chain(given.into_iter().flatten());
    let names = names.for_names(all);
    let entry = |upload: &Upload| MultipartUpload {
        upload_id: Some(upload.id.to_string()),
        key: Some(names.write(upload.key.as_str())),
        initiated: Some(time(upload.created_at)),
        checksum_algorithm: upload.checksum.map(checksum::name),
        checksum_type: upload.checksum.map(|_| kind(upload)),
        storage_class: Some(named_class(upload.attributes.storage_class)),
        ..MultipartUpload::default()
    };
    let prefix = |prefix: &String| CommonPrefix { prefix: Some(names.write(prefix)) };
    let write = |name: Option<String>| name.map(|name| names.write(&name));
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: write(input.prefix),
        delimiter: write(input.delimiter),
        encoding_type: names.told(),
        key_marker: write(input.key_marker),
        upload_id_marker: input.upload_id_marker,
        max_uploads: i32::try_from(limit).ok(),
        is_truncated: Some(listed.next.is_some()),
        next_key_marker: listed.next.as_ref().map(|(key, _)| names.write(key)),
        next_upload_id_marker: listed.next.and_then(|(_, id)| id).map(|id| id.to_string()),
        uploads: Some(listed.uploads.iter().map(entry).collect()),
        common_prefixes: Some(listed.prefixes.iter().map(prefix).collect()),
        request_charged: None,
    }))
}

/// `bytes=FIRST-LAST`, wholly within the source.
pub(crate) fn copy_range(text: &str, size: u64) -> S3Result<Range<u64>> {
    let read = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some((first, last))
    };
    match read() {
        Some((first, last)) if last < size => Ok(first..last + 1),
        Some(_) => Err(s3_error!(InvalidRange, "The range is outside the source's {size} bytes.")),
        None => Err(s3_error!(InvalidArgument, "The range to copy must be bytes=FIRST-LAST.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_to_copy_lie_within_the_source() {
        assert_eq!(copy_range("bytes=0-9", 10).unwrap(), 0..10);
        assert_eq!(copy_range("bytes=9-9", 10).unwrap(), 9..10);
        for bad in
            ["", "0-9", "bytes=0-10", "bytes=5-4", "bytes=-5", "bytes=5-", "bytes=0-18446744073709551615"]
        {
            assert!(copy_range(bad, 10).is_err(), "{bad}");
        }
    }

    #[test]
    fn checksum_types_follow_the_algorithm() {
        let check = |algorithm, kind, expected: Option<bool>| {
            assert_eq!(composite(algorithm, kind).ok(), expected, "{algorithm:?} {kind:?}");
        };
        check(None, None, Some(false));
        check(Some(Algorithm::Crc64Nvme), None, Some(false));
        check(Some(Algorithm::Crc64Nvme), Some("COMPOSITE"), None);
        check(Some(Algorithm::Crc32), None, Some(true));
        check(Some(Algorithm::Crc32), Some("FULL_OBJECT"), Some(false));
        check(Some(Algorithm::Sha256), Some("FULL_OBJECT"), None);
        check(Some(Algorithm::Sha256), Some("COMPOSITE"), Some(true));
    }
}
