//! The public door of `db`, on every engine that is there.

use db::{Db, Error, Migrations, Rewrite, Row, args, rewrite};
use model::{Timestamp, TitleId};

const MIGRATIONS: Migrations = Migrations {
    owner: "test",
    steps: &[
        (
            "table",
            "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT, yes BOOLEAN, x DOUBLE PRECISION, raw {bytes})",
        ),
        ("column", "ALTER TABLE things ADD COLUMN at BIGINT; CREATE INDEX things_at ON things (at)"),
    ],
};

#[tokio::test]
async fn every_type_survives_the_round_trip() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let id = TitleId::new();
        let insert = "INSERT INTO things (id, n, yes, x, raw, at) VALUES ($1, $2, $3, $4, $5, $6)";
        test.db.execute(insert, args![id, 7_u64, true, 0.5, vec![0_u8, 255], Timestamp(9)]).await.unwrap();
        let row = test.db.one("SELECT * FROM things WHERE id = $1", args![id]).await.unwrap();
        assert_eq!(row.get::<TitleId>("id").unwrap(), id);
        assert_eq!(row.get::<u64>("n").unwrap(), 7);
        assert!(row.get::<bool>("yes").unwrap());
        assert_eq!(row.get::<f64>("x").unwrap(), 0.5);
        assert_eq!(row.get::<Vec<u8>>("raw").unwrap(), [0, 255]);
        assert_eq!(row.get::<Timestamp>("at").unwrap(), Timestamp(9));
    }
}

#[tokio::test]
async fn what_is_written_after_somebody_stopped_waiting_for_a_transaction_is_there() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let other = Db::open(&test.address).await.unwrap();
        let id = TitleId::new();
        test.db.execute("INSERT INTO things (id, n) VALUES ($1, 0)", args![id]).await.unwrap();
        for n in 1..=40_i64 {
            let mut begins = Box::pin(test.db.begin());
            // Left ever later: while a connection is looked for, while it begins, when it has begun.
            for _ in 0..n % 5 {
                tokio::select! {
                    biased;
                    _ = begins.as_mut() => break,
                    () = std::future::ready(()) => {}
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            drop(begins);
            // The connection goes back to the others.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            test.db.execute("UPDATE things SET n = $2 WHERE id = $1", args![id, n]).await.unwrap();
            let seen: i64 =
                other.one("SELECT n FROM things WHERE id = $1", args![id]).await.unwrap().get("n").unwrap();
            assert_eq!(seen, n, "{:?}", test.engine());
        }
    }
}

#[tokio::test]
async fn a_new_database_is_told_from_one_that_was_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let mut new = vec![Db::open_sqlite(&dir.path().join("new.db")).await.unwrap()];
    new.extend(db::testing::postgres().await);
    for db in new {
        assert!(db.is_new().await.unwrap());
        db.migrate(&[MIGRATIONS]).await.unwrap();
        assert!(!db.is_new().await.unwrap());
        assert!(db.has_table("things").await.unwrap() && !db.has_table("others").await.unwrap());
    }
}

#[tokio::test]
async fn a_new_database_is_told_from_another_one_in_its_search_path() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        if test.engine() == db::Engine::Postgres {
            test.db.execute("CREATE SCHEMA IF NOT EXISTS before_others", db::args![]).await.unwrap();
            let address = test.address.replace("search_path%3D", "search_path%3Dbefore_others,");
            let db = Db::open(&address).await.unwrap();
            assert_eq!(
                db.one("SELECT COUNT(*) AS n FROM things", db::args![])
                    .await
                    .unwrap()
                    .get::<i64>("n")
                    .unwrap(),
                0
            );
            assert!(db.is_new().await.unwrap() && !db.has_table("things").await.unwrap());
        }
    }
}

#[tokio::test]
async fn null_is_told_from_values() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let args = args!["a", None::<i64>, None::<bool>, None::<f64>, None::<Vec<u8>>];
        test.db
            .execute("INSERT INTO things (id, n, yes, x, raw) VALUES ($1, $2, $3, $4, $5)", args)
            .await
            .unwrap();
        let row = test.db.one("SELECT * FROM things", args![]).await.unwrap();
        assert_eq!(row.get_opt::<i64>("n").unwrap(), None);
        assert!(matches!(row.get::<i64>("n"), Err(Error::Column { .. })));
        assert!(matches!(row.get_opt::<i64>("missing"), Err(Error::Column { .. })));
    }
}

#[tokio::test]
async fn a_full_disk_leaves_no_transaction_behind() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&folder.path().join("test.db")).await.unwrap();
    db.migrate(&[MIGRATIONS]).await.unwrap();
    let insert = "INSERT INTO things (id, raw) VALUES ($1, $2)";
    for _ in 0..2 {
        db.execute("PRAGMA max_page_count = 40", args![]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let error = tx.execute(insert, args!["large", vec![0_u8; 1 << 20]]).await.unwrap_err();
        assert!(error.is_full(), "{error:?}");
        drop(tx);
    }
    let mut tx = db.begin().await.unwrap();
    tx.execute(insert, args!["small", vec![0_u8]]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(db.all("SELECT id FROM things", args![]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_committed_is_on_disk_whatever_the_server_is_set_to() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        if test.engine() != db::Engine::Postgres {
            continue;
        }
        for (set, expected) in [("off", "on"), ("on", "on"), ("local", "local")] {
            let address = format!("{}%20-csynchronous_commit%3D{set}", test.address);
            let db = Db::open_postgres(&address).await.unwrap();
            let mut tx = db.begin().await.unwrap();
            let row = tx.one("SELECT current_setting('synchronous_commit') AS waits", args![]).await.unwrap();
            assert_eq!(row.get::<String>("waits").unwrap(), expected, "{set}");
            drop(tx);
            db.close().await;
        }
    }
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let mut tx = test.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (id) VALUES ($1)", args!["gone"]).await.unwrap();
        drop(tx);
        let mut tx = test.db.begin().await.unwrap();
        tx.execute("INSERT INTO things (id) VALUES ($1)", args!["kept"]).await.unwrap();
        tx.commit().await.unwrap();
        let rows = test.db.all("SELECT id FROM things", args![]).await.unwrap();
        let ids: Vec<String> = rows.iter().map(|r| r.get("id").unwrap()).collect();
        assert_eq!(ids, ["kept"]);
    }
}

#[tokio::test]
async fn a_second_row_with_the_same_key_is_a_unique_violation() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let insert = || test.db.execute("INSERT INTO things (id) VALUES ($1)", args!["a"]);
        insert().await.unwrap();
        assert!(insert().await.unwrap_err().is_unique_violation(), "{:?}", test.engine());
    }
}

