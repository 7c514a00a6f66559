//! Posters by signed URLs.

use identity::{Role, Who};
use model::title::Visibility;
use model::{AssetId, SubjectId, Timestamp, TitleId};
use playback::Viewing;

use crate::support::{House, NOW, ORIGIN, houses, person, wish};

const HOUR_MS: i64 = 3_600_000;

/// The address of a title's poster in a page that somebody asked for.
async fn poster(house: &House, title: TitleId, who: &Who, asked_at: Timestamp) -> String {
    let title = house.catalogue.title(title).await.unwrap();
    let viewing = Viewing { who, origin: ORIGIN, asked_at };
    let url = house.playback.picture(&title, "poster/640.jpg", &viewing).await.unwrap().unwrap();
    url.strip_prefix(ORIGIN).unwrap().to_owned()
}

/// Whether the edge refuses it although its signature is right.
fn has_ended(house: &House, target: &str, asset: AssetId) -> bool {
    let grant = house.with_query(target, NOW).unwrap();
    let (mark, state) = (grant.mark().unwrap().clone(), house.state());
    let asset = Some(SubjectId::from_bytes(asset.to_bytes()));
    let mut all = mark.subjects.into_iter().chain([asset]).flatten();
    all.any(|subject| state.ended.get(&subject).is_some_and(|at| mark.since <= *at))
}

#[tokio::test]
async fn a_picture_has_one_address_an_hour_that_opens_nothing_else() {
    for house in houses().await {
        let (id, asset) = house.title(Visibility::Members, None).await;
        let viewer = person(Role::Viewer);
        let poster = |now| poster(&house, id, &viewer, now);

        let first = poster(NOW).await;
        let hour = NOW.0 - NOW.0.rem_euclid(HOUR_MS);
        let last_moment = Timestamp(hour + HOUR_MS - 1);
        assert_eq!(poster(last_moment).await, first, "the same until the hour is over");
        assert_ne!(poster(Timestamp(hour + HOUR_MS)).await, first);

        assert!(first.starts_with(&format!("/out/v1/{asset}/")), "{first}");
        house.with_query(&first, NOW).unwrap();
        house.with_query(&first, last_moment).unwrap();
        let over = Timestamp(hour + 2 * HOUR_MS);
        assert!(house.with_query(&first, over).is_err(), "at most two hours");
        let other = first.replace("poster/640.jpg", "index.m3u8");
        assert!(house.with_query(&other, NOW).is_err(), "nothing but the picture");
        let lasting = first.replace("kinora-since=1", "kinora-since=2");
        assert!(house.with_query(&lasting, NOW).is_err(), "it cannot be made younger");
    }
}

#[tokio::test]
async fn a_picture_ends_with_whatever_its_viewers_permission_depends_on() {
    for house in houses().await {
        let (title, asset) = house.title(Visibility::Members, None).await;
        let (public, public_asset) = house.title(Visibility::Public, None).await;
        let (viewer, other) = (person(Role::Viewer), person(Role::Viewer));
        let (account, session) = (viewer.account().unwrap(), viewer.session().unwrap());
        type Change<'a> = (&'a str, [bool; 4]);
        // Of the viewer, of another one, of everybody; and whether a new page shows it to the viewer again.
        let cases: [Change<'_>; 4] = [
            ("session", [true, false, false, true]),
            ("account", [true, false, false, true]),
            ("title", [true, true, false, true]),
            ("public title", [false, false, true, true]),
        ];
        let mut now = NOW;
        for (what, [of_viewer, of_other, of_everybody, again]) in cases {
            let its = poster(&house, title, &viewer, now).await;
            let others = poster(&house, title, &other, now).await;
            let everybodys = poster(&house, public, &viewer, now).await;
            assert_ne!(its, others);
            assert_eq!(everybodys, poster(&house, public, &Who::Guest, now).await, "shared by all");
            for (target, asset) in [(&its, asset), (&others, asset), (&everybodys, public_asset)] {
                assert!(!has_ended(&house, target, asset), "before {what}");
            }
            match what {
                "session" => house.revoke_session(account, session, now).await,
                "account" => house.revoke_account(account, now).await,
                "title" => house.revoke_title(title, now).await,
                _ => house.revoke_title(public, now).await,
            }
            assert_eq!(has_ended(&house, &its, asset), of_viewer, "{what}");
            assert_eq!(has_ended(&house, &others, asset), of_other, "{what}");
            assert_eq!(has_ended(&house, &everybodys, public_asset), of_everybody, "{what}");
            let begun_before = poster(&house, title, &viewer, now).await;
            assert_eq!(
                has_ended(&house, &begun_before, asset),
                of_viewer,
                "{what}: a page that was begun before"
            );
            now = now.plus_ms(60_000);
            let renewed = poster(&house, title, &viewer, now).await;
            assert_eq!(!has_ended(&house, &renewed, asset), again, "{what}: a new page");
        }

        // No longer than addresses live.
        house.playback.refresh(NOW.plus_ms(3 * HOUR_MS)).await.unwrap();
        assert!(house.state().ended.is_empty());
        house.playback.sweep(NOW.plus_ms(3 * HOUR_MS)).await.unwrap();
        assert!(house.test.db.all("SELECT id FROM ended_subjects", db::args![]).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_title_without_a_generation_has_no_pictures() {
    for house in houses().await {
        let id = house.received(Visibility::Public, None).await;
        let title = house.catalogue.title(id).await.unwrap();
        let viewing = Viewing { who: &Who::Guest, origin: ORIGIN, asked_at: NOW };
        let none = house.playback.picture(&title, "poster/640.jpg", &viewing).await.unwrap();
        assert_eq!(none, None);
        assert!(house.playback.start(&wish(&Who::Guest, id), ORIGIN).await.is_err());
    }
}
