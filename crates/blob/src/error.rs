//! Errors of the store.

use std::io;
use std::path::PathBuf;

use model::{BucketName, ByteSize, ObjectId, UploadId};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such bucket.
    #[error("there is no bucket `{0}`")]
    NoSuchBucket(BucketName),
    /// The bucket is there already.
    #[error("the bucket `{0}` already exists")]
    BucketExists(BucketName),
    /// Only an empty bucket can be deleted.
    #[error("the bucket `{0}` is not empty")]
    BucketNotEmpty(BucketName),
    /// Kinora needs this bucket itself.
    #[error("the bucket `{0}` belongs to Kinora and cannot be deleted")]
    BucketStays(BucketName),
    /// No object has this key now.
    #[error("there is no object with this key")]
    NoSuchKey,
    /// The object was deleted or swept.
    #[error("there is no object {0}")]
    NoSuchObject(ObjectId),
    /// The upload was completed, aborted or never begun.
    #[error("upload {0} does not exist, or has ended")]
    NoSuchUpload(UploadId),
    /// The key's present state is not the one the caller asked for.
    #[error("the precondition failed")]
    Precondition,
    /// The bytes do not have the digest the sender gave.
    #[error("the bytes do not match their {0}")]
    BadDigest(&'static str),
    /// Fewer or more bytes came than were announced.
    #[error("received {got} bytes, expected {expected}")]
    WrongLength {
        /// The announced number.
        expected: u64,
        /// The number that came; more may have followed.
        got: u64,
    },
    /// More bytes than an object may have.
    #[error("too large: more than {limit} bytes")]
    TooLarge {
        /// The largest size allowed.
        limit: u64,
    },
    /// Content type, headers and metadata are too long together.
    #[error("the attributes have {got} bytes; at most {limit} are allowed")]
    AttributesTooLarge {
        /// Their size.
        got: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// A part number is outside 1 to 10,000.
    #[error("part numbers are 1 to 10000, not {0}")]
    PartNumber(u32),
    /// The list of parts names one that is not there or has another ETag or checksum.
    #[error("part {0} is missing or different")]
    InvalidPart(u32),
    /// The list of parts is empty, not ascending, or too long.
    #[error("the parts are not in ascending order")]
    PartOrder,
    /// Only the last part may be smaller than 5 MiB.
    #[error("part {number} has {bytes} bytes; only the last part may be smaller than 5 MiB")]
    PartTooSmall {
        /// Its number.
        number: u32,
        /// Its size.
        bytes: u64,
    },
    /// The range begins behind the end of the object.
    #[error("the range is outside the object's {size} bytes")]
    Range {
        /// The object's size.
        size: u64,
    },
    /// Writing would leave less free space than the reserve: its cause is a full disk (`model::fault::is_full`).
    #[error("{} needed, {} free beyond the reserve of {}", ByteSize(*.wanted), ByteSize(*.free), ByteSize(*.reserve))]
    NoSpace {
        /// Bytes that were neither reserved nor promised to other writers.
        free: u64,
        /// Bytes that must stay free.
        reserve: u64,
        /// Bytes asked for.
        wanted: u64,
        /// The system's error for a full disk.
        #[source]
        source: io::Error,
    },
    /// The sender's stream was interrupted.
    #[error("the incoming data was interrupted")]
    Incoming(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored file is not what was written: it was altered, cut, moved, or the disk lost something.
    #[error("the stored file {file} is not what was written: restore it from a backup")]
    Damaged {
        /// Its name.
        file: String,
        /// How that was seen.
        #[source]
        why: seal::Error,
    },
    /// A file is sealed, or is to be, and the store was opened without a key ring.
    #[error("the store was opened without its key ring")]
    NoKeys,
    /// The key ring refused.
    #[error("the key ring reported an error")]
    Keys(#[source] seal::Error),
    /// A file's bytes cannot be read: the disk lost them.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The disk refused.
    #[error("cannot {what} `{path}`")]
    Disk {
        /// The operation that failed.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// The folder is another database's: sweeping would delete what is in it.
    #[error(
        "the files in `{folder}` do not belong to this database, which would delete them: set `database` to the one \
         that they belong to, use another data folder, or restore a backup into a new one"
    )]
    OtherDatabase {
        /// The store's folder.
        folder: PathBuf,
    },
    /// The folder is empty and the database has files.
    #[error(
        "none of the files in the database's rows is in `{folder}`: is it the right data folder, and is its disk \
         mounted? If they are lost, write the line {id} into `{folder}/id` to continue without them"
    )]
    FilesElsewhere {
        /// The store's folder.
        folder: PathBuf,
        /// The folder id that the database expects.
        id: String,
    },
    /// A row holds something this version cannot read.
    #[error("stored row: {0}")]
    Row(String),
    /// The database refused.
    #[error("the object database reported an error")]
    Db(#[source] db::Error),
}

impl Error {
    /// Whether the same call may succeed on a retry: the database decides for itself; a full or failing disk and an
    /// interrupted sender may recover. Missing or damaged data stays so.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Db(source) => source.is_retryable(),
            Self::NoSpace { .. } | Self::Disk { .. } | Self::Incoming(_) => true,
            _ => false,
        }
    }
}

impl From<model::ParseIdError> for Error {
    fn from(error: model::ParseIdError) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<db::Error> for Error {
    fn from(source: db::Error) -> Self {
        Self::Db(source)
    }
}

/// Names the failed step of a disk call.
pub(crate) fn disk(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Disk { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let io = || io::Error::from(io::ErrorKind::Other);
        for (error, expected) in [
            (Error::NoSpace { free: 0, reserve: 1, wanted: 1, source: io() }, true),
            (Error::Disk { what: "read", path: "/data".into(), source: io() }, true),
            (Error::Incoming(io().into()), true),
            (Error::NoSuchKey, false),
            (Error::NoSuchObject(ObjectId::new()), false),
            (Error::Damaged { file: "f".into(), why: seal::Error::Length { expected: 2, got: 1 } }, false),
            (Error::Unreadable { path: "/data".into(), source: io() }, false),
            (Error::NoKeys, false),
            (Error::Row("no id".into()), false),
        ] {
            assert_eq!(error.is_retryable(), expected, "{error:?}");
        }
    }
}
