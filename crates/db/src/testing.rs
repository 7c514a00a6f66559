//! Throw-away databases: the same suite runs on every engine that is there.
//!
//! `KINORA_TEST_POSTGRES` holds the address of a PostgreSQL server whose user may create schemas
//! (`make test` starts one). Without it the PostgreSQL half is skipped, and says so.

use std::sync::Once;

use crate::{Db, Engine, Migrations};

/// A database that goes away when it is dropped.
#[derive(Debug)]
pub struct TestDb {
    /// The open, migrated database.
    pub db: Db,
    _dir: Option<tempfile::TempDir>,
}

/// One fresh, migrated database per engine. A test loops over them.
pub async fn databases(owners: &[Migrations]) -> Vec<TestDb> {
    let dir = tempfile::tempdir().expect("the temporary folder can be written");
    let sqlite = Db::open_sqlite(&dir.path().join("test.db")).await.expect("SQLite opens");
    let mut all = vec![TestDb { db: sqlite, _dir: Some(dir) }];
    if let Some(db) = postgres().await {
        all.push(TestDb { db, _dir: None });
    }
    for test in &all {
        test.db.migrate(owners).await.expect("migrations apply");
    }
    all
}

/// A fresh schema on the test server, `None` (and a printed notice) without one.
pub async fn postgres() -> Option<Db> {
    static NOTICE: Once = Once::new();
    let Ok(address) = std::env::var("KINORA_TEST_POSTGRES") else {
        NOTICE.call_once(|| eprintln!("skipped: PostgreSQL (KINORA_TEST_POSTGRES is not set)"));
        return None;
    };
    let schema = format!("t_{}", uuid::Uuid::new_v4().as_simple());
    let admin = Db::open_postgres(&address).await.expect("the test server of KINORA_TEST_POSTGRES answers");
    let Db::Postgres(pool) = &admin else { unreachable!("open_postgres gives PostgreSQL") };
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(pool)
        .await
        .expect("a schema can be made");
    admin.close().await;
    let separator = if address.contains('?') { '&' } else { '?' };
    let address = format!("{address}{separator}options=-csearch_path%3D{schema}");
    Some(Db::open_postgres(&address).await.expect("the test server answers again"))
}

impl TestDb {
    /// For messages of assertions.
    pub fn engine(&self) -> Engine {
        self.db.engine()
    }
}
