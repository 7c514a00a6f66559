//! Playback sessions: cookies, tokens, renewal, revocation.

use std::sync::Arc;
use std::time::Duration;

use catalogue::Edit;
use identity::cookie::Cookies;
use identity::{Role, Who};
use model::delivery::Origin;
use model::title::Visibility;
use playback::{Config, Error};
use sign::Denied;

use crate::support::{House, NOW, ORIGIN, houses, open, open_with, person, wish};

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn cookies_open_one_asset_for_five_minutes() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, asset) = house.title(Visibility::Members, None).await;
        let (_, other) = house.title(Visibility::Members, None).await;
        let started = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap();
        let permit = started.permit;
        assert_eq!((permit.until, permit.renew_after_seconds), (NOW.plus_ms(300_000), 30));
        let get = |path: &str, now| house.with_cookies(&permit.cookies, path, now);
        assert_eq!(get(&started.manifest, NOW), Ok(Some(permit.session)));
        assert_eq!(get(&format!("/out/v1/{asset}/c/g/v0/0.m4s"), NOW), Ok(Some(permit.session)));
        assert_eq!(get(&format!("/out/v1/{other}/c/g/v0/0.m4s"), NOW), Err(Denied::Resource));
        assert_eq!(get(&started.manifest, permit.until.plus_ms(-1)), Ok(Some(permit.session)));
        assert_eq!(get(&started.manifest, permit.until), Err(Denied::Expired));

        let without_session = &permit.cookies[..permit.cookies.len() - 1];
        assert_eq!(house.with_cookies(without_session, &started.manifest, NOW), Err(Denied::NoSession));
        let names: Vec<_> = permit.cookies.iter().map(|(name, _)| *name).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(names.join(" "), @"CloudFront-Policy CloudFront-Signature CloudFront-Key-Pair-Id CloudFront-Hash-Algorithm kinora-psid");
        }
        let set = permit.set_cookies(Cookies { tls: true }, NOW);
        assert!(
            set[0]
                .ends_with(&format!("; Path=/out/v1/{asset}/; Max-Age=300; HttpOnly; SameSite=Lax; Secure"))
        );
    }
}

#[tokio::test]
async fn a_session_cookie_does_not_move_to_another_policy() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Members, None).await;
        let first = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap();
        let later = playback::Wish { now: NOW.plus_ms(1000), ..wish(&viewer, title) };
        let second = house.playback.start(&later, ORIGIN).await.unwrap();
        let mut mixed = first.permit.cookies.clone();
        *mixed.last_mut().unwrap() = second.permit.cookies.last().unwrap().clone();
        assert_eq!(house.with_cookies(&mixed, &first.manifest, NOW), Err(Denied::WrongSession));
    }
}

#[tokio::test]
async fn a_token_opens_one_asset_until_it_ends() {
    for house in houses().await {
        let (title, asset) = house.title(Visibility::Private, None).await;
        let (_, other) = house.title(Visibility::Private, None).await;
        let link = house.playback.link(&wish(&Who::Host, title), 3600).await.unwrap();
        assert_eq!(link.until, NOW.plus_ms(3_600_000));
        assert_eq!(house.with_token(&link.path, NOW), Ok(Some(link.session)));
        assert_eq!(house.with_token(&link.path, link.until), Err(Denied::Expired));
        let moved = link.path.replace(&asset.to_string(), &other.to_string());
        assert_eq!(house.with_token(&moved, NOW), Err(Denied::Resource));
    }
}

