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
            // PostgreSQL: serialization failure, deadlock. SQLite: busy, locked.
            sqlx::Error::Database(e) => {
                matches!(e.code().as_deref(), Some("40001" | "40P01" | "5" | "6" | "517"))
            }
            _ => false,
        }
    }
}
