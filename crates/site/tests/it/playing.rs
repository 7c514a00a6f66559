//! Playback through the API: who gets cookies, and for what.

use std::time::Duration;

use db::testing::databases;
use http::header::SET_COOKIE;
use identity::Role;
use model::title::Visibility;
use model::{AccountId, PlaybackSessionId, TitleId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::browser::{Browser, Seen};
use crate::house::{House, MIGRATIONS, now};

fn cookies(seen: &Seen) -> Vec<&str> {
    seen.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().expect("cookies are ASCII")).collect()
}

#[tokio::test]
async fn a_viewer_gets_a_manifest_and_cookies_for_its_asset_only() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        let seen = viewer.post_json("/api/playback", &json!({ "title": title })).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        let grant = seen.json();
        let manifest = grant["manifest"].as_str().unwrap();
        assert!(manifest.starts_with("/out/v1/") && manifest.ends_with("/index.m3u8"));
        assert_eq!((grant["heartbeat_s"].as_u64(), grant["expires_in_s"].as_u64()), (Some(30), Some(300)));
        let asset = manifest.split('/').nth(3).unwrap();
        for name in ["CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id", "kinora-psid"] {
            let cookie = cookies(&seen).into_iter().find(|c| c.starts_with(&format!("{name}="))).unwrap();
            assert!(
                cookie.contains(&format!("; Path=/out/v1/{asset}/;")) && cookie.contains("HttpOnly"),
                "{cookie}"
            );
        }
        let session = grant["session"].as_str().unwrap();
        let beat = format!("/api/playback/{session}/heartbeat");
        let renewed = viewer.post_json(&beat, &json!({})).await;
        assert_eq!((renewed.status.as_u16(), renewed.json()["expires_in_s"].as_u64()), (200, Some(300)));
        assert!(!cookies(&renewed).is_empty());

        let mut other = Browser::of(&house, Role::Creator).await;
        assert_eq!(other.post_json(&beat, &json!({})).await.status, 410, "it is somebody else's");
        let end = format!("/api/playback/{session}/end");
        assert_eq!(viewer.post_json(&end, &json!({})).await.status, 204);
        assert_eq!(viewer.post_json(&beat, &json!({})).await.status, 410);
    }
}

/// Signs everybody out right before a playback is written down or renewed: after it was asked for and decided.
async fn sign_out_meanwhile(db: &db::Db) {
    const SQLITE: &[&str] = &[
        "CREATE TRIGGER begun BEFORE INSERT ON playback_sessions BEGIN DELETE FROM sessions; END",
        "CREATE TRIGGER renewed BEFORE UPDATE OF seen_at ON playback_sessions BEGIN DELETE FROM sessions; END",
    ];
    const POSTGRES: &[&str] = &[
        "CREATE FUNCTION sign_out() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN DELETE FROM sessions; RETURN NEW; END $$",
        "CREATE TRIGGER meanwhile BEFORE INSERT OR UPDATE OF seen_at ON playback_sessions
            FOR EACH ROW EXECUTE FUNCTION sign_out()",
    ];
    let statements = match db.engine() {
        db::Engine::Sqlite => SQLITE,
        db::Engine::Postgres => POSTGRES,
    };
    for statement in statements {
        db.execute(statement, db::args![]).await.expect("the trigger can be made");
    }
}

#[tokio::test]
async fn who_is_signed_out_while_a_playback_begins_gets_no_cookies() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        sign_out_meanwhile(&test.db).await;
        let seen = viewer.post_json("/api/playback", &json!({ "title": title })).await;
        assert_eq!(seen.status, 401, "{}", seen.body);
        assert!(!cookies(&seen).iter().any(|cookie| cookie.starts_with("CloudFront-")));
    }
}

#[tokio::test]
async fn who_is_signed_out_while_a_playback_is_renewed_gets_no_cookies() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        let started = viewer.post_json("/api/playback", &json!({ "title": title })).await.json();
        sign_out_meanwhile(&test.db).await;
        let beat = format!("/api/playback/{}/heartbeat", started["session"].as_str().unwrap());
        let renewed = viewer.post_json(&beat, &json!({})).await;
        assert_eq!(renewed.status, 401, "{}", renewed.body);
        assert!(!cookies(&renewed).iter().any(|cookie| cookie.starts_with("CloudFront-")));
    }
}

