//! Encryption that clients ask for. A sealed store seals everything with keys of the installation, which is what S3
//! calls `AES256`; it says so in its answers, and there is no other choice.

use blob::Blob;
use http::HeaderMap;
use s3s::dto::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::convert::bucket;
use crate::error::{from_blob, not_offered};

/// Encryption headers of a write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// `x-amz-server-side-encryption`.
    pub(crate) algorithm: Option<&'a str>,
    /// The name of a KMS key.
    pub(crate) kms_key: Option<&'a str>,
    /// The algorithm for a key of the client's.
    pub(crate) customer: Option<&'a str>,
    /// Whether there is such a key, or its digest.
    pub(crate) customer_key: bool,
}

/// The wish in an input.
macro_rules! wish {
    ($input:expr) => {
        $crate::encryption::Wish {
            algorithm: $input.server_side_encryption.as_ref().map(|algorithm| algorithm.as_str()),
            kms_key: $input.ssekms_key_id.as_deref(),
            customer: $input.sse_customer_algorithm.as_deref(),
            customer_key: $input.sse_customer_key.is_some() || $input.sse_customer_key_md5.is_some(),
        }
    };
}
pub(crate) use wish;

impl Wish<'_> {
    /// Refuses what contradicts itself, and what is not offered.
    pub(crate) fn check(self, blob: &Blob) -> S3Result<()> {
        let contradicts = |what: &str| s3_error!(InvalidArgument, "{what}");
        match self {
            Self { customer: None, customer_key: true, .. } => {
                Err(contradicts("A key was sent without its algorithm."))
            }
            Self { customer: Some(_), algorithm: Some(_), .. } => {
                Err(contradicts("Choose the server's keys or a key of your own."))
            }
            Self { kms_key: Some(_), algorithm: None | Some("AES256"), .. } => {
                Err(contradicts("A KMS key goes with the algorithm aws:kms."))
            }
            Self { customer: Some(_), .. } => Err(not_offered("encryption with the client's keys")),
            Self { algorithm: Some(algorithm), .. } => offered(blob, algorithm),
            Self { .. } => Ok(()),
        }
    }
}

fn offered(blob: &Blob, algorithm: &str) -> S3Result<()> {
    match algorithm {
        "AES256" if blob.seals() => Ok(()),
        "AES256" => Err(not_offered("encryption, because its operator chose not to encrypt the store")),
        "aws:kms" | "aws:kms:dsse" => Err(not_offered("encryption with KMS keys")),
        _ => Err(unknown()),
    }
}

fn unknown() -> S3Error {
    s3_error!(InvalidArgument, "The encryption method specified is not supported.")
}

/// Refuses the choice of a write where nothing is written.
pub(crate) fn not_on_reads(headers: &HeaderMap) -> S3Result<()> {
    match headers.contains_key("x-amz-server-side-encryption") {
        true => Err(s3_error!(InvalidArgument, "x-amz-server-side-encryption is not allowed on reads.")),
        false => Ok(()),
    }
}

/// The encryption header of answers.
pub(crate) fn told(blob: &Blob) -> Option<ServerSideEncryption> {
    blob.seals().then(|| ServerSideEncryption::from_static(ServerSideEncryption::AES256))
}

pub(crate) async fn get(
    blob: &Blob,
    request: S3Request<GetBucketEncryptionInput>,
) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    let Some(sse_algorithm) = told(blob) else {
        return Err(s3_error!(
            ServerSideEncryptionConfigurationNotFoundError,
            "The operator chose not to encrypt this store."
        ));
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            kms_master_key_id: None,
            sse_algorithm,
        }),
        bucket_key_enabled: None,
    };
    let rules = ServerSideEncryptionConfiguration { rules: vec![rule] };
    Ok(S3Response::new(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(rules) }))
}

/// Takes what is so anyway.
pub(crate) async fn put(
    blob: &Blob,
    request: S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    let input = request.input;
    blob.bucket(&bucket(&input.bucket)?).await.map_err(from_blob)?;
    for rule in input.server_side_encryption_configuration.rules {
        let default = rule.apply_server_side_encryption_by_default.ok_or_else(unknown)?;
        offered(blob, default.sse_algorithm.as_str())?;
    }
    Ok(S3Response::new(PutBucketEncryptionOutput::default()))
}

/// Back to what is so without being asked for, which is the same.
pub(crate) async fn delete(
    blob: &Blob,
    request: S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
    blob.bucket(&bucket(&request.input.bucket)?).await.map_err(from_blob)?;
    Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
}