#[tokio::test]
async fn tokens_live_as_long_as_was_asked_or_are_refused() {
    const WEEK: u32 = 7 * 86_400;
    for house in houses().await {
        let (title, _) = house.title(Visibility::Public, None).await;
        let wish = wish(&Who::Host, title);
        let link = house.playback.link(&wish, WEEK).await.unwrap();
        assert_eq!(link.until, NOW.plus_ms(i64::from(WEEK) * 1000));
        for seconds in [0, WEEK + 1, u32::MAX] {
            let refused = house.playback.link(&wish, seconds).await;
            assert!(matches!(refused, Err(Error::TooLong { most: WEEK })), "{seconds}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn settings_say_how_long_cookies_live_and_whose_pages_may_play() {
    for house in houses().await {
        let cors = vec!["https://player.example.org".to_owned()];
        let config =
            Config { cookie_seconds: 60, heartbeat_seconds: 20, cors: cors.clone(), ..Config::default() };
        let playback = open_with(&house.test, &house.catalogue, config).await.unwrap();
        let (title, _) = house.title(Visibility::Public, None).await;
        let permit = playback.start(&wish(&Who::Guest, title), ORIGIN).await.unwrap().permit;
        assert_eq!((permit.until, permit.renew_after_seconds), (NOW.plus_ms(60_000), 20));
        for behaviour in &playback.state().borrow().behaviours {
            let media = behaviour.origin == Origin::Packager;
            assert_eq!(behaviour.cors, if media { cors.clone() } else { vec![] }, "{}", behaviour.path);
        }
    }
}

#[tokio::test]
async fn renewal_gives_new_cookies_and_decides_again() {
    for house in houses().await {
        let (viewer, stranger) = (person(Role::Viewer), person(Role::Viewer));
        let (title, _) = house.title(Visibility::Members, None).await;
        let started = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap();
        let psid = started.permit.session;
        let later = NOW.plus_ms(290_000);
        let permit = house.playback.renew(psid, &viewer, ORIGIN, later).await.unwrap();
        assert_eq!(permit.session, psid);
        let at = later.plus_ms(299_999);
        assert_eq!(house.with_cookies(&permit.cookies, &started.manifest, at), Ok(Some(psid)));

        for other in [&stranger, &Who::Guest, &Who::Host] {
            let refused = house.playback.renew(psid, other, ORIGIN, later).await;
            assert!(matches!(refused, Err(Error::NoSession)));
        }
        let private = Edit { visibility: Some(Visibility::Private), ..Edit::default() };
        house.catalogue.edit(title, None, &private).await.unwrap();
        let refused = house.playback.renew(psid, &viewer, ORIGIN, later).await;
        assert!(matches!(refused, Err(Error::NoTitle)));
    }
}

#[tokio::test]
async fn an_ended_playback_is_not_renewed() {
    for house in houses().await {
        let (viewer, stranger) = (person(Role::Viewer), person(Role::Viewer));
        let (title, _) = house.title(Visibility::Members, None).await;
        let psid = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap().permit.session;
        assert_eq!(house.playback.end(psid, &stranger, NOW).await.unwrap(), None, "not a stranger's to end");
        assert!(house.playback.renew(psid, &viewer, ORIGIN, NOW).await.is_ok());
        assert_eq!(house.playback.end(psid, &viewer, NOW).await.unwrap(), Some(title));
        let refused = house.playback.renew(psid, &viewer, ORIGIN, NOW).await;
        assert!(matches!(refused, Err(Error::NoSession)));
        assert!(house.state().denied.is_empty());
    }
}

#[tokio::test]
async fn what_is_on_its_way_when_its_signature_has_ended_is_revoked_as_well() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Members, None).await;
        let (public, _) = house.title(Visibility::Public, None).await;
        let permit = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap().permit;
        let guests = house.playback.start(&wish(&Who::Guest, public), ORIGIN).await.unwrap().permit;
        let (account, session) = (viewer.account().unwrap(), viewer.session().unwrap());
        let late = permit.until.plus_ms(6 * HOUR - 1);
        house.playback.sweep(late).await.unwrap();
        let again = "UPDATE playback_sessions SET revoked_at = NULL";
        let end = async |way: usize| match way {
            0 => house.revoke_account(account, late).await,
            1 => house.revoke_title(title, late).await,
            2 => house.revoke_session(account, session, late).await,
            _ => house.revoke_title(public, late).await,
        };
        for (way, expected) in
            [permit.session, permit.session, permit.session, guests.session].iter().enumerate()
        {
            house.test.db.execute(again, db::args![]).await.unwrap();
            end(way).await;
            assert_eq!(*house.state().denied, [*expected].into(), "{way}");
            house.playback.refresh(late.plus_ms(2 * HOUR - 1)).await.unwrap();
            house.playback.sweep(late.plus_ms(2 * HOUR - 2)).await.unwrap();
            assert_eq!(*house.state().denied, [*expected].into(), "{way}");
            house.playback.refresh(late.plus_ms(2 * HOUR)).await.unwrap();
            assert!(house.state().denied.is_empty(), "{way}: nobody can still be waited for");
        }
        house.test.db.execute(again, db::args![]).await.unwrap();
        house.revoke_account(account, late.plus_ms(1)).await;
        assert!(house.state().denied.is_empty(), "no answer takes so long");
    }
}

