//! Listing objects, in both versions of the call, and as versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blob::{Blob, Entry, List, Listing};
use http::Uri;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, ObjectVersion,
    ObjectVersionStorageClass, Owner,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::checksum;
use crate::convert::{Encoding, bucket, etag, page, size, time};
use crate::error::from_blob;
use crate::xml;

/// Reads the common fields of an input.
macro_rules! asked {
    ($input:expr, $uri:expr, after: $after:expr) => {
        Asked {
            prefix: $input.prefix.as_deref(),
            delimiter: $input.delimiter.as_deref(),
            after: $after,
            max_keys: $input.max_keys,
            encoding: $input.encoding_type.as_ref(),
            uri: $uri,
        }
    };
}

pub(crate) async fn v1(
    blob: &Blob,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let uri = request.uri;
    let input = request.input;
    let page = asked!(input, &uri, after: given(input.marker.as_deref())).list(blob, &input.bucket).await?;
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        is_truncated: Some(page.listed.next.is_some()),
        contents: Some(page.contents(true)),
        common_prefixes: Some(page.prefixes()),
        next_marker: page.listed.next.as_deref().filter(|_| page.list.delimiter.is_some()).map(page.names()),
        max_keys: i32::try_from(page.list.limit).ok(),
        marker: Some(input.marker.as_deref().map(page.names()).unwrap_or_default()),
        delimiter: page.list.delimiter.as_deref().map(page.names()),
        // Clients of this version of the call take the prefix as it is.
        prefix: Some(match xml::carries(&page.list.prefix) {
            true => page.list.prefix,
            false => page.encoding.write(&page.list.prefix),
        }),
        encoding_type: page.encoding.told(),
        request_charged: None,
    }))
}

pub(crate) async fn v2(
    blob: &Blob,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let uri = request.uri;
    let input = request.input;
    let after = match given(input.continuation_token.as_deref()) {
        Some(token) => Some(from_token(&token)?),
        None => given(input.start_after.as_deref()),
    };
    let page = asked!(input, &uri, after: after).list(blob, &input.bucket).await?;
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        is_truncated: Some(page.listed.next.is_some()),
        key_count: i32::try_from(page.listed.entries.len() + page.listed.prefixes.len()).ok(),
        contents: Some(page.contents(input.fetch_owner == Some(true))),
        common_prefixes: Some(page.prefixes()),
        next_continuation_token: page.listed.next.as_deref().map(|next| URL_SAFE_NO_PAD.encode(next)),
        continuation_token: input.continuation_token,
        max_keys: i32::try_from(page.list.limit).ok(),
        prefix: Some(page.names()(&page.list.prefix)),
        start_after: input.start_after.as_deref().map(page.names()),
        delimiter: page.list.delimiter.as_deref().map(page.names()),
        encoding_type: page.encoding.told(),
        request_charged: None,
    }))
}

/// There is one version of each key, named `null`, as in a bucket of S3 that never had versions.
pub(crate) async fn versions(
    blob: &Blob,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let uri = request.uri;
    let input = request.input;
    let page =
        asked!(input, &uri, after: given(input.key_marker.as_deref())).list(blob, &input.bucket).await?;
    let entry = |entry: &Entry| ObjectVersion {
        key: Some(page.names()(entry.key.as_str())),
        version_id: Some("null".into()),
        is_latest: Some(true),
        size: Some(size(entry.size)),
        e_tag: Some(etag(&entry.etag)),
        last_modified: Some(time(entry.created_at)),
        owner: Some(owner()),
        storage_class: Some(ObjectVersionStorageClass::from_static(entry.storage_class.as_str())),
        ..ObjectVersion::default()
    };
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket),
        versions: Some(page.listed.entries.iter().map(entry).collect()),
        common_prefixes: Some(page.prefixes()),
        is_truncated: Some(page.listed.next.is_some()),
        next_version_id_marker: page.listed.next.as_ref().map(|_| "null".into()),
        next_key_marker: page.listed.next.as_deref().map(page.names()),
        max_keys: i32::try_from(page.list.limit).ok(),
        prefix: Some(page.names()(&page.list.prefix)),
        key_marker: Some(input.key_marker.as_deref().map(page.names()).unwrap_or_default()),
        version_id_marker: input.version_id_marker,
        delimiter: page.list.delimiter.as_deref().map(page.names()),
        encoding_type: page.encoding.told(),
        ..ListObjectVersionsOutput::default()
    }))
}

/// The common fields of the three calls.
struct Asked<'a> {
    prefix: Option<&'a str>,
    delimiter: Option<&'a str>,
    /// The name after which the page begins.
    after: Option<String>,
    max_keys: Option<i32>,
    encoding: Option<&'a EncodingType>,
    uri: &'a Uri,
}

/// A page of the listing.
struct Page {
    list: List,
    listed: Listing,
    encoding: Encoding,
}

impl Asked<'_> {
    async fn list(self, blob: &Blob, from: &str) -> S3Result<Page> {
        let encoding = Encoding::read(self.encoding)?;
        let list = List {
            prefix: self.prefix.unwrap_or_default().to_owned(),
            delimiter: given(self.delimiter),
            after: self.after,
            limit: page(self.max_keys)?,
        };
        // Some servers list faster without order; here order costs nothing, and what cannot go with it is the same.
        let unordered =
            self.uri.query().is_some_and(|q| q.split('&').any(|pair| pair == "allow-unordered=true"));
        if unordered && list.delimiter.is_some() {
            return Err(s3_error!(InvalidArgument, "A delimiter needs an ordered listing."));
        }
        let listed = blob.list(&bucket(from)?, &list).await.map_err(from_blob)?;
        let keys = listed.entries.iter().map(|entry| entry.key.as_str());
        let given = [Some(&list.prefix), list.delimiter.as_ref(), list.after.as_ref(), listed.next.as_ref()];
        let names = keys.chain(listed.prefixes.iter().map(String::as_str));
        let encoding = encoding.for_names(names.chain(given.into_iter().flatten().map(String::as_str)));
        Ok(Page { list, listed, encoding })
    }
}

impl Page {
    /// Writes names as the client wants them.
    fn names(&self) -> impl Fn(&str) -> String + use<> {
        let encoding = self.encoding;
        move |name| encoding.write(name)
    }

    fn contents(&self, with_owner: bool) -> Vec<Object> {
        let entry = |entry: &Entry| Object {
            key: Some(self.encoding.write(entry.key.as_str())),
            size: Some(size(entry.size)),
            e_tag: Some(etag(&entry.etag)),
            last_modified: Some(time(entry.created_at)),
            checksum_algorithm: entry.checksum.as_ref().map(|c| vec![checksum::name(c.algorithm)]),
            checksum_type: entry.checksum.as_ref().map(checksum::kind),
            owner: with_owner.then(owner),
            storage_class: Some(ObjectStorageClass::from_static(entry.storage_class.as_str())),
            restore_status: None,
        };
        self.listed.entries.iter().map(entry).collect()
    }

    fn prefixes(&self) -> Vec<CommonPrefix> {
        let write = |prefix: &String| CommonPrefix { prefix: Some(self.encoding.write(prefix)) };
        self.listed.prefixes.iter().map(write).collect()
    }
}

/// A parameter; an empty one says nothing.
fn given(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A token is the last name of the page before.
fn from_token(token: &str) -> S3Result<String> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| s3_error!(InvalidArgument, "Invalid continuation token."))
}

/// Everything belongs to the installation.
pub(crate) fn owner() -> Owner {
    Owner { id: Some("kinora".into()), display_name: Some("Kinora".into()) }
}
