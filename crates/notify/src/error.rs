//! Errors on the way to a recipient.

use std::io;
use std::path::PathBuf;

use model::setting::OutOfRange;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A message that was not queued or not sent. Never contains an address or a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The outbox could not be read or written.
    #[error("outbox")]
    Database(#[from] db::Error),
    /// The recipient of a message could not be sealed or opened.
    #[error("a message in the outbox")]
    Sealed(#[from] seal::Error),
    /// More messages wait than may wait.
    #[error("the outbox is full: {waiting} messages are waiting")]
    Full {
        /// How many wait.
        waiting: u32,
    },
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] OutOfRange),
    /// A file that a setting names could not be read.
    #[error("cannot read `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A header's value would break out of its line.
    #[error("the mail header `{header}` contains invalid characters")]
    Header {
        /// The header's name.
        header: &'static str,
    },
    /// A line is longer than RFC 5322 §2.1.1 allows.
    #[error("a line of a mail has {bytes} bytes; at most 998 are allowed")]
    Line {
        /// Bytes of that line.
        bytes: usize,
    },
    /// A mail could not be put into its folder.
    #[error("cannot {what} `{path}`")]
    Mailbox {
        /// The operation.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The mail server refused; its words are left out, because they quote addresses.
    #[error("the mail server refused with {code}{}", hint(*code))]
    Refused {
        /// Its reply code (RFC 5321 §4.2).
        code: u16,
    },
    /// The mail server did not answer in time.
    #[error("the mail server did not answer in time")]
    TimedOut,
    /// There is no connection to the mail server, or it broke.
    #[error("cannot connect to the mail server: {why}")]
    Connection {
        /// The cause.
        why: String,
    },
}

impl Error {
    /// Whether trying again with the same message is in vain.
    ///
    /// A server that does not let *us* in (wrong password, TLS wanted) may do so once its operator has acted.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Refused { code: 530 | 534 | 535 | 538 | 454 } => false,
            Self::Refused { code } => *code >= 500,
            Self::Header { .. } | Self::Line { .. } => true,
            _ => false,
        }
    }
}

fn hint(code: u16) -> &'static str {
    match code {
        530 | 538 => ": it requires a sign-in or TLS; see `mail.smtp.user` and `mail.smtp.tls`",
        534 | 535 => ": wrong user name or password; see `mail.smtp.user`",
        550 | 551 | 553 => ": unknown address, or mails from `mail.from` are not accepted",
        421 | 450 | 451 | 452 => ": temporarily",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_message_are_permanent_and_refusals_of_us_are_not() {
        let permanent = |code| Error::Refused { code }.is_permanent();
        assert!([550, 552, 553, 554].into_iter().all(permanent));
        assert!(![421, 450, 451, 535, 530].into_iter().any(permanent));
        assert!(!Error::TimedOut.is_permanent());
    }
}
