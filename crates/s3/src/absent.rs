//! Features of S3 buckets and objects that are absent here: the answers are those of a bucket of
//! S3 on which it was never set, so that tools that read everything keep working. Setting it is refused.

use blob::Blob;
use s3s::dto::{
    GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput, GetBucketLoggingInput,
    GetBucketLoggingOutput, GetBucketNotificationConfigurationInput,
    GetBucketNotificationConfigurationOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, GetBucketReplicationInput,
    GetBucketReplicationOutput, GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput,
    GetBucketWebsiteInput, GetBucketWebsiteOutput, GetObjectLegalHoldInput, GetObjectLegalHoldOutput,
    GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, GetObjectRetentionInput,
    GetObjectRetentionOutput, GetPublicAccessBlockInput, GetPublicAccessBlockOutput, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, Payer, PolicyStatus, PublicAccessBlockConfiguration,
    PutObjectLegalHoldInput, PutObjectLegalHoldOutput, PutObjectLockConfigurationInput,
    PutObjectLockConfigurationOutput, PutObjectRetentionInput, PutObjectRetentionOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use crate::convert::bucket;
use crate::error::from_blob;

/// Functions that answer the same for every bucket that is there.
macro_rules! of_every_bucket {
    ($($name:ident: $input:ident -> $output:ident = $answer:expr;)*) => {
        $(pub(crate) async fn $name(
            blob: &Blob,
            request: S3Request<$input>,
        ) -> S3Result<S3Response<$output>> {
            blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
            let answer: S3Result<$output> = $answer;
            answer.map(S3Response::new)
        })*
    };
}

of_every_bucket! {
    acceleration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput =
        Ok(GetBucketAccelerateConfigurationOutput::default());
    lifecycle: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput =
        Err(s3_error!(NoSuchLifecycleConfiguration, "The bucket has no lifecycle."));
    logging: GetBucketLoggingInput -> GetBucketLoggingOutput = Ok(GetBucketLoggingOutput::default());
    notifications: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput =
        Ok(GetBucketNotificationConfigurationOutput::default());
    ownership: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = Ok(owned());
    payer: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput =
        Ok(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) });
    policy: GetBucketPolicyInput -> GetBucketPolicyOutput =
        Err(s3_error!(NoSuchBucketPolicy, "The bucket has no policy."));
    policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput =
        Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(false) }) });
    public_access: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = Ok(private());
    replication: GetBucketReplicationInput -> GetBucketReplicationOutput =
        Err(s3_error!(ReplicationConfigurationNotFoundError, "The bucket has no replicas."));
    website: GetBucketWebsiteInput -> GetBucketWebsiteOutput =
        Err(s3_error!(NoSuchWebsiteConfiguration, "The bucket has no website configuration."));
    lock: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput =
        Err(s3_error!(ObjectLockConfigurationNotFoundError, "The bucket has no object lock."));
    put_lock: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput =
        Err(s3_error!(InvalidBucketState, "Object lock is not enabled for the bucket, and is not supported."));
    hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = Err(unlocked());
    put_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = Err(unlocked());
    retention: GetObjectRetentionInput -> GetObjectRetentionOutput = Err(unlocked());
    put_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = Err(unlocked());
}

/// There are no ACLs.
fn owned() -> GetBucketOwnershipControlsOutput {
    let enforced = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    let rules = vec![OwnershipControlsRule { object_ownership: enforced }];
    GetBucketOwnershipControlsOutput { ownership_controls: Some(OwnershipControls { rules }) }
}

/// Nothing is ever public.
fn private() -> GetPublicAccessBlockOutput {
    let everything = PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    };
    GetPublicAccessBlockOutput { public_access_block_configuration: Some(everything) }
}

fn unlocked() -> s3s::S3Error {
    s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration.")
}
