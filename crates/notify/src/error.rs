//! What can go wrong on the way to a person.

use std::io;
use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A message that was not queued or not sent. Never contains an address or a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The outbox could not be read or written.
    #[error("outbox")]
    Database(#[from] db::Error),
    /// A header's value would break out of its line.
    #[error("`{header}` of a mail has characters that a header cannot carry")]
    Header {
        /// The header's name.
        header: &'static str,
    },
    /// A line is longer than RFC 5322 §2.1.1 allows.
    #[error("a line of a mail has {bytes} bytes, 998 are allowed")]
    Line {
        /// Bytes of that line.
        bytes: usize,
    },
    /// A mail could not be put into its folder.
    #[error("cannot {what} `{path}`")]
    Mailbox {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}
