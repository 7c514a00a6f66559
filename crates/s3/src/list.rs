//! Listing objects, in both versions of the call.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blob::{Blob, Entry, List, Listing};
use s3s::dto::{
    CommonPrefix, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass, Owner,
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
        delimiter: input.delimiter.clone(),
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
        next_marker: listed.next.filter(|_| input.delimiter.is_some()).map(|next| names.write(&next)),
        max_keys: i32::try_from(limit).ok(),
        prefix: Some(names.write(&list.prefix)),
        marker: Some(write(input.marker).unwrap_or_default()),
        delimiter: write(input.delimiter),
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
        Some(token) => Some(from_token(token)?),
        None => input.start_after.clone().filter(|start| !start.is_empty()),
    };
    let list = List {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone(),
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
        delimiter: write(input.delimiter),
        encoding_type: input.encoding_type,
        request_charged: None,
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
