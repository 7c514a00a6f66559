//! Throw-away databases: the same suite runs on every engine that is there.
//!
//! `KINORA_TEST_POSTGRES` holds the address of a PostgreSQL server whose user may create schemas
//! (`make test` starts one). Without it the PostgreSQL half is skipped, and says so.

use std::sync::Once;

use crate::connect::Pools;
use crate::{Db, Engine, Migrations};

/// A database that goes away when it is dropped.
#[derive(Debug)]
pub struct TestDb {
    /// The open, migrated database.
    pub db: Db,
    /// Where another process finds it, as [`Db::open`] takes it; it holds a password.
    pub address: String,
    _dir: Option<tempfile::TempDir>,
}

/// One fresh, migrated database per engine. A test loops over them.
pub async fn databases(owners: &[Migrations]) -> Vec<TestDb> {
    let dir = in_memory();
    let path = dir.path().join("test.db");
    let sqlite = Db::open_sqlite(&path).await.expect("SQLite opens");
    let mut all = vec![TestDb { db: sqlite, address: format!("sqlite:{}", path.display()), _dir: Some(dir) }];
    all.extend(fresh_schema().await);
    for test in &all {
        test.db.migrate(owners).await.expect("migrations apply");
    }
    all
}

/// A folder that goes away when it is dropped, in memory where there is one: nothing in it survives the machine, which no
/// test needs, and nobody waits for a disk.
pub fn in_memory() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    dir.expect("the temporary folder can be written")
}

/// A fresh schema on the test server, `None` (and a printed notice) without one.
pub async fn postgres() -> Option<Db> {
    fresh_schema().await.map(|test| test.db)
}

/// Kills this process without any clean-up at a moment from now on: the first is right before the next commit, the second
/// right after it, and so on. A writing statement outside a transaction is a commit, too.
pub fn crash_at(moment: u32) {
    crate::fault::crash_at(moment);
}

async fn fresh_schema() -> Option<TestDb> {
    static NOTICE: Once = Once::new();
    let Ok(address) = std::env::var("KINORA_TEST_POSTGRES") else {
        NOTICE.call_once(|| model::testing::skipped("PostgreSQL (KINORA_TEST_POSTGRES is not set)"));
        return None;
    };
    let schema = format!("t_{}", uuid::Uuid::new_v4().as_simple());
    let admin = Db::open_postgres(&address).await.expect("the test server of KINORA_TEST_POSTGRES answers");
    let Pools::Postgres(pool) = &admin.pools else { unreachable!("open_postgres gives PostgreSQL") };
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(pool)
        .await
        .expect("a schema can be made");
    admin.close().await;
    let separator = if address.contains('?') { '&' } else { '?' };
    let address = format!("{address}{separator}options=-csearch_path%3D{schema}");
    let db = Db::open_postgres(&address).await.expect("the test server answers again");
    Some(TestDb { db, address, _dir: None })
}

impl TestDb {
    /// A database that another process made, and removes.
    pub async fn at(address: &str) -> Self {
        let db = Db::open(address).await.expect("it is there");
        Self { db, address: address.to_owned(), _dir: None }
    }

    /// For messages of assertions.
    pub fn engine(&self) -> Engine {
        self.db.engine()
    }
}
