//! Why something stays closed.

use std::io;
use std::path::PathBuf;

use crate::Purpose;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call. Never contains a key or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was written by a newer version or is not a sealed text.
    #[error("unknown format of a stored secret")]
    Format,
    /// The key is another one, the bytes were altered, or they belong to another object.
    #[error("cannot decrypt: the data was altered, moved or truncated, or this is a different key ring")]
    Open,
    /// The stored bytes are longer or shorter than what was sealed.
    #[error("{got} bytes are stored where {expected} were sealed")]
    Length {
        /// Bytes that were sealed, all overhead included.
        expected: u64,
        /// Bytes that are there.
        got: u64,
    },
    /// The encryption itself refused.
    #[error("the bytes cannot be encrypted")]
    Seal,
    /// More than one stream can hold.
    #[error("too long for a sealed stream")]
    TooLong,
    /// The ring lacks a key that something was sealed with.
    #[error(
        "the key ring has no key `{purpose}` version {version}: is it older than the data? Import the newest export"
    )]
    NoKey {
        /// The purpose of the key.
        purpose: Purpose,
        /// Its version.
        version: u32,
    },
    /// The provider cannot write.
    #[error(
        "the key ring at `{path}` is given from outside and read-only: change it there, then start again"
    )]
    ReadOnly {
        /// Where it is.
        path: PathBuf,
    },
    /// There is no ring where there should be one.
    #[error("there is no key ring at `{path}`: put it there, or restore it with `kinora key import`")]
    NoRing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A ring is there already.
    #[error("there is already a different key ring at `{path}`: move it away first; data may need it")]
    RingExists {
        /// Where it is.
        path: PathBuf,
    },
    /// Others may read the ring.
    #[error("other users can read the key ring `{path}` (mode {mode:o}): run chmod 600 on it")]
    Permissions {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The ring's file is not whole.
    #[error("the key ring is damaged ({why}): import your newest export")]
    Damaged {
        /// The problem.
        why: &'static str,
    },
    /// The ring was written by a newer version.
    #[error(
        "the key ring has format {found}, but this version only knows {known}: start the newer version again"
    )]
    TooNew {
        /// The file's format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The file is not a recovery file, or of a kind that we do not write.
    #[error("not a recovery file of Kinora: {why}")]
    Recovery {
        /// The problem.
        why: &'static str,
    },
    /// The passphrase does not open the recovery file.
    #[error("wrong passphrase for this recovery file")]
    Passphrase,
    /// The disk refused.
    #[error("cannot {what} `{path}`")]
    Disk {
        /// The operation.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
}

/// Names the failed step of a disk call.
pub(crate) fn disk(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Disk { what, path, source }
}