#[tokio::test]
async fn a_film_goes_on_where_it_was_left_on_another_device() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        let watch = format!("/watch/{title}");
        let page = viewer.get(&watch).await.body;
        assert!(page.contains("data-start=\"0\"") && page.contains("data-rate=\"24\""), "{page}");
        assert!(!viewer.get("/").await.body.contains("Continue watching"));

        let session =
            viewer.post_json("/api/playback", &json!({ "title": title })).await.json()["session"].clone();
        let session = session.as_str().unwrap();
        let beat = format!("/api/playback/{session}/heartbeat");
        assert_eq!(viewer.post_json(&beat, &json!({ "position_ms": 60_500 })).await.status, 200);
        assert!(viewer.get(&watch).await.body.contains("data-start=\"60\""));
        let home = viewer.get("/").await.body;
        assert!(home.contains("Continue watching") && home.contains("value=\"403\""), "{home}");

        let mut other = Browser::of(&house, Role::Creator).await;
        assert!(!other.get("/").await.body.contains("Continue watching"), "everybody has their own");
        let end = format!("/api/playback/{session}/end");
        assert_eq!(other.post_json(&end, &json!({ "position_ms": 1 })).await.status, 204);
        assert!(viewer.get(&watch).await.body.contains("data-start=\"60\""), "nobody ends another's");
        // The film has ended: there is nothing to resume.
        assert_eq!(viewer.post_json(&end, &json!({ "position_ms": 149_000 })).await.status, 204);
        assert!(viewer.get(&watch).await.body.contains("data-start=\"0\""));
        assert!(!viewer.get("/").await.body.contains("Continue watching"));
    }
}

/// Begins to play in a new session of an account; answers the browser and the playback.
async fn playing(house: &House, account: AccountId, title: TitleId) -> (Browser, PlaybackSessionId) {
    let mut browser = Browser::new(house);
    assert_eq!(browser.post(&house.link(account).await, &[]).await.status, 303);
    let seen = browser.post_json("/api/playback", &json!({ "title": title })).await;
    let session = seen.json()["session"].as_str().and_then(|id| id.parse().ok());
    (browser, session.expect("a playback began"))
}

#[tokio::test]
async fn what_plays_in_a_session_ends_with_it_however_it_ended() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let account = house.account("ann@example.org", Role::Viewer).await;
        let denied = || house.parts.playback.state().borrow().denied.clone();
        let identity = &house.parts.identity;

        let (_, half) = playing(&house, account, title).await;
        let session = identity.sessions(account, now()).await.unwrap()[0].id;
        let end = format!("/account/sessions/{session}/end");
        let mut eve = Browser::of(&house, Role::Operator).await;
        assert_eq!(eve.post(&end, &[]).await.status, 303);
        assert!(denied().is_empty(), "nobody ends another's");
        // Somebody ended it, and came no further.
        assert!(identity.end_session(account, session).await.unwrap());
        let (mut here, first) = playing(&house, account, title).await;
        assert_eq!(here.post(&end, &[]).await.status, 303);
        assert_eq!(*denied(), [half].into());

        // It made room for later ones.
        let oldest = "UPDATE sessions SET seen_at = 0 WHERE account = $1";
        house.db.execute(oldest, db::args![account]).await.unwrap();
        let mut last = None;
        for _ in 0..50 {
            assert_eq!(*denied(), [half].into());
            last = Some(playing(&house, account, title).await);
        }
        assert_eq!(*denied(), [half, first].into());
        assert_eq!(here.get("/account").await.status, 303);
        assert_eq!(last.unwrap().0.get("/account").await.status, 200);
    }
}

