//! Events and titles.

use blob::{By, Means};
use model::EventId;
use model::title::State;
use pipeline::{Error, Outcome};

use crate::house::houses;

#[tokio::test]
async fn each_upload_becomes_one_title_even_under_the_same_key() {
    for house in houses().await {
        house.client_upload("films/test.mp4").await;
        house.client_upload("films/test.mp4").await;
        assert_eq!(house.pipeline.take_events().await.unwrap(), 2);
        assert_eq!(house.pipeline.take_events().await.unwrap(), 0);
        let titles = house.titles().await;
        assert_eq!(titles.len(), 2, "{:?}", house.test.engine());
        assert_ne!(titles[0].source_object, titles[1].source_object);
        assert!(
            titles.iter().all(|t| t.name == "test" && t.state == State::Received && t.template == "standard")
        );
        assert!(house.claim("plan").await.is_some() && house.claim("plan").await.is_some());
        assert!(house.claim("plan").await.is_none());
    }
}

#[tokio::test]
async fn racing_intakes_make_each_title_once() {
    for house in houses().await {
        for n in 0..10 {
            house.client_upload(&format!("{n}.mp4")).await;
        }
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let pipeline = house.pipeline.clone();
                tokio::spawn(async move { pipeline.take_events().await.unwrap() })
            })
            .collect();
        for taker in takers {
            taker.await.unwrap();
        }
        assert_eq!(house.titles().await.len(), 10);
    }
}

#[tokio::test]
async fn events_that_cannot_be_followed_hold_up_no_other() {
    for house in houses().await {
        house.client_upload("lost.mp4").await;
        let lost = "UPDATE events SET object = 'nothing'";
        house.test.db.execute(lost, db::args![]).await.unwrap();
        let again = "INSERT INTO events (id, sequence, bucket, key, object, record, created_at)
            SELECT CAST($1 AS TEXT), sequence, bucket, key, object, record, created_at FROM events LIMIT 1";
        for _ in 0..150 {
            house.test.db.execute(again, db::args![EventId::new()]).await.unwrap();
        }
        let pending =
            "INSERT INTO event_deliveries (event, subscriber, sequence) SELECT id, $1, sequence FROM events
            WHERE NOT EXISTS (SELECT 1 FROM event_deliveries d WHERE d.event = events.id)";
        house.test.db.execute(pending, db::args![blob::events::PIPELINE]).await.unwrap();
        house.client_upload("here.mp4").await;
        assert_eq!(house.pipeline.take_events().await.unwrap(), 1);
        let titles = house.titles().await;
        assert_eq!(titles.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["here"]);
    }
}

#[tokio::test]
async fn own_writes_and_other_buckets_start_nothing() {
    for house in houses().await {
        house.blob.create_bucket(&"other".parse().unwrap(), blob::Region::default()).await.unwrap();
        house.upload("other", "a.mp4", By::Client(Means::Put)).await;
        house.upload("media", "b.mp4", By::Kinora).await;
        house.upload("source", "c.mp4", By::Kinora).await;
        house.pipeline.take_events().await.unwrap();
        assert!(house.titles().await.is_empty());
    }
}

#[tokio::test]
async fn the_prefix_chooses_the_template() {
    for house in houses().await {
        house.client_upload("reference/a.mp4").await;
        house.pipeline.take_events().await.unwrap();
        assert_eq!(house.titles().await[0].template, "reference");
    }
}

#[tokio::test]
async fn an_event_from_elsewhere_starts_an_object_once() {
    for house in houses().await {
        house.blob.create_bucket(&"late".parse().unwrap(), blob::Region::default()).await.unwrap();
        house.upload("late", "a b+ü.mp4", By::Client(Means::Put)).await;
        let event = |keys: &[&str]| {
            let record = |key: &&str| {
                let s3 = serde_json::json!({"bucket": {"name": "late"}, "object": {"key": key}});
                serde_json::json!({"eventVersion": "2.2", "eventName": "ObjectCreated:Put", "s3": s3})
            };
            let records: Vec<_> = keys.iter().map(record).collect();
            serde_json::to_vec(&serde_json::json!({ "Records": records })).unwrap()
        };
        let first = house.pipeline.accept(&event(&["a+b%2B%C3%BC.mp4"])).await.unwrap();
        let [Outcome::Started(title)] = first[..] else { panic!("{first:?}") };
        let again = house.pipeline.accept(&event(&["a+b%2B%C3%BC.mp4"])).await.unwrap();
        assert_eq!(again, [Outcome::Already(title)]);
        let absent = house.pipeline.accept(&event(&["nobody.mp4"])).await;
        assert!(matches!(absent, Err(Error::NoObject { .. })));
        house.upload("late", "b.mp4", By::Client(Means::Put)).await;
        let half = house.pipeline.accept(&event(&["b.mp4", "nobody.mp4"])).await;
        assert!(matches!(half, Err(Error::NoObject { .. })));
        assert_eq!(house.titles().await.len(), 1, "all of an event, or nothing");
        assert_eq!(house.pipeline.accept(&event(&["b.mp4", "a+b%2B%C3%BC.mp4"])).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn an_unknown_template_is_refused_and_leaves_nothing() {
    for house in houses().await {
        let object = house.client_upload("a.mp4").await;
        let mut tx = house.test.db.begin().await.unwrap();
        let refused = house.pipeline.start_in(&mut tx, &object, "nope").await;
        assert!(matches!(refused, Err(Error::NoTemplate(_))));
        drop(tx);
        assert!(house.titles().await.is_empty());
    }
}
