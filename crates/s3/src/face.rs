//! The operations this server offers; `s3s` answers `NotImplemented` to all others.

use async_trait::async_trait;
use blob::Blob;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketCorsInput, DeleteBucketCorsOutput,
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, DeleteObjectsInput, DeleteObjectsOutput,
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput, GetBucketAclInput,
    GetBucketAclOutput, GetBucketCorsInput, GetBucketCorsOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketLoggingInput, GetBucketLoggingOutput,
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, GetBucketPolicyInput,
    GetBucketPolicyOutput, GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput,
    GetBucketReplicationInput, GetBucketReplicationOutput, GetBucketRequestPaymentInput,
    GetBucketRequestPaymentOutput, GetBucketTaggingInput, GetBucketTaggingOutput, GetBucketVersioningInput,
    GetBucketVersioningOutput, GetBucketWebsiteInput, GetBucketWebsiteOutput, GetObjectAclInput,
    GetObjectAclOutput, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectInput,
    GetObjectLegalHoldInput, GetObjectLegalHoldOutput, GetObjectLockConfigurationInput,
    GetObjectLockConfigurationOutput, GetObjectOutput, GetObjectRetentionInput, GetObjectRetentionOutput,
    GetObjectTaggingInput, GetObjectTaggingOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput,
    HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectVersionsInput,
    ListObjectVersionsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output,
    ListPartsInput, ListPartsOutput, PutBucketAclInput, PutBucketAclOutput, PutBucketCorsInput,
    PutBucketCorsOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput, PutBucketTaggingInput,
    PutBucketTaggingOutput, PutObjectAclInput, PutObjectAclOutput, PutObjectInput, PutObjectLegalHoldInput,
    PutObjectLegalHoldOutput, PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput,
    PutObjectOutput, PutObjectRetentionInput, PutObjectRetentionOutput, PutObjectTaggingInput,
    PutObjectTaggingOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::{
    about, absent, bucket_cors, buckets, copy, delete, encryption, list, multipart, objects, put, tags,
};

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
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tags::get;
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tags::put;
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = tags::delete;
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = tags::of_bucket;
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = tags::put_bucket;
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = tags::delete_bucket;
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = bucket_cors::get;
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = bucket_cors::put;
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = bucket_cors::delete;
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
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = about::put_bucket_acl;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = about::put_object_acl;
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput = encryption::get;
    put_bucket_encryption: PutBucketEncryptionInput -> PutBucketEncryptionOutput = encryption::put;
    delete_bucket_encryption: DeleteBucketEncryptionInput -> DeleteBucketEncryptionOutput = encryption::delete;
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput = absent::acceleration;
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = absent::lifecycle;
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = absent::logging;
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = absent::notifications;
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = absent::ownership;
    get_bucket_request_payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput = absent::payer;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = absent::policy;
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = absent::policy_status;
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = absent::public_access;
    get_bucket_replication: GetBucketReplicationInput -> GetBucketReplicationOutput = absent::replication;
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = absent::website;
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = absent::lock;
    put_object_lock_configuration: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput = absent::put_lock;
    get_object_legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = absent::hold;
    put_object_legal_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = absent::put_hold;
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = absent::retention;
    put_object_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = absent::put_retention;
}
