//! What can go wrong with an upload.

use model::UploadId;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such upload of this account, or it is over.
    #[error("there is no upload {0}")]
    NoUpload(UploadId),
    /// A file without bytes.
    #[error("the file is empty")]
    Empty,
    /// A larger file than is taken.
    #[error("the file has {size} bytes, {limit} are taken")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest size that is taken.
        limit: u64,
    },
    /// The account has as many uploads open as it may.
    #[error("{limit} uploads are open already")]
    TooMany {
        /// As many are allowed.
        limit: u32,
    },
    /// The disk has no room for the file beside what is promised to others.
    #[error("the file has {size} bytes, there is room for {room}")]
    NoRoom {
        /// Its size.
        size: u64,
        /// What could still be promised.
        room: u64,
    },
    /// The file's name is empty or too long.
    #[error("a file's name has 1 to 800 bytes")]
    Name,
    /// More addresses than are given at once, or none.
    #[error("1 to {BATCH} parts are asked for at a time", BATCH = crate::BATCH)]
    Batch,
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
    #[error("the store refused")]
    Blob(#[from] blob::Error),
    /// The catalogue refused.
    #[error("the catalogue refused")]
    Catalogue(#[from] catalogue::Error),
    /// The table of uploads could not be read or written.
    #[error("uploads")]
    Db(#[from] db::Error),
    /// A stored value is not what this version writes.
    #[error("the stored {0} cannot be read")]
    Row(&'static str),
}