/// Makes revoking fail until the trigger is dropped.
async fn revoke_nothing(db: &db::Db) {
    const SQLITE: &[&str] = &["CREATE TRIGGER failing BEFORE UPDATE OF revoked_at ON playback_sessions
            BEGIN SELECT RAISE(ABORT, 'out of order'); END"];
    const POSTGRES: &[&str] = &[
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'out of order'; END $$",
        "CREATE TRIGGER failing BEFORE UPDATE OF revoked_at ON playback_sessions
            FOR EACH ROW EXECUTE FUNCTION fail()",
    ];
    let statements = match db.engine() {
        db::Engine::Sqlite => SQLITE,
        db::Engine::Postgres => POSTGRES,
    };
    for statement in statements {
        db.execute(statement, db::args![]).await.expect("the trigger can be made");
    }
}

#[tokio::test]
async fn what_was_taken_away_and_could_not_be_revoked_is_revoked_soon() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let ann = house.account("ann@example.org", Role::Viewer).await;
        let bob = house.account("bob@example.org", Role::Viewer).await;
        let eve = house.account("eve@example.org", Role::Viewer).await;
        let hidden = house.published("films/Hidden.mp4", 0).await;
        let deleted = house.published("films/Deleted.mp4", 0).await;
        let other = house.published("films/Other.mp4", 0).await;
        let (mut stays, first) = playing(&house, ann, hidden).await;
        let (_, second) = playing(&house, ann, deleted).await;
        let (mut leaves, third) = playing(&house, ann, other).await;
        let (_, fourth) = playing(&house, bob, other).await;
        let (_, fifth) = playing(&house, eve, other).await;

        revoke_nothing(&test.db).await;
        let (title, private) = (format!("/title/{hidden}"), [("name", "Hidden"), ("visibility", "private")]);
        // The changes stand, so their answers say so.
        assert_eq!(operator.post(&title, &private).await.status, 303);
        let (delete, name) = (format!("/title/{deleted}/delete"), [("name", "Deleted")]);
        assert_eq!(operator.post(&delete, &name).await.status, 303);
        assert_eq!(leaves.post("/signout", &[]).await.status, 303);
        assert_eq!(operator.post(&format!("/people/{bob}/suspend"), &[]).await.status, 303);
        let (role, creator) = (format!("/people/{eve}/role"), [("role", "creator")]);
        assert_eq!(operator.post(&role, &creator).await.status, 303);
        assert!(house.parts.playback.state().borrow().denied.is_empty());
        let drop = match test.db.engine() {
            db::Engine::Sqlite => "DROP TRIGGER failing",
            db::Engine::Postgres => "DROP TRIGGER failing ON playback_sessions",
        };
        test.db.execute(drop, db::args![]).await.unwrap();

        // Nobody tries again.
        let shutdown = CancellationToken::new();
        let service = playback::Service::new(house.parts.playback.clone());
        let running = tokio::spawn(service.run(shutdown.clone()));
        let mut watched = house.parts.playback.state();
        let all = [first, second, third, fourth, fifth].into();
        let told = watched.wait_for(|state| *state.denied == all);
        tokio::time::timeout(Duration::from_secs(60), told).await.expect("all are denied").unwrap();
        shutdown.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(stays.get("/account").await.status, 200, "only what it played has ended");
    }
}

#[tokio::test]
async fn a_heartbeat_says_why_a_playback_does_not_go_on() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let ann = house.account("ann@example.org", Role::Viewer).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        let refused = async |browser: &mut Browser, session: PlaybackSessionId| {
            let beat = format!("/api/playback/{session}/heartbeat");
            let seen = browser.post_json(&beat, &json!({ "position_ms": 1 })).await;
            assert!(cookies(&seen).is_empty());
            (seen.status.as_u16(), seen.json()["code"].as_str().unwrap().to_owned())
        };
        // It was taken back, as everybody's is whose title is for fewer from now on.
        let title = house.published("films/Metropolis.mp4", 0).await;
        let (mut browser, session) = playing(&house, ann, title).await;
        let fewer = [("name", "Metropolis"), ("visibility", "private")];
        assert_eq!(operator.post(&format!("/title/{title}"), &fewer).await.status, 303);
        assert_eq!(refused(&mut browser, session).await, (410, "session_ended".into()));

        // Nothing was to be taken back: the cookies had ended while the player slept.
        let title = house.published("films/Nosferatu.mp4", 0).await;
        let (mut browser, session) = playing(&house, ann, title).await;
        house.db.execute("UPDATE playback_sessions SET signed_until = 0", db::args![]).await.unwrap();
        assert_eq!(operator.post(&format!("/title/{title}"), &fewer).await.status, 303);
        assert_eq!(refused(&mut browser, session).await, (404, "title_not_found".into()));

        // Nobody is signed in any more.
        let title = house.published("films/Caligari.mp4", 0).await;
        let (mut browser, session) = playing(&house, ann, title).await;
        assert_eq!(operator.post(&format!("/people/{ann}/suspend"), &[]).await.status, 303);
        assert_eq!(refused(&mut browser, session).await, (401, "sign_in_required".into()));
    }
}

