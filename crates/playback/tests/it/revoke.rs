//! Withdrawn permissions are revoked, whatever fails in between.

use std::time::Duration;

use db::args;
use identity::{Role, Who};
use model::title::Visibility;
use model::{Timestamp, TitleId};
use playback::Wish;
use tokio_util::sync::CancellationToken;

use crate::support::{House, NOW, ORIGIN, houses, open, person, wish};

/// Makes revoking fail, of one playback or of all, until [`mend`].
async fn fail(house: &House, only: &str) {
    const SQLITE: &str = "CREATE TRIGGER failing BEFORE UPDATE OF revoked_at ON playback_sessions
        WHEN NEW.id LIKE (SELECT id FROM spoilt) BEGIN SELECT RAISE(ABORT, 'out of order'); END";
    const POSTGRES: &[&str] = &[
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id LIKE (SELECT id FROM spoilt) THEN RAISE 'out of order'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER failing BEFORE UPDATE OF revoked_at ON playback_sessions
            FOR EACH ROW EXECUTE FUNCTION fail()",
    ];
    let db = &house.test.db;
    db.execute("CREATE TABLE spoilt (id TEXT NOT NULL)", args![]).await.unwrap();
    db.execute("INSERT INTO spoilt (id) VALUES ($1)", args![only]).await.unwrap();
    let statements = match house.test.engine() {
        db::Engine::Sqlite => &[SQLITE],
        db::Engine::Postgres => POSTGRES,
    };
    for statement in statements {
        db.execute(statement, args![]).await.unwrap();
    }
}

async fn mend(house: &House) {
    house.test.db.execute("DELETE FROM spoilt", args![]).await.unwrap();
}

async fn made(house: &House) -> i64 {
    house.test.db.one("SELECT made FROM revocations", args![]).await.unwrap().get("made").unwrap()
}

/// As many guests as are to watch a title.
async fn crowd(house: &House, title: TitleId, guests: u32) {
    const CROWD: &str = "INSERT INTO playback_sessions
            (id, title, asset, kind, started_at, seen_at, signed_until)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $4)
        SELECT SUBSTR($1, 1, 24) || (10000000 + n), $2, $1, 'cookies', $3, $3, $3 + n FROM n";
    let asset = model::AssetId::new();
    house.test.db.execute(CROWD, args![asset, title, NOW, guests]).await.unwrap();
}

#[tokio::test]
async fn a_revocation_that_failed_is_made_good_by_the_next_start() {
    for house in houses().await {
        let (viewer, leaver) = (person(Role::Viewer), person(Role::Viewer));
        let (title, _) = house.title(Visibility::Members, None).await;
        let (other, _) = house.title(Visibility::Members, None).await;
        // The service reads the clock.
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        let begin = async |who, title| {
            let wish = Wish { now, ..wish(who, title) };
            house.playback.start(&wish, ORIGIN).await.unwrap().permit.session
        };
        let (taken, left) = (begin(&viewer, title).await, begin(&leaver, other).await);
        fail(&house, "%").await;
        house.withdrawn(title).await;
        house.ended(leaver.account().unwrap(), leaver.session()).await;
        house.playback.settle(now).await.unwrap_err();
        assert!(house.state().denied.is_empty());
        mend(&house).await;

        let started = open(&house.test, &house.catalogue).await.unwrap();
        let mut watched = started.state();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(playback::Service::new(started).run(shutdown.clone()));
        let told = watched.wait_for(|state| *state.denied == [taken, left].into());
        tokio::time::timeout(Duration::from_secs(60), told).await.expect("both are denied").unwrap();
        for table in ["SELECT id FROM endings", "SELECT id FROM withdrawals"] {
            assert!(house.test.db.all(table, args![]).await.unwrap().is_empty(), "{table}");
        }
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn very_many_are_revoked_in_portions_and_what_is_done_is_done() {
    for house in houses().await {
        let (title, _) = house.title(Visibility::Public, None).await;
        let last = house.playback.start(&wish(&Who::Guest, title), ORIGIN).await.unwrap().permit.session;
        crowd(&house, title, 11_000).await;
        fail(&house, &last.to_string()).await;
        house.withdrawn(title).await;
        house.playback.settle(NOW).await.unwrap_err();
        assert_eq!(
            (made(&house).await, house.state().denied.len()),
            (2, 10_000),
            "{:?}",
            house.test.engine()
        );

        mend(&house).await;
        house.playback.settle(NOW).await.unwrap();
        assert_eq!((made(&house).await, house.state().denied.len()), (3, 11_001));
        assert!(house.state().denied.contains(&last));
        house.playback.settle(NOW).await.unwrap();
        assert_eq!(made(&house).await, 3, "nothing is left");
    }
}

#[tokio::test]
async fn nobody_waits_for_the_million_of_another() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Public, None).await;
        let (small, _) = house.title(Visibility::Members, None).await;
        crowd(&house, title, 11_000).await;
        let one = house.playback.start(&wish(&viewer, small), ORIGIN).await.unwrap().permit.session;
        let last = house.playback.start(&wish(&Who::Guest, title), ORIGIN).await.unwrap().permit.session;
        fail(&house, &last.to_string()).await;
        house.withdrawn(title).await;
        house.withdrawn(small).await;
        house.playback.settle(NOW).await.unwrap_err();
        assert!(house.state().denied.contains(&one), "a portion of each in turn");
    }
}
