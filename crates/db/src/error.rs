//! What can go wrong between us and the database.

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

    /// Whether the same call may succeed when it is made again: the connection broke or transactions collided.
    pub fn is_retryable(&self) -> bool {
        let source = match self {
            Self::Open { source, .. } | Self::Statement { source, .. } | Self::Transaction { source, .. } => {
                source
            }
            _ => return false,
        };
        match source {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(e) => e.code().is_some_and(|code| passes(&code)),
            _ => false,
        }
    }
}

/// Whether an engine's code tells of something that passes. PostgreSQL has five characters (manual, appendix A), SQLite
/// a number whose lowest byte is the primary result code.
fn passes(code: &str) -> bool {
    match code.parse::<u32>() {
        // Busy, locked.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6),
        // A broken connection, a rolled back transaction, too few resources, a server that stops or starts, a lock that
        // was not to be had.
        _ => ["08", "40", "53", "57P"].iter().any(|class| code.starts_with(class)) || code == "55P03",
    }
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for code in [
            "08006", "40001", "40P01", "53300", "55P03", "57P01", "57P03", "5", "6", "261", "262", "517",
            "773",
        ] {
            assert!(passes(code), "{code}");
        }
        // A statement that was cancelled, a key that is there, a word that is no number; no room, a constraint.
        for code in ["57014", "23505", "22P02", "42601", "13", "19", "1555", ""] {
            assert!(!passes(code), "{code}");
        }
    }
}
