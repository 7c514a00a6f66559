//! The operations this server offers; `s3s` answers `NotImplemented` to all others.

use async_trait::async_trait;
use blob::Blob;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetBucketAclInput,
    GetBucketAclOutput, GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput,
    GetBucketVersioningOutput, GetObjectAclInput, GetObjectAclOutput, GetObjectAttributesInput,
    GetObjectAttributesOutput, GetObjectInput, GetObjectOutput, GetObjectTaggingInput,
    GetObjectTaggingOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectVersionsInput, ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput,
    PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::{about, buckets, copy, delete, list, multipart, objects, put};

/// The store behind the wire.
pub(crate) struct Face(pub(crate) Blob);

macro_rules! operations {
    ($($name:ident: $input:ident -> $output:ident = $answer:path;)*) => {
        #[async_trait]
        impl S3 for Face {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                $answer(&self.0, request).await
            })*
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = buckets::list;
    create_bucket: CreateBucketInput -> CreateBucketOutput = buckets::create;
    head_bucket: HeadBucketInput -> HeadBucketOutput = buckets::head;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = buckets::delete;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = buckets::location;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = buckets::versioning;
    list_objects: ListObjectsInput -> ListObjectsOutput = list::v1;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = list::v2;
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = list::versions;
    put_object: PutObjectInput -> PutObjectOutput = put::object;
    get_object: GetObjectInput -> GetObjectOutput = objects::get;
    head_object: HeadObjectInput -> HeadObjectOutput = objects::head;
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = about::attributes;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = about::tags;
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = about::bucket_acl;
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = about::object_acl;
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::object;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = delete::one;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = delete::many;
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = multipart::begin;
    upload_part: UploadPartInput -> UploadPartOutput = put::part;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = copy::part;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = multipart::abort;
    list_parts: ListPartsInput -> ListPartsOutput = multipart::parts;
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = multipart::list;
}