#[tokio::test]
async fn a_revoked_playback_is_denied_as_long_as_its_signature_lives() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Members, None).await;
        let other_process = open(&house.test, &house.catalogue).await.unwrap();
        let mut watched = house.playback.state();
        let permit = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap().permit;
        let friend = person(Role::Viewer);
        let link = house.playback.link(&wish(&friend, title), 3 * 3600).await.unwrap();
        watched.mark_unchanged();

        house.revoke_account(viewer.account().unwrap(), NOW).await;
        assert!(watched.has_changed().unwrap());
        assert_eq!(*house.state().denied, [permit.session].into());
        let refused = house.playback.renew(permit.session, &viewer, ORIGIN, NOW).await;
        assert!(matches!(refused, Err(Error::NoSession)));

        assert!(other_process.state().borrow().denied.is_empty());
        other_process.refresh(NOW).await.unwrap();
        assert_eq!(*other_process.state().borrow().denied, [permit.session].into());

        house.revoke_account(friend.account().unwrap(), NOW).await;
        assert_eq!(*house.state().denied, [permit.session, link.session].into());
        house.playback.refresh(NOW.plus_ms(2 * HOUR - 1)).await.unwrap();
        assert_eq!(
            house.state().denied.len(),
            2,
            "also that which has ended, while answers to it are broken off"
        );
        house.playback.refresh(link.until.plus_ms(59_999)).await.unwrap();
        assert_eq!(*house.state().denied, [link.session].into(), "the cookies have ended by themselves");
        house.playback.refresh(link.until.plus_ms(60_000)).await.unwrap();
        assert!(house.state().denied.is_empty());
    }
}

#[tokio::test]
async fn what_is_denied_is_read_when_it_is_something_else() {
    for house in houses().await {
        let (viewer, friend) = (person(Role::Viewer), person(Role::Viewer));
        let (title, _) = house.title(Visibility::Members, None).await;
        let other_process = open(&house.test, &house.catalogue).await.unwrap();
        let mut sessions = Vec::new();
        for who in [&viewer, &friend] {
            sessions.push(house.playback.start(&wish(who, title), ORIGIN).await.unwrap().permit.session);
            house.revoke_account(who.account().unwrap(), NOW).await;
            other_process.refresh(NOW).await.unwrap();
            assert_eq!(*other_process.state().borrow().denied, sessions.iter().copied().collect());
        }
        // A clock that is set forward and back again.
        house.playback.refresh(NOW.plus_ms(3 * HOUR)).await.unwrap();
        assert!(house.state().denied.is_empty());
        house.playback.refresh(NOW).await.unwrap();
        assert_eq!(house.state().denied.len(), 2);

        let behind_our_back = "UPDATE playback_sessions SET revoked_at = NULL";
        house.test.db.execute(behind_our_back, db::args![]).await.unwrap();
        let known = house.state().denied;
        house.playback.refresh(NOW.plus_ms(1)).await.unwrap();
        assert_eq!(house.state().denied.len(), 2, "nothing was revoked since they were read");
        assert!(Arc::ptr_eq(&known, &house.state().denied), "nobody looks at each of very many");
        house.revoke_title(title, NOW).await;
        assert_eq!(house.state().denied.len(), 2);
    }
}

#[tokio::test]
async fn who_revoke_take_turns_and_keep_one_connection_while_they_wait() {
    const TURN: db::Sql = db::sql!("SELECT made FROM revocations" [FOR UPDATE]);
    for house in houses().await {
        let viewers: Vec<_> = (0..50).map(|_| person(Role::Viewer)).collect();
        let (title, _) = house.title(Visibility::Members, None).await;
        for viewer in &viewers {
            house.playback.start(&wish(viewer, title), ORIGIN).await.unwrap();
            house.ended(viewer.account().unwrap(), None).await;
        }
        let mut other_process = house.test.db.begin().await.unwrap();
        other_process.one(other_process.pick(TURN), db::args![]).await.unwrap();
        let revoke = |_| {
            let playback = house.playback.clone();
            tokio::spawn(async move { playback.settle(NOW).await })
        };
        let mut all: Vec<_> = viewers.iter().map(revoke).collect();
        let first = tokio::time::timeout(Duration::from_millis(200), &mut all[0]).await;
        assert!(first.is_err(), "{:?}: it waits", house.test.engine());
        let asked = tokio::time::timeout(Duration::from_secs(10), house.test.db.ping()).await;
        asked.expect("others are not kept waiting").unwrap();
        drop(other_process);
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert_eq!(house.state().denied.len(), 50);
    }
}

#[tokio::test]
async fn a_deleted_title_is_gone_also_where_nobody_watched_it() {
    for house in houses().await {
        let (title, asset) = house.title(Visibility::Members, None).await;
        let mut tx = house.test.db.begin().await.unwrap();
        let how = catalogue::Removal { purge_at: NOW, spare_source: false, by_owner: false };
        house.catalogue.delete(&mut tx, NOW, title, &how).await.unwrap();
        tx.commit().await.unwrap();
        house.revoke_title(title, NOW).await;
        assert_eq!(house.state().gone, [asset].into());
    }
}

/// Two playbacks that differ in one thing; revoking by it denies exactly the first.
async fn revoked_alone(
    house: &House,
    first: (&Who, model::TitleId),
    second: (&Who, model::TitleId),
) -> [model::PlaybackSessionId; 2] {
    let one = house.playback.start(&wish(first.0, first.1), ORIGIN).await.unwrap();
    let two = house.playback.start(&wish(second.0, second.1), ORIGIN).await.unwrap();
    [one.permit.session, two.permit.session]
}

