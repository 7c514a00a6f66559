//! Errors of the database.

use model::fault::{Fault, Kind};

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
        source: Fault,
    },
    /// A statement failed.
    #[error("statement failed: {sql}")]
    Statement {
        /// The statement, without its arguments.
        sql: &'static str,
        /// The engine's answer.
        #[source]
        source: Fault,
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
        source: Fault,
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
        /// The problem.
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
        source: Fault,
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
        self.of_statement().is_some_and(|error| error.is_unique_violation())
    }

    /// Whether a row that is referred to is missing, or one that is still referred to was to go.
    pub fn is_foreign_key_violation(&self) -> bool {
        self.of_statement().is_some_and(|error| error.is_foreign_key_violation())
    }

    /// Whether the same call may succeed when it is made again: the connection broke, transactions collided, or the disk
    /// refused.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), Some(Kind::Full | Kind::Passing))
    }

    /// Whether the disk of the database is full.
    pub fn is_full(&self) -> bool {
        self.kind() == Some(Kind::Full)
    }

    /// Whether the SQLite file is damaged, or no database at all.
    pub fn is_damaged(&self) -> bool {
        let said = self.engine().and_then(sqlx::Error::as_database_error);
        let code = said.and_then(|said| said.code());
        code.is_some_and(|code| matches!(sqlite(&code), Some(SQLITE_CORRUPT | SQLITE_NOTADB)))
    }

    /// The engine's error for a statement.
    fn of_statement(&self) -> Option<&dyn sqlx::error::DatabaseError> {
        let Self::Statement { .. } = self else { return None };
        self.engine()?.as_database_error()
    }

    /// The engine's answer.
    fn engine(&self) -> Option<&sqlx::Error> {
        self.fault()?.downcast_ref()
    }

    fn kind(&self) -> Option<Kind> {
        self.fault().map(Fault::kind)
    }

    /// The engine's answer with its kind; `None` where it was not asked or gave an answer of another form.
    fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Open { source, .. }
            | Self::Statement { source, .. }
            | Self::Transaction { source, .. }
            | Self::Migration { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Whether a damaged SQLite file is at the bottom of any error.
pub fn is_damaged(error: &(dyn std::error::Error + 'static)) -> bool {
    model::fault::causes(error).any(|cause| cause.downcast_ref::<Error>().is_some_and(Error::is_damaged))
}

/// The engine's answer with its kind.
pub(crate) fn fault(error: sqlx::Error) -> Fault {
    let kind = match &error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => Kind::Passing,
        sqlx::Error::Database(said) => said.code().map_or(Kind::Lasting, |code| kind_of(&code)),
        _ => Kind::Lasting,
    };
    Fault::new(kind, error)
}

/// PostgreSQL's `disk_full`.
const DISK_FULL: &str = "53100";
/// <https://www.sqlite.org/rescode.html>
const SQLITE_FULL: u32 = 13;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// The primary result code of SQLite, the lowest byte of a number. PostgreSQL's codes have five characters.
fn sqlite(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|number| number & 0xff)
}

/// Meaning of an engine's error code (PostgreSQL's manual, appendix A).
fn kind_of(code: &str) -> Kind {
    let passes = match sqlite(code) {
        Some(SQLITE_FULL) => return Kind::Full,
        None if code == DISK_FULL => return Kind::Full,
        // Busy, locked, a read or write that failed.
        Some(primary) => matches!(primary, 5 | 6 | 10),
        // A broken connection, a rolled back transaction, too few resources, a server that stops or starts; a lock that
        // was not to be had, a read or write that failed.
        None => {
            ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class))
                || ["55P03", "58030"].contains(&code)
        }
    };
    if passes { Kind::Passing } else { Kind::Lasting }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for code in [
            "08006", "40001", "40P01", "53300", "55P03", "57P01", "57P03", "58030", "5", "6", "261", "262",
            "517", "773", "10", "1034",
        ] {
            assert_eq!(kind_of(code), Kind::Passing, "{code}");
        }
        for code in ["53100", "13"] {
            assert_eq!(kind_of(code), Kind::Full, "{code}");
        }
        // A statement that was cancelled, a key that is there, a word that is no number; an error in a statement, a
        // constraint.
        for code in ["57014", "23505", "22P02", "42601", "1", "19", "1555", ""] {
            assert_eq!(kind_of(code), Kind::Lasting, "{code}");
        }
    }
}
