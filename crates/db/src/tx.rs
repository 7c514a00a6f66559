//! Transactions, and how a statement runs on each engine.

use model::Timestamp;
use runtime::Clock;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Executor, Transaction};

use crate::error::fault;
use crate::fault::around;
use crate::{Args, Error, Result, Row, Sql, Value};

/// A transaction; rolled back when dropped without [`Tx::commit`].
pub struct Tx {
    pub(crate) on: On,
    clock: Clock,
}

/// The connection that a transaction has.
pub(crate) enum On {
    /// On SQLite's one writer connection.
    Sqlite(Transaction<'static, Sqlite>),
    /// On a PostgreSQL connection.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn new(on: On, clock: Clock) -> Self {
        Self { on, clock }
    }

    /// The time now, by the clock of its database.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The text of a statement that this engine runs.
    pub fn pick(&self, sql: Sql) -> &'static str {
        match self.on {
            On::Sqlite(_) => sql.sqlite,
            On::Postgres(_) => sql.postgres,
        }
    }

    /// Runs a statement; answers the number of rows it changed.
    pub async fn execute(&mut self, sql: &'static str, args: Args) -> Result<u64> {
        match &mut self.on {
            On::Sqlite(tx) => sqlite_execute(&mut **tx, sql, args).await,
            On::Postgres(tx) => postgres_execute(&mut **tx, sql, args).await,
        }
    }

    /// Runs a statement and reads all its rows (also of `RETURNING`).
    pub async fn all(&mut self, sql: &'static str, args: Args) -> Result<Vec<Row>> {
        match &mut self.on {
            On::Sqlite(tx) => sqlite_all(&mut **tx, sql, args).await,
            On::Postgres(tx) => postgres_all(&mut **tx, sql, args).await,
        }
    }

    /// Reads the first row, if there is one.
    pub async fn opt(&mut self, sql: &'static str, args: Args) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Reads the first row, which must exist.
    pub async fn one(&mut self, sql: &'static str, args: Args) -> Result<Row> {
        self.opt(sql, args).await?.ok_or(Error::NoRow { sql })
    }

    /// Commits; when this answers, the changes are on disk.
    pub async fn commit(self) -> Result<()> {
        let done = match self.on {
            On::Sqlite(tx) => around(tx.commit()).await,
            On::Postgres(tx) => around(tx.commit()).await,
        };
        done.map_err(|error| Error::Transaction { what: "commit", source: fault(error) })
    }
}

macro_rules! bound {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $args {
            query = match value {
                Value::Int(v) => query.bind(v),
                Value::Bool(v) => query.bind(v),
                Value::Float(v) => query.bind(v),
                Value::Text(v) => query.bind(v),
                Value::Bytes(v) => query.bind(v),
            };
        }
        query
    }};
}

fn sqlite(sql: &'static str, args: Args) -> Query<'static, Sqlite, SqliteArguments> {
    bound!(sql, args)
}

fn postgres(sql: &'static str, args: Args) -> Query<'static, Postgres, PgArguments> {
    bound!(sql, args)
}

pub(crate) async fn sqlite_execute<'e, E: Executor<'e, Database = Sqlite>>(
    on: E,
    sql: &'static str,
    args: Args,
) -> Result<u64> {
    let done = sqlite(sql, args).execute(on).await.map_err(|error| failed(sql, error))?;
    Ok(done.rows_affected())
}

pub(crate) async fn postgres_execute<'e, E: Executor<'e, Database = Postgres>>(
    on: E,
    sql: &'static str,
    args: Args,
) -> Result<u64> {
    let done = postgres(sql, args).execute(on).await.map_err(|error| failed(sql, error))?;
    Ok(done.rows_affected())
}

pub(crate) async fn sqlite_all<'e, E: Executor<'e, Database = Sqlite>>(
    on: E,
    sql: &'static str,
    args: Args,
) -> Result<Vec<Row>> {
    let rows = sqlite(sql, args).fetch_all(on).await.map_err(|error| failed(sql, error))?;
    Ok(rows.into_iter().map(Row::Sqlite).collect())
}

pub(crate) async fn postgres_all<'e, E: Executor<'e, Database = Postgres>>(
    on: E,
    sql: &'static str,
    args: Args,
) -> Result<Vec<Row>> {
    let rows = postgres(sql, args).fetch_all(on).await.map_err(|error| failed(sql, error))?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}

fn failed(sql: &'static str, error: sqlx::Error) -> Error {
    Error::Statement { sql, source: fault(error) }
}