#[tokio::test]
async fn what_may_not_be_watched_is_not_played() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let hidden = house.published("films/Private.mp4", 0).await;
        house.show_to(hidden, Visibility::Private).await;
        let bad = house.rejected("notes.txt", 0, "this file is text").await;
        let mut viewer = Browser::of(&house, Role::Viewer).await;
        let mut operator = Browser::of(&house, Role::Operator).await;
        for (title, code) in [(hidden, 404), (bad, 404)] {
            let seen = viewer.post_json("/api/playback", &json!({ "title": title })).await;
            assert_eq!((seen.status.as_u16(), cookies(&seen).len()), (code, 0));
        }
        let seen = operator.post_json("/api/playback", &json!({ "title": bad })).await;
        assert_eq!((seen.status.as_u16(), &seen.json()["code"]), (409, &"not_ready".into()));
        let seen = Browser::new(&house).post_json("/api/playback", &json!({ "title": hidden })).await;
        assert_eq!(seen.status, 401);
    }
}

#[tokio::test]
async fn strangers_write_no_more_than_there_is_room_for() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        house.show_to(title, Visibility::Public).await;
        let mut guest = Browser::new(&house);
        let report = json!({ "title": title, "session": null, "kind": "network", "detail": "" });
        // A hidden title uses no quota, and the answer is the same when none is left.
        let hidden = house.published("films/Private.mp4", 0).await;
        let nothing = async |guest: &mut Browser| {
            for title in [hidden, TitleId::new()] {
                assert_eq!(guest.post_json("/api/playback", &json!({ "title": title })).await.status, 401);
            }
        };
        for _ in 0..10 {
            nothing(&mut guest).await;
        }
        for (path, body, room) in
            [("/api/playback/report", &report, 20), ("/api/playback", &json!({ "title": title }), 300)]
        {
            for _ in 0..room {
                assert_eq!(guest.post_json(path, body).await.status, 200, "{path}");
            }
            let refused = guest.post_json(path, body).await;
            assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (429, &"too_many".into()));
            let seconds: u32 = refused.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&seconds), "{path}: {seconds}");
        }
        nothing(&mut guest).await;
        // A signed-in viewer has a share of their own.
        for _ in 0..2 {
            let mut viewer = Browser::of(&house, Role::Viewer).await;
            for status in std::iter::repeat_n(200, 120).chain([429]) {
                let seen = viewer.post_json("/api/playback", &json!({ "title": title })).await;
                assert_eq!(seen.status, status);
            }
        }
    }
}

#[tokio::test]
async fn a_report_is_answered_with_the_id_it_is_found_by() {
    for test in databases(&MIGRATIONS).await {
        let house = House::open(test.db.clone()).await;
        let title = house.published("films/Metropolis.mp4", 0).await;
        let mut guest = Browser::new(&house);
        let report =
            json!({ "title": title, "session": null, "kind": "network", "detail": "x\n".repeat(2000) });
        let seen = guest.post_json("/api/playback/report", &report).await;
        assert_eq!(seen.json()["report"], seen.header("x-request-id"));
        let huge =
            json!({ "title": title, "session": null, "kind": "network", "detail": "x".repeat(70_000) });
        assert_eq!(guest.post_json("/api/playback/report", &huge).await.status, 413);
    }
}
