//! Metadata of objects and buckets.

use blob::Blob;
use http::Uri;
use s3s::dto::{
    AccessControlPolicy, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput, GetObjectAclOutput,
    GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, Grant, Grantee,
    ObjectAttributes, ObjectPart, Permission, PutBucketAclInput, PutBucketAclOutput, PutObjectAclInput,
    PutObjectAclOutput, Type,
};
use s3s::{S3Request, S3Response, S3Result};

use crate::checksum;
use crate::convert::{acl, bucket, etag, key, named_class, page, refuse, size, time, version};
use crate::error::from_blob;
use crate::list::owner;

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
        output.storage_class = Some(named_class(object.attributes.storage_class));
    }
    if let Some(checksum) = object.checksum.as_ref().filter(|_| asked(ObjectAttributes::CHECKSUM)) {
        let mut field =
            s3s::dto::Checksum { checksum_type: Some(checksum::kind(checksum)), ..Default::default() };
        checksum::fill!(field, Some(checksum));
        output.checksum = Some(field);
    }
    if let Some(total) = object.parts().filter(|_| asked(ObjectAttributes::OBJECT_PARTS)) {
        let after = input.part_number_marker.and_then(|marker| u32::try_from(marker).ok()).unwrap_or(0);
        let limit = page(input.max_parts)?;
        let listed = blob.object_parts(&object, after, limit + 1).await.map_err(from_blob)?;
        let shown = &listed[..listed.len().min(limit)];
        output.object_parts = Some(GetObjectAttributesParts {
            is_truncated: Some(listed.len() > limit),
            max_parts: i32::try_from(limit).ok(),
            next_part_number_marker: shown.last().and_then(|part| i32::try_from(part.number).ok()),
            part_number_marker: input.part_number_marker,
            parts: Some(shown.iter().map(object_part).collect()),
            total_parts_count: i32::try_from(total).ok(),
        });
    }
    Ok(S3Response::new(output))
}

/// Whether a request asks for attributes.
pub(crate) fn is_asked(uri: &Uri) -> bool {
    uri.query()
        .is_some_and(|query| query.split('&').any(|pair| pair == "attributes" || pair == "attributes="))
}

/// Here the ETag has no quotes, unlike everywhere else in S3; `s3s` knows no such thing.
pub(crate) fn with_bare_etag(body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let (before, rest) = text.split_once("<ETag>\"")?;
    let (etag, after) = rest.split_once("\"</ETag>")?;
    Some([before, "<ETag>", etag, "</ETag>", after].concat().into_bytes())
}

fn object_part(part: &blob::ObjectPart) -> ObjectPart {
    let mut entry = ObjectPart {
        part_number: i32::try_from(part.number).ok(),
        size: Some(size(part.range.end - part.range.start)),
        ..ObjectPart::default()
    };
    checksum::fill!(entry, &part.checksum);
    entry
}

/// Everything belongs to its owner, who may do everything.
fn all_grants() -> Vec<Grant> {
    let owner = owner();
    let grantee = Grantee {
        display_name: owner.display_name,
        email_address: None,
        id: owner.id,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    vec![Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

pub(crate) async fn bucket_acl(
    blob: &Blob,
    request: S3Request<GetBucketAclInput>,
) -> S3Result<S3Response<GetBucketAclOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(all_grants()), owner: Some(owner()) }))
}

macro_rules! grants {
    ($input:expr) => {
        refuse!($input,
            grant_full_control: "ACLs",
            grant_read: "ACLs",
            grant_read_acp: "ACLs",
            grant_write: "ACLs",
            grant_write_acp: "ACLs",
        )
    };
}
/// Takes what is so anyway.
pub(crate) async fn put_bucket_acl(
    blob: &Blob,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<S3Response<PutBucketAclOutput>> {
    let input = request.input;
    blob.bucket(&bucket(&input.bucket)?).await.map_err(from_blob)?;
    grants!(input);
    acl(input.acl.as_ref().map(|acl| acl.as_str()))?;
    unchanged(input.access_control_policy)?;
    Ok(S3Response::new(PutBucketAclOutput {}))
}

/// Takes what is so anyway.
pub(crate) async fn put_object_acl(
    blob: &Blob,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    grants!(input);
    acl(input.acl.as_ref().map(|acl| acl.as_str()))?;
    unchanged(input.access_control_policy)?;
    Ok(S3Response::new(PutObjectAclOutput { request_charged: None }))
}

/// Refuses any list but that of [`all_grants`].
fn unchanged(policy: Option<AccessControlPolicy>) -> S3Result<()> {
    let shape = |grants: &[Grant]| -> Vec<(Option<String>, Option<String>)> {
        let id = |grant: &Grant| grant.grantee.as_ref().and_then(|grantee| grantee.id.clone());
        let permission = |grant: &Grant| grant.permission.as_ref().map(|p| p.as_str().to_owned());
        grants.iter().map(|grant| (id(grant), permission(grant))).collect()
    };
    let given = policy.map(|policy| policy.grants.unwrap_or_default());
    match given.is_none_or(|grants| shape(&grants) == shape(&all_grants())) {
        true => Ok(()),
        false => acl(Some("another")),
    }
}

pub(crate) async fn object_acl(
    blob: &Blob,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    let output =
        GetObjectAclOutput { grants: Some(all_grants()), owner: Some(owner()), request_charged: None };
    Ok(S3Response::new(output))
}
