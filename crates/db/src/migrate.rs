//! Migrations: append-only steps, kept by the crate that owns the tables.

use crate::error::fault;
use crate::tx::On;
use crate::{Db, Error, Result, Sql, Tx, args};

/// The steps of one owner, oldest first. Released steps are never edited.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The crate's name.
    pub owner: &'static str,
    /// Name and DDL of each step; `{bytes}` stands for the engine's type for bytes.
    pub steps: &'static [(&'static str, &'static str)],
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    owner TEXT NOT NULL,
    step BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (owner, step))";

/// One starter at a time; SQLite's BEGIN IMMEDIATE does the same.
const LOCK: Sql = Sql { sqlite: "SELECT 1", postgres: "SELECT pg_advisory_xact_lock(7381524)" };
/// The type of bytes.
const BYTES: Sql = Sql { sqlite: "BLOB", postgres: "BYTEA" };

impl Db {
    /// Brings the tables of every owner up to date, all in one transaction. `owners` are all that there are: tables of
    /// another one are a newer version's.
    ///
    /// # Errors
    /// [`Error::TooNew`] and [`Error::UnknownOwner`] if a newer version wrote the database; nothing was changed then.
    pub async fn migrate(&self, owners: &[Migrations]) -> Result<()> {
        let mut tx = self.begin().await?;
        tx.all(tx.pick(LOCK), args![]).await?;
        tx.execute(CREATE, args![]).await?;
        for migrations in owners {
            apply(&mut tx, *migrations).await?;
        }
        for row in tx.all("SELECT DISTINCT owner FROM migrations ORDER BY owner", args![]).await? {
            let owner = row.get::<String>("owner")?;
            if !owners.iter().any(|migrations| migrations.owner == owner) {
                return Err(Error::UnknownOwner { owner });
            }
        }
        tx.commit().await
    }
}

async fn apply(tx: &mut Tx, migrations: Migrations) -> Result<()> {
    let Migrations { owner, steps } = migrations;
    let row = tx.one("SELECT COUNT(*) AS n FROM migrations WHERE owner = $1", args![owner]).await?;
    let done = row.get::<usize>("n")?;
    if done > steps.len() {
        return Err(Error::TooNew { owner, found: done, known: steps.len() });
    }
    for (n, (step, ddl)) in steps.iter().enumerate().skip(done) {
        run(tx, ddl).await.map_err(|error| Error::Migration { owner, step, source: fault(error) })?;
        tx.execute("INSERT INTO migrations (owner, step, name) VALUES ($1, $2, $3)", args![owner, n, *step])
            .await?;
        tracing::info!(owner, step, "migration applied");
    }
    Ok(())
}

async fn run(tx: &mut Tx, ddl: &str) -> Result<(), sqlx::Error> {
    let text = ddl.replace("{bytes}", tx.pick(BYTES));
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(text));
    match &mut tx.on {
        On::Sqlite(tx) => sql.execute(&mut **tx).await.map(drop),
        On::Postgres(tx) => sql.execute(&mut **tx).await.map(drop),
    }
}
