//! The store's errors in S3's words.

use http::StatusCode;
use http_face::door::PAUSED;
use model::ByteSize;
use s3s::{S3Error, S3ErrorCode, s3_error};

/// Names the error a client gets; causes within go to the log.
pub(crate) fn from_blob(error: blob::Error) -> S3Error {
    use blob::Error;
    match error {
        Error::NoSuchBucket(_) => s3_error!(NoSuchBucket, "The bucket does not exist."),
        Error::BucketExists(_) => {
            s3_error!(BucketAlreadyOwnedByYou, "The bucket already exists and you own it.")
        }
        Error::BucketNotEmpty(_) => s3_error!(BucketNotEmpty, "The bucket is not empty."),
        Error::BucketStays(_) => s3_error!(AccessDenied, "Kinora needs this bucket; it cannot be deleted."),
        Error::NoSuchKey | Error::NoSuchObject(_) => s3_error!(NoSuchKey, "The key does not exist."),
        Error::NoSuchUpload(_) => {
            s3_error!(NoSuchUpload, "The upload does not exist; it may have been completed or aborted.")
        }
        Error::Precondition => s3_error!(PreconditionFailed, "A precondition failed."),
        Error::BadDigest(what) => s3_error!(BadDigest, "The {what} does not match the data received."),
        Error::WrongLength { .. } => s3_error!(IncompleteBody, "{error}."),
        Error::TooLarge { .. } => s3_error!(EntityTooLarge, "{error}."),
        Error::AttributesTooLarge { .. } => s3_error!(MetadataTooLarge, "{error}."),
        Error::PartNumber(_) => s3_error!(InvalidArgument, "Part numbers must be 1 to 10000."),
        Error::InvalidPart(_) => s3_error!(InvalidPart, "{error}."),
        Error::PartOrder => s3_error!(InvalidPartOrder, "List the parts in ascending order, each once."),
        Error::PartTooSmall { .. } => s3_error!(EntityTooSmall, "{error}."),
        Error::Range { .. } => s3_error!(InvalidRange, "The range cannot be satisfied."),
        Error::NoSpace { free, wanted, .. } => {
            tracing::error!(error = %model::Chain(&error), "upload refused");
            let (wanted, free) = (ByteSize(wanted), ByteSize(free));
            full(format!(
                "There is not enough free space: {wanted} needed, {free} free. Ask the operator to free some."
            ))
        }
        ref other if model::fault::is_full(other) => {
            tracing::error!(error = %model::Chain(&error), "request refused");
            full("There is not enough free space. Ask the operator to free some.".into())
        }
        Error::Incoming(source) => incoming(&source.to_string()),
        Error::Db(ref source) if source.is_retryable() => {
            tracing::warn!(error = %model::Chain(&error), "the database is unreachable or busy");
            s3_error!(SlowDown, "Please try again.")
        }
        error => {
            tracing::error!(error = %model::Chain(&error), "request failed");
            s3_error!(InternalError, "Something went wrong on our side. Please try again.")
        }
    }
}

fn full(message: String) -> S3Error {
    let mut answer = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), message);
    answer.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    answer
}

/// Why a body broke off. `s3s` keeps its error types to itself: their names are all there is to go by.
pub(crate) fn incoming(text: &str) -> S3Error {
    if text.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let mut error =
            S3Error::with_message(code, "The x-amz-content-sha256 does not match the data received.");
        error.set_status_code(StatusCode::BAD_REQUEST);
        error
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "The signature of a chunk does not match.")
    } else if text.contains(PAUSED) {
        s3_error!(RequestTimeout, "No data was received for too long.")
    } else {
        s3_error!(IncompleteBody, "The body was interrupted, or its framing is invalid.")
    }
}

/// The error for a feature of S3 that this server does not support.
pub(crate) fn not_offered(what: &str) -> S3Error {
    s3_error!(NotImplemented, "This server does not support {what}.")
}
