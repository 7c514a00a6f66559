//! Opening a database and single statements.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use runtime::Clock;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Transaction};

use crate::error::fault;
use crate::fault::around;
use crate::tx::{self, On, Tx};
use crate::{Args, Ballast, Error, Result, Row, Sql};

/// How long a write waits while another process has locked the SQLite file; the caller is then told to retry.
const LOCKED: Duration = Duration::from_secs(5);

/// An open database, and the clock that dates its rows. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pools: Pools,
    clock: Clock,
}

/// The connections of each engine.
#[derive(Debug, Clone)]
pub(crate) enum Pools {
    /// One file in WAL mode: a single writer connection and a pool of readers.
    Sqlite {
        /// At most one connection: competing writers starve each other.
        writer: SqlitePool,
        /// Read-only connections.
        readers: SqlitePool,
        /// Space on the disk that is kept for writers.
        ballast: Arc<Ballast>,
    },
    /// A PostgreSQL server, 14 or newer.
    Postgres(PgPool),
}

/// Which engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Db {
    /// Opens `postgres://…` or `sqlite:PATH`.
    pub async fn open(address: &str) -> Result<Self> {
        match address.strip_prefix("sqlite:") {
            Some(path) => Self::open_sqlite(Path::new(path)).await,
            None => Self::open_postgres(address).await,
        }
    }

    /// Opens the file at `path`, created when missing. Commits are on disk before they are answered.
    pub async fn open_sqlite(path: &Path) -> Result<Self> {
        let fail = |error| Error::Open { target: path.display().to_string(), source: fault(error) };
        let ballast = Arc::new(Ballast::beside(path));
        // Opening makes the log and its index.
        ballast.make_room();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(LOCKED);
        let pool = |n| {
            SqlitePoolOptions::new()
                .min_connections(1)
                .max_connections(n)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_release(|connection, _| Box::pin(is_clean(connection)))
        };
        // Once outside the pool, which retries for a minute and then only reports a timeout.
        let mut first = options.connect().await.map_err(fail)?;
        can_write(&mut first).await.map_err(fail)?;
        first.close().await.map_err(fail)?;
        let writer = pool(1)
            .after_connect(|connection, _| Box::pin(can_write(connection)))
            .acquire_timeout(Duration::from_secs(60))
            .connect_with(options.clone())
            .await
            .map_err(fail)?;
        let readers =
            pool(4).connect_with(options.read_only(true).create_if_missing(false)).await.map_err(fail)?;
        Ok(Pools::Sqlite { writer, readers, ballast }.into())
    }

    /// Connects to `address` (`postgres://user:password@host/name`). Whatever the server is set to, what is committed is
    /// on its disk.
    pub async fn open_postgres(address: &str) -> Result<Self> {
        let unread = |error| Error::Open { target: "its address".to_owned(), source: fault(error) };
        let options = PgConnectOptions::from_str(address).map_err(unread)?;
        let target = shown(&options);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(30))
            .after_connect(|connection, _| Box::pin(commits_last(connection)));
        let opened = pool.connect_with(options).await;
        let pool = opened.map_err(|error| Error::Open { target, source: fault(error) })?;
        Ok(Pools::Postgres(pool).into())
    }

    /// The same with another clock than the system's.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The clock that dates rows.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match &self.pools {
            Pools::Sqlite { .. } => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// The text of a statement that this engine runs.
    pub fn pick(&self, sql: Sql) -> &'static str {
        match &self.pools {
            Pools::Sqlite { .. } => sql.sqlite,
            Pools::Postgres(_) => sql.postgres,
        }
    }

    /// Begins a transaction that may write (`BEGIN IMMEDIATE` on SQLite). Dropping it rolls back.
    pub async fn begin(&self) -> Result<Tx> {
        let fail = |error| Error::Transaction { what: "begin", source: fault(error) };
        let on = match &self.pools {
            Pools::Sqlite { writer, ballast, .. } => {
                ballast.make_room();
                writer.begin_with("BEGIN IMMEDIATE").await.map(On::Sqlite)
            }
            Pools::Postgres(pool) => begin_whole(pool.clone()).await.map(On::Postgres),
        };
        Ok(Tx::new(on.map_err(fail)?, self.clock.clone()))
    }

    /// Runs a writing statement; answers the number of rows it changed.
    pub async fn execute(&self, sql: &'static str, args: Args) -> Result<u64> {
        match &self.pools {
            Pools::Sqlite { writer, ballast, .. } => {
                ballast.make_room();
                around(tx::sqlite_execute(writer, sql, args)).await
            }
            Pools::Postgres(pool) => around(tx::postgres_execute(pool, sql, args)).await,
        }
    }

    /// Runs a writing statement with `RETURNING`.
    pub async fn returning(&self, sql: &'static str, args: Args) -> Result<Vec<Row>> {
        match &self.pools {
            Pools::Sqlite { writer, ballast, .. } => {
                ballast.make_room();
                around(tx::sqlite_all(writer, sql, args)).await
            }
            Pools::Postgres(pool) => around(tx::postgres_all(pool, sql, args)).await,
        }
    }

    /// Reads all rows.
    pub async fn all(&self, sql: &'static str, args: Args) -> Result<Vec<Row>> {
        match &self.pools {
            Pools::Sqlite { readers, .. } => tx::sqlite_all(readers, sql, args).await,
            Pools::Postgres(pool) => tx::postgres_all(pool, sql, args).await,
        }
    }

    /// Reads the first row, if there is one.
    pub async fn opt(&self, sql: &'static str, args: Args) -> Result<Option<Row>> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// Reads the first row, which must exist.
    pub async fn one(&self, sql: &'static str, args: Args) -> Result<Row> {
        self.opt(sql, args).await?.ok_or(Error::NoRow { sql })
    }

    /// Whether there is a table of this name where migrations make theirs: PostgreSQL may find others' by its search path.
    pub async fn has_table(&self, name: &str) -> Result<bool> {
        const NAMED: Sql = Sql {
            sqlite: "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name = $1",
            postgres: "SELECT COUNT(*) AS n FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1",
        };
        Ok(self.one(self.pick(NAMED), crate::args![name]).await?.get::<i64>("n")? > 0)
    }

    /// Whether nothing was ever migrated in it.
    pub async fn is_new(&self) -> Result<bool> {
        Ok(!self.has_table("migrations").await?)
    }

    /// Asks for an answer, whatever the tables.
    pub async fn ping(&self) -> Result<()> {
        self.one("SELECT 1 AS one", crate::args![]).await.map(drop)
    }

    /// The space on the disk that is kept for a SQLite database; a PostgreSQL keeps its own.
    pub fn ballast(&self) -> Option<&Arc<Ballast>> {
        match &self.pools {
            Pools::Sqlite { ballast, .. } => Some(ballast),
            Pools::Postgres(_) => None,
        }
    }

    /// Looks for damage of a SQLite file by its structure (`PRAGMA quick_check`), and answers what was found, at most
    /// ten lines; empty if it is sound. The whole file is read, without blocking others. PostgreSQL checks its own
    /// pages, and nothing is done there.
    pub async fn damage(&self) -> Result<Vec<String>> {
        let Pools::Sqlite { readers, .. } = &self.pools else { return Ok(Vec::new()) };
        match tx::sqlite_all(readers, "PRAGMA quick_check(10)", crate::args![]).await {
            Ok(rows) => {
                let lines = rows.iter().map(|row| row.get("quick_check")).collect::<Result<Vec<String>>>()?;
                Ok(lines.into_iter().filter(|line| line != "ok").collect())
            }
            // Too damaged to say where.
            Err(error) if error.is_damaged() => Ok(vec![model::Chain(&error).to_string()]),
            Err(error) => Err(error),
        }
    }

    /// Writes what is committed now into a new SQLite file at `path`, while others keep writing. Not synced.
    ///
    /// # Errors
    /// [`Error::NotSqlite`]: PostgreSQL has its own tools.
    pub async fn snapshot(&self, path: &Path) -> Result<()> {
        let Pools::Sqlite { readers, .. } = &self.pools else { return Err(Error::NotSqlite) };
        let path = path.to_str().ok_or(Error::NotSqlite)?;
        tx::sqlite_execute(readers, "VACUUM INTO $1", crate::args![path]).await.map(drop)
    }

    /// Rewrites the file of a SQLite database and its log, so that nothing is left in them that was overwritten or
    /// deleted; answers whether it was completed, which a concurrent reader prevents. It takes space for
    /// two more copies, one of them in the folder of temporary files, and keeps every writer waiting. PostgreSQL has its
    /// own ways, and nothing is done there.
    pub async fn scrub(&self) -> Result<bool> {
        let Pools::Sqlite { writer, .. } = &self.pools else { return Ok(true) };
        let written = tx::sqlite_execute(writer, "VACUUM", crate::args![]).await;
        // Also where there was no space for it: the log keeps its size otherwise, and the disk stays full.
        let done = tx::sqlite_all(writer, "PRAGMA wal_checkpoint(TRUNCATE)", crate::args![]).await;
        written?;
        done?.first().map_or(Ok(false), |row| Ok(row.get::<i64>("busy")? == 0))
    }

    /// Closes every connection; SQLite writes its log back into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl From<Pools> for Db {
    fn from(pools: Pools) -> Self {
        Self { pools, clock: Clock::system() }
    }
}

