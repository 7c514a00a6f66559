//! Listing objects, in both versions of the call.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blob::{Blob, Entry, List, Listing};
use s3s::dto::{
    CommonPrefix, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass, Owner,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::checksum;
use crate::convert::{Encoding, bucket, etag, page, size, time};
use crate::error::from_blob;

pub(crate) async fn v1(
    blob: &Blob,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let names = Encoding::read(input.encoding_type.as_ref())?;
    let limit = page(input.max_keys)?;
    let list = List {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.filter(|delimiter| !delimiter.is_empty()),
        after: input.marker.clone().filter(|marker| !marker.is_empty()),
        limit,
    };
    let listed = blob.list(&bucket(&input.bucket)?, &list).await.map_err(from_blob)?;
    let write = |name: Option<String>| name.map(|name| names.write(&name));
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        is_truncated: Some(listed.next.is_some()),
        contents: Some(contents(&listed, names, true)),
        common_prefixes: Some(prefixes(&listed, names)),
        next_marker: listed.next.filter(|_| list.delimiter.is_some()).map(|next| names.write(&next)),
        max_keys: i32::try_from(limit).ok(),
        // Clients of this version of the call take the prefix as it is.
        prefix: Some(list.prefix),
        marker: Some(write(input.marker).unwrap_or_default()),
        delimiter: write(list.delimiter),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

pub(crate) async fn v2(
    blob: &Blob,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let names = Encoding::read(input.encoding_type.as_ref())?;
    let limit = page(input.max_keys)?;
    let after = match input.continuation_token.as_deref() {
        Some(token) if !token.is_empty() => Some(from_token(token)?),
        _ => input.start_after.clone().filter(|start| !start.is_empty()),
    };
    let list = List {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.filter(|delimiter| !delimiter.is_empty()),
        after,
        limit,
    };
    let listed = blob.list(&bucket(&input.bucket)?, &list).await.map_err(from_blob)?;
    let write = |name: Option<String>| name.map(|name| names.write(&name));
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        is_truncated: Some(listed.next.is_some()),
        key_count: i32::try_from(listed.entries.len() + listed.prefixes.len()).ok(),
        contents: Some(contents(&listed, names, input.fetch_owner == Some(true))),
        common_prefixes: Some(prefixes(&listed, names)),
        next_continuation_token: listed.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
        continuation_token: input.continuation_token,
        max_keys: i32::try_from(limit).ok(),
        prefix: Some(names.write(&list.prefix)),
        start_after: write(input.start_after),
        delimiter: write(list.delimiter),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// There is one version of each key, named `null`, as in a bucket of S3 that never had versions.
pub(crate) async fn versions(
    blob: &Blob,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let input = request.input;
    let names = Encoding::read(input.encoding_type.as_ref())?;
    let limit = page(input.max_keys)?;
    let list = List {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.filter(|delimiter| !delimiter.is_empty()),
        after: input.key_marker.clone().filter(|marker| !marker.is_empty()),
        limit,
    };
    let listed = blob.list(&bucket(&input.bucket)?, &list).await.map_err(from_blob)?;
    let entry = |entry: &Entry| ObjectVersion {
        key: Some(names.write(entry.key.as_str())),
        version_id: Some("null".into()),
        is_latest: Some(true),
        size: Some(size(entry.size)),
        e_tag: Some(etag(&entry.etag)),
        last_modified: Some(time(entry.created_at)),
        owner: Some(owner()),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        ..ObjectVersion::default()
    };
    let write = |name: Option<String>| name.map(|name| names.write(&name));
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        versions: Some(listed.entries.iter().map(entry).collect()),
        common_prefixes: Some(prefixes(&listed, names)),
        is_truncated: Some(listed.next.is_some()),
        next_version_id_marker: listed.next.as_ref().map(|_| "null".into()),
        next_key_marker: listed.next.map(|next| names.write(&next)),
        max_keys: i32::try_from(limit).ok(),
        prefix: Some(names.write(&list.prefix)),
        key_marker: Some(write(input.key_marker).unwrap_or_default()),
        version_id_marker: input.version_id_marker,
        delimiter: write(list.delimiter),
        encoding_type: input.encoding_type,
        ..ListObjectVersionsOutput::default()
    }))
}

/// A token is the last name of the page before.
fn from_token(token: &str) -> S3Result<String> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token is not one of ours."))
}

fn contents(listed: &Listing, names: Encoding, with_owner: bool) -> Vec<Object> {
    let entry = |entry: &Entry| Object {
        key: Some(names.write(entry.key.as_str())),
        size: Some(size(entry.size)),
        e_tag: Some(etag(&entry.etag)),
        last_modified: Some(time(entry.created_at)),
        checksum_algorithm: entry.checksum.as_ref().map(|c| vec![checksum::name(c.algorithm)]),
        checksum_type: entry.checksum.as_ref().map(checksum::kind),
        owner: with_owner.then(owner),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        restore_status: None,
    };
    listed.entries.iter().map(entry).collect()
}

fn prefixes(listed: &Listing, names: Encoding) -> Vec<CommonPrefix> {
    listed.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(names.write(prefix)) }).collect()
}

/// Everything belongs to the installation.
pub(crate) fn owner() -> Owner {
    Owner { id: Some("kinora".into()), display_name: Some("Kinora".into()) }
}