#[tokio::test]
async fn playback_ends_with_its_title_or_its_browsers_session() {
    for house in houses().await {
        let (viewer, other) = (person(Role::Viewer), person(Role::Viewer));
        let (title, _) = house.title(Visibility::Members, None).await;
        let (second_title, _) = house.title(Visibility::Members, None).await;

        let [one, _] = revoked_alone(&house, (&viewer, title), (&viewer, second_title)).await;
        house.revoke_title(title, NOW).await;
        assert_eq!(*house.state().denied, [one].into());

        let [two, _] = revoked_alone(&house, (&viewer, second_title), (&other, second_title)).await;
        let denied = house.state().denied;
        let (owner, session) = (viewer.account().unwrap(), viewer.session().unwrap());
        house.revoke_session(other.account().unwrap(), session, NOW).await;
        assert_eq!(house.state().denied, denied, "nobody ends another's");
        house.revoke_session(owner, session, NOW).await;
        assert!(house.state().denied.contains(&two));
        assert_eq!(house.state().denied.len(), denied.len() + 2, "also the one of before");
    }
}

/// Makes every title private right before a playback of it is written down or renewed: after it was decided.
async fn hide_meanwhile(house: &House) {
    const SQLITE: &[&str] = &[
        "CREATE TRIGGER begun BEFORE INSERT ON playback_sessions BEGIN
            UPDATE titles SET visibility = 'private' WHERE id = NEW.title; END",
        "CREATE TRIGGER renewed BEFORE UPDATE OF seen_at ON playback_sessions BEGIN
            UPDATE titles SET visibility = 'private' WHERE id = NEW.title; END",
    ];
    const POSTGRES: &[&str] = &[
        "CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE titles SET visibility = 'private' WHERE id = NEW.title; RETURN NEW; END $$",
        "CREATE TRIGGER meanwhile BEFORE INSERT OR UPDATE OF seen_at ON playback_sessions
            FOR EACH ROW EXECUTE FUNCTION hide()",
    ];
    let statements = match house.test.engine() {
        db::Engine::Sqlite => SQLITE,
        db::Engine::Postgres => POSTGRES,
    };
    for statement in statements {
        house.test.db.execute(statement, db::args![]).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_taken_away_while_a_playback_begins_is_not_played() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (one, _) = house.title(Visibility::Members, None).await;
        let (other, _) = house.title(Visibility::Members, None).await;
        hide_meanwhile(&house).await;
        let started = house.playback.start(&wish(&viewer, one), ORIGIN).await;
        assert!(matches!(started, Err(Error::NoTitle)), "{started:?}");
        let linked = house.playback.link(&wish(&viewer, other), 3600).await;
        assert!(matches!(linked, Err(Error::NoTitle)), "{linked:?}");
        let begun = house.test.db.all("SELECT id FROM playback_sessions", db::args![]).await.unwrap();
        assert!(begun.is_empty(), "nothing was signed");
    }
}

#[tokio::test]
async fn what_is_taken_away_while_a_playback_is_renewed_gets_no_cookies() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Members, None).await;
        let begun = house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap().permit;
        hide_meanwhile(&house).await;
        let wakes = begun.until.plus_ms(3_600_000);
        let renewed = house.playback.renew(begun.session, &viewer, ORIGIN, wakes).await;
        assert!(matches!(renewed, Err(Error::NoTitle)), "{renewed:?}");
        let open = "SELECT id FROM playback_sessions WHERE revoked_at IS NULL";
        assert!(house.test.db.all(open, db::args![]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn sessions_are_forgotten_a_month_after_they_ended_and_those_of_guests_soon() {
    for house in houses().await {
        let viewer = person(Role::Viewer);
        let (title, _) = house.title(Visibility::Members, None).await;
        house.playback.start(&wish(&viewer, title), ORIGIN).await.unwrap();
        let count = || async {
            let rows = house.test.db.all("SELECT id FROM playback_sessions", db::args![]).await;
            rows.unwrap().len()
        };
        let (public, _) = house.title(Visibility::Public, None).await;
        house.playback.start(&wish(&Who::Guest, public), ORIGIN).await.unwrap();
        house.playback.sweep(NOW.plus_ms(8 * HOUR)).await.unwrap();
        assert_eq!(count().await, 2, "what a guest watches may still be taken away");
        house.playback.sweep(NOW.plus_ms(9 * HOUR)).await.unwrap();
        assert_eq!(count().await, 1);
        house.playback.sweep(NOW.plus_ms(29 * 86_400_000)).await.unwrap();
        assert_eq!(count().await, 1);
        house.playback.sweep(NOW.plus_ms(31 * 86_400_000)).await.unwrap();
        assert_eq!(count().await, 0);
    }
}
