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
            let first = blob::events::mark_handled(&mut tx, event.id).await.unwrap();
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
            let page = store.blob.events(behind, 2).await.unwrap();
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