/// Where a server is, without anything that may be a password: one with a `/` in it that was not escaped is taken for
/// the database's name.
pub(crate) fn shown(options: &PgConnectOptions) -> String {
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let database = options.get_database().filter(plain).unwrap_or("…");
    format!("postgres://{}:{}/{database}", options.get_host(), options.get_port())
}

/// Refuses a connection that cannot write, so that another one is tried: where opening the file or its log for writing
/// fails, SQLite opens it for reading, and would stay read-only after the disk has recovered.
async fn can_write(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Beginning alone is granted where the file itself is open for reading.
    sqlx::query("PRAGMA user_version = 1").execute(&mut *tx).await?;
    tx.rollback().await
}

/// Makes commits wait until they are on the server's disk, where its settings, the database's or the role's say that they
/// need not: what is acknowledged stays. Settings that ask for more, or for nothing of replicas, are left alone.
async fn commits_last(connection: &mut PgConnection) -> sqlx::Result<()> {
    const WAIT: &str = "SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off'";
    sqlx::query(WAIT).execute(connection).await.map(drop)
}

/// Begins a transaction in a task of its own: who stops waiting for `BEGIN` would leave the connection in a transaction that
/// sqlx knows nothing of, and what the next one who gets it writes would never be committed. Here the task rolls back.
async fn begin_whole(pool: PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    let begun = tokio::spawn(async move { pool.begin().await });
    begun.await.unwrap_or(Err(sqlx::Error::PoolClosed))
}

