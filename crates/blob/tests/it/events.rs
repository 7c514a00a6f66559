use blob::{Actor, By, Condition, Means, New};
use model::BucketName;

use super::*;

#[tokio::test]
async fn clients_writes_leave_events_in_s3s_shape() {
    for store in stores().await {
        let mut hints = store.blob.hints();
        hints.mark_unchanged();
        let film = store.put("films/a b+c.mp4", b"bytes").await;
        assert!(hints.has_changed().unwrap());
        store
            .blob
            .copy(film.id, New::named(film.bucket.clone(), key("copy"), By::Client(Means::Copy)))
            .await
            .unwrap();
        store.blob.delete(&film.bucket, &film.key, &Condition::None, Actor::Client).await.unwrap();
        let nothing = store.blob.delete(&film.bucket, &film.key, &Condition::None, Actor::Client);
        assert_eq!(nothing.await.unwrap(), None);

        let events = unhandled(&store.blob, 10).await;
        let names: Vec<_> = events.iter().map(|e| e.name()).collect();
        assert_eq!(names, ["ObjectCreated:Put", "ObjectCreated:Copy", "ObjectRemoved:Delete"]);
        let first = &events[0];
        assert_eq!((&first.key, first.object, first.is_creation()), (&film.key, film.id, true));
        let record = &first.record;
        assert_eq!(record["eventVersion"], "2.1");
        assert_eq!(record["eventSource"], "aws:s3");
        assert_eq!(record["s3"]["bucket"]["name"], "source");
        assert_eq!(record["s3"]["object"]["key"], "films/a+b%2Bc.mp4");
        assert_eq!(record["s3"]["object"]["size"], 5);
        assert_eq!(record["s3"]["object"]["eTag"], film.etag);
        let time = record["eventTime"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        assert_eq!(events[2].object, film.id);
        assert!(events[2].record["s3"]["object"].get("eTag").is_none());
    }
}

#[tokio::test]
async fn own_writes_leave_none() {
    for store in stores().await {
        let own = store.blob.put("chunk", own("v0/0")).await.unwrap();
        store.blob.put("in source", New { by: By::Kinora, ..client("sample") }).await.unwrap();
        store.blob.delete(&BucketName::media(), &own.key, &Condition::None, Actor::Kinora).await.unwrap();
        assert_eq!(unhandled(&store.blob, 10).await, []);
    }
}

#[tokio::test]
async fn sequencers_of_a_key_ascend() {
    for store in stores().await {
        for n in 0..5 {
            store.put("film", &[n]).await;
            let (bucket, key) = (BucketName::source(), key("film"));
            store.blob.delete(&bucket, &key, &Condition::None, Actor::Client).await.unwrap();
        }
        let events = unhandled(&store.blob, 100).await;
        let of = |e: &blob::events::Event| e.record["s3"]["object"]["sequencer"].as_str().unwrap().to_owned();
        assert!(events.windows(2).all(|pair| of(&pair[0]) < of(&pair[1])));
        assert_eq!(events.len(), 10);
        assert_eq!(unhandled(&store.blob, 3).await, events[..3]);
    }
}

#[tokio::test]
async fn an_event_is_handled_once() {
    for store in stores().await {
        store.put("film", b"x").await;
        let event = unhandled(&store.blob, 1).await.remove(0);
        let handle = async |commit: bool| {
            let mut tx = store.test.db.begin().await.unwrap();
            let first = store.blob.subscriber(PIPELINE).mark_handled(&mut tx, event.id).await.unwrap();
            if commit {
                tx.commit().await.unwrap();
            }
            first
        };
        assert!(handle(false).await);
        assert!(handle(true).await);
        assert!(!handle(true).await);
        assert_eq!(unhandled(&store.blob, 1).await, []);
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_takes_no_other_with_it() {
    for store in stores().await {
        for n in 0..5 {
            store.put(&n.to_string(), b"x").await;
        }
        let sql = "UPDATE events SET record = 'none' WHERE key = $1";
        store.test.db.execute(sql, db::args![b"1".as_slice()]).await.unwrap();
        let (mut behind, mut read) = (None, Vec::new());
        loop {
            let page = store.blob.subscriber(PIPELINE).events(behind, 2).await.unwrap();
            let Some((place, _)) = page.last() else { break };
            behind = Some(*place);
            read.extend(page.into_iter().map(|(_, event)| event.ok().map(|e| e.key.to_string())));
        }
        assert_eq!(
            read.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("0"), None, Some("2"), Some("3"), Some("4")]
        );
    }
}

async fn handle(store: &Store, by: &Subscriber, event: &Event) -> bool {
    let mut tx = store.test.db.begin().await.unwrap();
    let first = by.mark_handled(&mut tx, event.id).await.unwrap();
    tx.commit().await.unwrap();
    first
}

#[tokio::test]
async fn every_subscriber_handles_every_event_once() {
    for store in stores().await {
        store.put("before", b"x").await;
        let other = store.blob.subscribe("other").await.unwrap();
        store.put("film", b"x").await;
        // Registering again, as every start does, neither loses nor repeats anything.
        let again = store.blob.subscribe("other").await.unwrap();
        let pipeline = store.blob.subscriber(PIPELINE);
        let keys = async |by: &Subscriber| {
            let events = unhandled_by(by, 10).await;
            events.into_iter().map(|event| event.key.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(keys(&pipeline).await, ["before", "film"]);
        assert_eq!(keys(&again).await, ["film"]);

        let film = unhandled_by(&other, 1).await.remove(0);
        assert!(handle(&store, &other, &film).await);
        assert!(!handle(&store, &again, &film).await);
        assert_eq!(keys(&other).await, [""; 0]);
        assert_eq!(keys(&pipeline).await, ["before", "film"]);
        assert!(handle(&store, &pipeline, &film).await);
        assert_eq!(keys(&pipeline).await, ["before"]);
        // A subscriber that never registered gets nothing.
        assert_eq!(keys(&store.blob.subscriber("stranger")).await, [""; 0]);
    }
}

#[tokio::test]
async fn bytes_and_events_stay_until_all_subscribers_have_handled_them() {
    for store in stores().await {
        let other = store.blob.subscribe("other").await.unwrap();
        let (third, pipeline) =
            (store.blob.subscribe("third").await.unwrap(), store.blob.subscriber(PIPELINE));
        let film = store.put("film", b"bytes").await;
        store.blob.delete(&film.bucket, &film.key, &Condition::None, Actor::Kinora).await.unwrap();
        let event = unhandled(&store.blob, 1).await.remove(0);
        let swept = async || {
            let swept = store.blob.sweep(hours_from_now(24 * 365)).await.unwrap();
            (swept.objects, swept.events)
        };
        assert_eq!(swept().await, (0, 0));
        assert!(handle(&store, &pipeline, &event).await);
        assert_eq!(swept().await, (0, 0));
        assert!(handle(&store, &other, &event).await);
        assert_eq!(store.read(&film).await, b"bytes");
        assert_eq!(swept().await, (0, 0));
        // Nothing waits for a subscriber that has left.
        third.leave().await.unwrap();
        assert_eq!(swept().await, (1, 1));
        assert!(store.blob.object(film.id).await.is_err());
    }
}

#[tokio::test]
async fn what_was_handled_before_there_were_subscribers_stays_handled() {
    let steps = blob::MIGRATIONS.steps;
    let step = steps.iter().position(|(name, _)| *name == "subscribers of events").unwrap();
    let before = db::Migrations { steps: &steps[..step], ..blob::MIGRATIONS };
    for test in db::testing::databases(&[before]).await {
        let sql = "INSERT INTO events (id, sequence, bucket, key, object, record, created_at, handled_at)
            VALUES ($1, $2, 'source', $3, $4, '{}', 5, $5)";
        let ids = [model::EventId::new(), model::EventId::new()];
        for (id, n, handled) in [(ids[0], 1, Some(7_i64)), (ids[1], 2, None)] {
            let object = model::ObjectId::new();
            test.db.execute(sql, db::args![id, n, b"film".as_slice(), object, handled]).await.unwrap();
        }
        test.db.migrate(&[blob::MIGRATIONS]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let blob = Blob::open(test.db.clone(), &folder.path().join("blob")).await.unwrap();
        let left = unhandled(&blob, 10).await;
        assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), [ids[1]]);
    }
}
