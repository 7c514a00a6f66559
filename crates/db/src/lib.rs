//! Database connections, the two SQL dialects and the migration runner.
//!
//! One SQL text with `$1` placeholders serves SQLite and PostgreSQL; where a word or two differ, [`sql!`] makes both
//! texts of it and [`Db::pick`] chooses. Every crate that owns tables keeps its own SQL and [`Migrations`];
//! this crate knows no table but its own list of applied steps.
//!
//! Columns have one of five types, so that both engines decode alike: `BIGINT`, `BOOLEAN`, `DOUBLE PRECISION`,
//! `TEXT` and `{bytes}` (written `BLOB` or `BYTEA` by the runner). Ids are `TEXT`, moments are `BIGINT` in ms.
//! `SUM` needs a cast to `BIGINT`: PostgreSQL answers `NUMERIC`.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use db::{Db, Migrations, args};
//! const MIGRATIONS: Migrations =
//!     Migrations { owner: "demo", steps: &[("first", "CREATE TABLE demo (id TEXT PRIMARY KEY, n BIGINT NOT NULL)")] };
//! let dir = tempfile::tempdir().unwrap();
//! let db = Db::open_sqlite(&dir.path().join("kinora.db")).await?;
//! db.migrate(&[MIGRATIONS]).await?;
//! db.execute("INSERT INTO demo (id, n) VALUES ($1, $2)", args!["a", 1]).await?;
//! let row = db.one("SELECT n FROM demo WHERE id = $1", args!["a"]).await?;
//! assert_eq!(row.get::<i64>("n")?, 1);
//! # Ok::<(), db::Error>(()) }).unwrap();
//! ```

mod ballast;
mod connect;
mod error;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod migrate;
mod rewrite;
mod row;
mod sql;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod tx;
mod value;

pub use ballast::Ballast;
pub use connect::{Db, Engine};
pub use error::{Error, Result, is_damaged};
pub use migrate::Migrations;
pub use rewrite::Rewrite;
pub use row::{Row, Scalar};
pub use sql::Sql;
pub use tx::Tx;
pub use value::{Args, Value};