/// Whether the next one may have this connection. A full or failing disk makes SQLite roll back by itself; the
/// rollback that follows is then refused, and sqlx would count the transaction as open for ever.
async fn is_clean(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // Work that was requested without waiting, such as a rollback on drop, is done before this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_writer_that_cannot_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kinora.db");
        let Pools::Sqlite { writer, readers, .. } = Db::open_sqlite(&path).await.unwrap().pools else {
            unreachable!()
        };
        can_write(&mut writer.acquire().await.unwrap()).await.unwrap();
        let error = can_write(&mut readers.acquire().await.unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("readonly"), "{error}");
    }

    #[tokio::test]
    async fn destroyed_pages_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kinora.db");
        let db = Db::open_sqlite(&path).await.unwrap();
        db.execute("CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT)", crate::args![]).await.unwrap();
        for n in 0..2_000 {
            let insert = "INSERT INTO t (id, n) VALUES ($1, $2)";
            db.execute(insert, crate::args![format!("{n:032}"), n]).await.unwrap();
        }
        assert!(db.damage().await.unwrap().is_empty());
        db.close().await;
        let whole = std::fs::read(&path).unwrap();
        let pages = whole.len() / 4096;
        assert!(pages > 20);
        for page in [1, 2, pages / 2, pages - 1] {
            let mut bytes = whole.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
            std::fs::write(&path, &bytes).unwrap();
            let db = Db::open_sqlite(&path).await.unwrap();
            assert!(!db.damage().await.unwrap().is_empty(), "page {page} of {pages}");
            db.close().await;
        }
    }

    #[test]
    fn a_server_is_named_without_its_password() {
        let check = |address: &str, expected: &str| {
            assert_eq!(shown(&PgConnectOptions::from_str(address).unwrap()), expected, "{address}");
        };
        check("postgres://kinora:geheim@db.example:6543/films", "postgres://db.example:6543/films");
        check("postgres://db.example/films?user=kinora&password=geheim", "postgres://db.example:5432/films");
        check("postgres://kinora:12/geheim@db.example/films", "postgres://kinora:12/…");
    }
}
