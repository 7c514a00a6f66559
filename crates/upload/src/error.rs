//! Errors of an upload.

use model::UploadId;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such upload of this account, or it has ended.
    #[error("there is no upload {0}")]
    NoUpload(UploadId),
    /// A file without bytes.
    #[error("the file is empty")]
    Empty,
    /// A larger file than is taken.
    #[error("the file has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest size that is taken.
        limit: u64,
    },
    /// The account has as many uploads open as it may.
    #[error("{limit} uploads are already open")]
    TooMany {
        /// As many are allowed.
        limit: u32,
    },
    /// The disk has no space for the file beside what is promised to others.
    #[error("the file has {size} bytes, but there is space for {space}")]
    NoSpace {
        /// Its size.
        size: u64,
        /// The space that could still be reserved.
        space: u64,
    },
    /// The account's files would take more than it may have.
    #[error("the file has {size} bytes, but only {left} of the account's {quota} are left")]
    Quota {
        /// Its size.
        size: u64,
        /// Bytes that the account may still upload.
        left: u64,
        /// Its limit.
        quota: u64,
    },
    /// The file's name is empty or too long.
    #[error("a file's name has 1 to 800 bytes")]
    Name,
    /// More addresses than are given at once, or none.
    #[error("1 to {most} parts can be requested at a time")]
    Batch {
        /// Most addresses that are given at once.
        most: usize,
    },
    /// There is no part of that number.
    #[error("there is no part {0}")]
    NoPart(u32),
    /// The checksum is not the Base64 of four bytes.
    #[error("the checksum of part {0} is not a CRC-32 in Base64")]
    Checksum(u32),
    /// Parts are missing.
    #[error("{missing} parts are missing")]
    Incomplete {
        /// How many.
        missing: u32,
    },
    /// The store refused.
    #[error("the store reported an error")]
    Blob(#[from] blob::Error),
    /// The catalogue refused.
    #[error("the catalogue reported an error")]
    Catalogue(#[from] catalogue::Error),
    /// The table of uploads could not be read or written.
    #[error("uploads")]
    Db(#[from] db::Error),
    /// A stored value is not what this version writes.
    #[error("the stored {0} cannot be read")]
    Row(&'static str),
}
