//! The operations this server offers, each with the parameters that its query may have ([`crate::offered`]).

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
    ($($name:ident: $input:ident -> $output:ident = $answer:path, $parameters:tt;)*) => {
        /// The input of every operation that is offered, and the parameters that its query may have.
        pub(crate) const OPERATIONS: &[(&str, &[&str])] = &[$((stringify!($input), &$parameters)),*];

        #[async_trait]
        impl S3 for Face {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                $answer(&self.0, request).await
            })*
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = buckets::list,
        ["prefix", "continuation-token", "max-buckets", "bucket-region"];
    create_bucket: CreateBucketInput -> CreateBucketOutput = buckets::create, [];
    head_bucket: HeadBucketInput -> HeadBucketOutput = buckets::head, [];
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = buckets::delete, [];
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = buckets::location, ["location"];
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = buckets::versioning,
        ["versioning"];
    list_objects: ListObjectsInput -> ListObjectsOutput = list::v1,
        ["prefix", "delimiter", "marker", "max-keys", "encoding-type", "allow-unordered"];
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = list::v2, [
        "list-type", "prefix", "delimiter", "continuation-token", "start-after", "max-keys", "encoding-type",
        "fetch-owner", "allow-unordered",
    ];
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = list::versions, [
        "versions", "prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type",
        "allow-unordered",
    ];
    put_object: PutObjectInput -> PutObjectOutput = put::object, [];
    get_object: GetObjectInput -> GetObjectOutput = objects::get, [
        "partNumber", "versionId", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
    ];
    head_object: HeadObjectInput -> HeadObjectOutput = objects::head, [
        "partNumber", "versionId", "response-cache-control", "response-content-disposition",
        "response-content-encoding", "response-content-language", "response-content-type", "response-expires",
    ];
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = about::attributes,
        ["attributes", "versionId"];
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tags::get, ["tagging", "versionId"];
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tags::put, ["tagging", "versionId"];
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = tags::delete,
        ["tagging", "versionId"];
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = tags::of_bucket, ["tagging"];
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = tags::put_bucket, ["tagging"];
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = tags::delete_bucket, ["tagging"];
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = bucket_cors::get, ["cors"];
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = bucket_cors::put, ["cors"];
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = bucket_cors::delete, ["cors"];
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = about::bucket_acl, ["acl"];
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = about::object_acl, ["acl", "versionId"];
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::object, [];
    delete_object: DeleteObjectInput -> DeleteObjectOutput = delete::one, ["versionId"];
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = delete::many, ["delete"];
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = multipart::begin,
        ["uploads"];
    upload_part: UploadPartInput -> UploadPartOutput = put::part, ["partNumber", "uploadId"];
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = copy::part, ["partNumber", "uploadId"];
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = multipart::complete,
        ["uploadId"];
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = multipart::abort, ["uploadId"];
    list_parts: ListPartsInput -> ListPartsOutput = multipart::parts, ["uploadId", "max-parts", "part-number-marker"];
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = multipart::list,
        ["uploads", "prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"];
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = about::put_bucket_acl, ["acl"];
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = about::put_object_acl, ["acl", "versionId"];
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput = encryption::get, ["encryption"];
    put_bucket_encryption: PutBucketEncryptionInput -> PutBucketEncryptionOutput = encryption::put, ["encryption"];
    delete_bucket_encryption: DeleteBucketEncryptionInput -> DeleteBucketEncryptionOutput = encryption::delete,
        ["encryption"];
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput = absent::acceleration, [
        "accelerate",
    ];
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = absent::lifecycle, [
        "lifecycle",
    ];
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = absent::logging, ["logging"];
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = absent::notifications, [
        "notification",
    ];
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = absent::ownership, [
        "ownershipControls",
    ];
    get_bucket_request_payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput = absent::payer,
        ["requestPayment"];
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = absent::policy, ["policy"];
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = absent::policy_status,
        ["policyStatus"];
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = absent::public_access,
        ["publicAccessBlock"];
    get_bucket_replication: GetBucketReplicationInput -> GetBucketReplicationOutput = absent::replication,
        ["replication"];
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = absent::website, ["website"];
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = absent::lock,
        ["object-lock"];
    put_object_lock_configuration: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput = absent::put_lock, [
        "object-lock",
    ];
    get_object_legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = absent::hold,
        ["legal-hold", "versionId"];
    put_object_legal_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = absent::put_hold,
        ["legal-hold", "versionId"];
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = absent::retention,
        ["retention", "versionId"];
    put_object_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = absent::put_retention,
        ["retention", "versionId"];
}
