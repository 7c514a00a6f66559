//! What there is to know about objects and buckets besides their bytes.

use blob::Blob;
use s3s::dto::{
    GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput, GetObjectAclOutput, GetObjectAttributesInput,
    GetObjectAttributesOutput, GetObjectAttributesParts, GetObjectTaggingInput, GetObjectTaggingOutput,
    Grant, Grantee, ObjectAttributes, ObjectPart, Permission, StorageClass, Type,
};
use s3s::{S3Request, S3Response, S3Result};

use crate::checksum;
use crate::convert::{bucket, etag, key, page, size, time, version};
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
        output.storage_class = Some(StorageClass::from_static(StorageClass::STANDARD));
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

fn object_part(part: &blob::ObjectPart) -> ObjectPart {
    let mut entry = ObjectPart {
        part_number: i32::try_from(part.number).ok(),
        size: Some(size(part.range.end - part.range.start)),
        ..ObjectPart::default()
    };
    checksum::fill!(entry, &part.checksum);
    entry
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

/// Everything belongs to its owner, who may do everything.
fn grants() -> Vec<Grant> {
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
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(grants()), owner: Some(owner()) }))
}

pub(crate) async fn object_acl(
    blob: &Blob,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let input = request.input;
    version(input.version_id.as_deref())?;
    blob.head(&bucket(&input.bucket)?, &key(&input.key)?).await.map_err(from_blob)?;
    let output = GetObjectAclOutput { grants: Some(grants()), owner: Some(owner()), request_charged: None };
    Ok(S3Response::new(output))
}
