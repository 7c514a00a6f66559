//! Posters and storyboards by signed URLs.

use identity::Who;
use model::title::Visibility;

use crate::support::{NOW, ORIGIN, houses, wish};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn a_picture_has_one_address_an_hour_that_opens_nothing_else() {
    for house in houses().await {
        let (id, asset) = house.title(Visibility::Members, None).await;
        let title = house.catalogue.title(id).await.unwrap();
        let poster = |now| house.playback.picture(&title, "poster/640.jpg", ORIGIN, now);

        let first = poster(NOW).await.unwrap().unwrap();
        let hour = NOW.0 - NOW.0.rem_euclid(HOUR_MS);
        let last_moment = model::Timestamp(hour + HOUR_MS - 1);
        assert_eq!(poster(last_moment).await.unwrap().unwrap(), first, "the same until the hour is over");
        assert_ne!(poster(model::Timestamp(hour + HOUR_MS)).await.unwrap().unwrap(), first);

        let target = first.strip_prefix(ORIGIN).unwrap();
        assert!(target.starts_with(&format!("/out/v1/{asset}/")), "{target}");
        house.with_query(target, NOW).unwrap();
        house.with_query(target, last_moment).unwrap();
        let over = model::Timestamp(hour + 2 * HOUR_MS);
        assert!(house.with_query(target, over).is_err(), "at most two hours");
        let other = target.replace("poster/640.jpg", "index.m3u8");
        assert!(house.with_query(&other, NOW).is_err(), "nothing but the picture");
    }
}

#[tokio::test]
async fn a_title_without_a_generation_has_no_pictures() {
    for house in houses().await {
        let id = house.received(Visibility::Public, None).await;
        let title = house.catalogue.title(id).await.unwrap();
        let none = house.playback.picture(&title, "poster/640.jpg", ORIGIN, NOW).await.unwrap();
        assert_eq!(none, None);
        assert!(house.playback.start(&wish(&Who::Guest, id), ORIGIN).await.is_err());
    }
}
