//! What can go wrong between us and the database.

use std::io;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed database call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database cannot be reached or opened.
    #[error("cannot open database `{target}`")]
    Open {
        /// Path or address without credentials.
        target: String,
        /// The engine's answer.
        #[source]
        source: sqlx::Error,
    },
    /// A statement failed.
    #[error("statement failed: {sql}")]
    Statement {
        /// The statement, without its arguments.
        sql: &'static str,
        /// The engine's answer.
        #[source]
        source: sqlx::Error,
    },
    /// Only a SQLite database (with a path in UTF-8) can do that.
    #[error("only a SQLite file can be copied this way")]
    NotSqlite,
    /// A transaction could not begin or commit.
    #[error("cannot {what} transaction")]
    Transaction {
        /// `begin` or `commit`.
        what: &'static str,
        /// The engine's answer.
        #[source]
        source: sqlx::Error,
    },
    /// A row that must exist does not.
    #[error("no row for: {sql}")]
    NoRow {
        /// The statement.
        sql: &'static str,
    },
    /// A column is missing, NULL or of another type than asked for.
    #[error("column `{column}`: {why}")]
    Column {
        /// The column's name.
        column: String,
        /// What is wrong with it.
        why: String,
    },
    /// A migration step failed; the transaction was rolled back.
    #[error("migration `{owner}/{step}` failed")]
    Migration {
        /// The crate that owns it.
        owner: &'static str,
        /// The step's name.
        step: &'static str,
        /// The engine's answer.
        #[source]
        source: sqlx::Error,
    },
    /// The database was written by a newer Kinora.
    #[error(
        "the database has {found} steps of `{owner}`, this version knows {known}: start the newer version again"
    )]
    TooNew {
        /// The crate that owns them.
        owner: &'static str,
        /// Applied steps.
        found: usize,
        /// Steps this version knows.
        known: usize,
    },
    /// The database was written by a newer Kinora that has more parts.
    #[error(
        "the database has tables of `{owner}`, which this version does not know: start the newer version again"
    )]
    UnknownOwner {
        /// The crate that owns them.
        owner: String,
    },
}

impl Error {
    /// Whether a unique or primary key refused the write.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Statement { source: sqlx::Error::Database(e), .. } if e.is_unique_violation())
    }

    /// Whether a row that is referred to is missing, or one that is still referred to was to go.
    pub fn is_foreign_key_violation(&self) -> bool {
        matches!(self, Self::Statement { source: sqlx::Error::Database(e), .. } if e.is_foreign_key_violation())
    }

    /// Whether the same call may succeed when it is made again: the connection broke, transactions collided, or the disk
    /// refused.
    pub fn is_retryable(&self) -> bool {
        match self.engine() {
            Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed) => true,
            Some(sqlx::Error::Database(e)) => e.code().is_some_and(|code| passes(&code)),
            _ => false,
        }
    }

    /// Whether the disk of the database is full.
    pub fn is_full(&self) -> bool {
        let Some(sqlx::Error::Database(e)) = self.engine() else { return false };
        e.code().is_some_and(|code| code == DISK_FULL || sqlite(&code) == Some(SQLITE_FULL))
    }

    /// The engine's answer.
    fn engine(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Open { source, .. } | Self::Statement { source, .. } | Self::Transaction { source, .. } => {
                Some(source)
            }
            _ => None,
        }
    }
}

/// Whether a full disk is at the bottom of any error: the database's, or one that a file was to be written to.
pub fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let of_files = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        cause.downcast_ref::<Error>().is_some_and(Error::is_full)
            || matches!(of_files, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    })
}

/// Whether any error comes from the database and passes: the same may succeed when it is asked again.
pub fn is_retryable(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<Error>().is_some_and(Error::is_retryable))
}

/// An error and what caused it, and so on to the first cause.
pub fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// PostgreSQL's `disk_full`.
const DISK_FULL: &str = "53100";
/// <https://www.sqlite.org/rescode.html>
const SQLITE_FULL: u32 = 13;

/// The primary result code of SQLite, the lowest byte of a number. PostgreSQL's codes have five characters.
fn sqlite(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|number| number & 0xff)
}

/// Whether an engine's code tells of something that passes (PostgreSQL's manual, appendix A).
fn passes(code: &str) -> bool {
    match sqlite(code) {
        // Busy, locked, a read or write that failed, a full disk.
        Some(primary) => matches!(primary, 5 | 6 | 10 | SQLITE_FULL),
        // A broken connection, a rolled back transaction, too few resources, a server that stops or starts; a lock that
        // was not to be had, a read or write that failed.
        None => {
            ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class))
                || ["55P03", "58030"].contains(&code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for code in [
            "08006", "40001", "40P01", "53100", "53300", "55P03", "57P01", "57P03", "58030", "5", "6", "261",
            "262", "517", "773", "10", "1034", "13",
        ] {
            assert!(passes(code), "{code}");
        }
        // A statement that was cancelled, a key that is there, a word that is no number; an error in a statement, a
        // constraint.
        for code in ["57014", "23505", "22P02", "42601", "1", "19", "1555", ""] {
            assert!(!passes(code), "{code}");
        }
    }
}