#[tokio::test]
async fn migrations_apply_once_and_a_newer_database_is_refused() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        test.db.migrate(&[MIGRATIONS]).await.unwrap();
        let older = Migrations { owner: "test", steps: &MIGRATIONS.steps[..1] };
        let refused = test.db.migrate(&[older]).await;
        assert!(matches!(refused, Err(Error::TooNew { found: 2, known: 1, .. })));
        let other = Migrations { owner: "other", steps: &[("one", "CREATE TABLE others (id TEXT)")] };
        test.db.migrate(&[MIGRATIONS, other]).await.unwrap();
        let refused = test.db.migrate(&[MIGRATIONS]).await;
        assert!(matches!(refused, Err(Error::UnknownOwner { owner }) if owner == "other"));
    }
}

#[tokio::test]
async fn a_failing_step_rolls_everything_back() {
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let bad = Migrations {
            owner: "bad",
            steps: &[("one", "CREATE TABLE fine (id TEXT)"), ("two", "CREATE NONSENSE")],
        };
        assert!(matches!(test.db.migrate(&[bad]).await, Err(Error::Migration { step: "two", .. })));
        assert!(test.db.all("SELECT * FROM fine", args![]).await.is_err());
    }
}

#[tokio::test]
async fn sqlite_writers_take_turns_instead_of_failing() {
    let test = db::testing::databases(&[MIGRATIONS]).await.remove(0);
    test.db.execute("INSERT INTO things (id, n) VALUES ('n', 0)", args![]).await.unwrap();
    let add = |db: Db| async move {
        let mut tx = db.begin().await.unwrap();
        let n = tx.one("SELECT n FROM things", args![]).await.unwrap().get::<i64>("n").unwrap();
        tx.execute("UPDATE things SET n = $1", args![n + 1]).await.unwrap();
        tx.commit().await.unwrap();
    };
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(add(test.db.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let row = test.db.one("SELECT n FROM things", args![]).await.unwrap();
    assert_eq!(row.get::<i64>("n").unwrap(), 20);
}

#[tokio::test]
async fn a_snapshot_has_what_was_committed_and_opens_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(&dir.path().join("a.db")).await.unwrap();
    db.migrate(&[Migrations { owner: "snapshot", steps: &[("one", "CREATE TABLE n (n BIGINT NOT NULL)")] }])
        .await
        .unwrap();
    db.execute("INSERT INTO n (n) VALUES (1)", args![]).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute("INSERT INTO n (n) VALUES (2)", args![]).await.unwrap();
    let copy = dir.path().join("b 'quoted'.db");
    db.snapshot(&copy).await.unwrap();
    tx.commit().await.unwrap();
    assert!(db.snapshot(&copy).await.is_err(), "an existing file is not touched");
    let copy = Db::open_sqlite(&copy).await.unwrap();
    let sum = copy.one("SELECT SUM(n) AS n FROM n", args![]).await.unwrap();
    assert_eq!(sum.get::<i64>("n").unwrap(), 1);
}

#[tokio::test]
async fn each_row_is_written_anew_once_however_many_write() {
    const MORE: Rewrite = rewrite!("things", "id, n", "n = 0 AND id <> $3", "n = $2");
    for test in db::testing::databases(&[MIGRATIONS]).await {
        let fill = "WITH RECURSIVE i (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM i WHERE i < 2199)
            INSERT INTO things (id, n) SELECT CAST(i AS TEXT), 0 FROM i";
        test.db.execute(fill, args![]).await.unwrap();
        let change = |row: &Row| {
            let id: String = row.get("id")?;
            let n: i64 = row.get("n")?;
            Ok::<_, Error>((id != "1700").then(|| args![id, n + 1]))
        };
        let (a, b) =
            tokio::join!(test.db.rewrite(&MORE, "1500", change), test.db.rewrite(&MORE, "1500", change));
        assert_eq!(a.unwrap() + b.unwrap(), 1198, "all but two");
        let counted = "SELECT n, COUNT(*) AS many FROM things GROUP BY n ORDER BY n";
        let counted = test.db.all(counted, args![]).await.unwrap();
        let counted = counted.iter().map(|row| (row.get("n").unwrap(), row.get("many").unwrap()));
        assert_eq!(counted.collect::<Vec<(i64, i64)>>(), [(0, 2), (1, 1198)], "{:?}", test.engine());

        // A failing row leaves its batch unchanged.
        let refused = test.db.rewrite(&MORE, "", |row| match row.get::<String>("id")?.as_str() {
            "1700" => Err(Error::NotSqlite),
            id => Ok(Some(args![id, 1])),
        });
        assert!(matches!(refused.await, Err(Error::NotSqlite)));
        assert_eq!(test.db.rewrite(&MORE, "", change).await.unwrap(), 1, "it is still to be written");
    }
}
