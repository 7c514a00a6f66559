use blob::fault::meanwhile_at;
use blob::{Actor, Condition, Swept};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::objects::handle_events;
use super::*;

#[tokio::test]
async fn overwritten_bytes_stay_until_nothing_needs_them() {
    for store in stores().await {
        let later = hours_from_now(1);
        let first = store.put("film", &noise(600_000)).await;
        store.put("film", b"second").await;
        // Its event is not handled.
        assert_eq!(store.blob.sweep(later).await.unwrap().objects, 0);
        handle_events(&store).await;

        let hold = async |hold: bool| {
            let mut tx = store.test.db.begin().await.unwrap();
            match hold {
                true => blob::hold(&mut tx, first.id).await.unwrap(),
                false => blob::release(&mut tx, first.id).await.unwrap(),
            }
            tx.commit().await.unwrap();
        };
        hold(true).await;
        hold(true).await;
        hold(false).await;
        assert_eq!(store.blob.sweep(later).await.unwrap().objects, 0);
        hold(false).await;
        hold(false).await;

        let mut reader = store.blob.read(first.id, 0..first.size).await.unwrap();
        reader.next().await.unwrap().unwrap();
        assert_eq!(store.blob.sweep(later).await.unwrap().objects, 0);
        drop(reader);
        assert_eq!(store.blob.sweep(later).await.unwrap().objects, 1);
        assert_eq!(store.files(), 1);
        assert!(store.blob.object(first.id).await.is_err());
        let mut tx = store.test.db.begin().await.unwrap();
        assert!(matches!(blob::hold(&mut tx, first.id).await, Err(blob::Error::NoSuchObject(_))));
    }
}

#[tokio::test]
async fn who_begins_to_read_while_an_object_is_deleted_gets_all_of_it() {
    for store in stores().await {
        let bytes = noise(600_000);
        let first = store.put("film", &bytes).await;
        let copy = store.blob.copy(first.id, own("copy")).await.unwrap();
        store.put("film", b"second").await;
        handle_events(&store).await;
        let sweep = store.blob.sweep(hours_from_now(1));
        let read = store.blob.read(first.id, 0..first.size);
        let (swept, reader) = meanwhile_at("sweep.looked", sweep, read).await;
        assert_eq!(swept.unwrap().objects, 1);
        // The reader has opened nothing yet; its file is the copy's too, until that goes.
        store.blob.delete(&copy.bucket, &copy.key, &Condition::None, Actor::Kinora).await.unwrap();
        assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 1);
        assert_eq!(store.blob.sweep_disk(hours_from_now(2)).await.unwrap().files, 0);
        let pieces: Vec<Bytes> = reader.unwrap().try_collect().await.unwrap();
        assert!(pieces.concat() == bytes);
        assert!(matches!(store.blob.read(first.id, 0..1).await, Err(blob::Error::NoSuchObject(_))));
        assert_eq!(store.blob.sweep_disk(hours_from_now(2)).await.unwrap().files, 1);
        assert_eq!(store.files(), 1);
    }
}

#[tokio::test]
async fn who_begins_to_read_while_a_files_last_object_is_deleted_gets_all_of_it() {
    for store in stores().await {
        for point in ["sweep.looked", "sweep.left"] {
            let bytes = noise(600_000);
            let first = store.put("film", &bytes).await;
            store.put("film", b"second").await;
            handle_events(&store).await;
            let sweep = store.blob.sweep(hours_from_now(1));
            let read = store.blob.read(first.id, 0..first.size);
            let (swept, reader) = meanwhile_at(point, sweep, read).await;
            assert_eq!(swept.unwrap().objects, 1, "{point}");
            // It opens the file now.
            let pieces: Vec<Bytes> = reader.unwrap().try_collect().await.unwrap();
            assert!(pieces.concat() == bytes, "{point}");
            assert_eq!(store.blob.sweep_disk(hours_from_now(2)).await.unwrap().files, 1, "{point}");
            store.blob.delete(&first.bucket, &first.key, &Condition::None, Actor::Kinora).await.unwrap();
            assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 1, "{point}");
            assert_eq!(store.files(), 0, "what nobody reads goes at once");
        }
    }
}

#[tokio::test]
async fn current_objects_are_never_swept() {
    for store in stores().await {
        let film = store.put("film", b"x").await;
        handle_events(&store).await;
        assert_eq!(store.blob.sweep(hours_from_now(24 * 365)).await.unwrap().objects, 0);
        assert_eq!(store.blob.sweep_disk(hours_from_now(24 * 365)).await.unwrap(), Swept::default());
        assert_eq!(store.read(&film).await, b"x");
    }
}

#[tokio::test]
async fn bytes_linger_for_readers_elsewhere() {
    for store in stores().await {
        let config = Config { linger_seconds: 7200, ..Config::default() };
        let root = store.folder.path().join("blob");
        let blob = Blob::open_with(store.test.db.clone(), &root, config, ring()).await.unwrap();
        let own = blob.put("x", own("a")).await.unwrap();
        blob.delete(&own.bucket, &own.key, &Condition::None, Actor::Kinora).await.unwrap();
        assert_eq!(blob.sweep(hours_from_now(1)).await.unwrap().objects, 0);
        assert_eq!(blob.sweep(hours_from_now(3)).await.unwrap().objects, 1);
    }
}

#[tokio::test]
async fn an_own_object_is_discarded_by_its_id() {
    for store in stores().await {
        let old = store.blob.put("x", own("a")).await.unwrap();
        let new = store.blob.put("y", own("a")).await.unwrap();
        let mut tx = store.test.db.begin().await.unwrap();
        blob::discard(&mut tx, old.id).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.blob.head(&new.bucket, &new.key).await.unwrap().id, new.id);
        let mut tx = store.test.db.begin().await.unwrap();
        blob::discard(&mut tx, new.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(store.blob.head(&new.bucket, &new.key).await, Err(blob::Error::NoSuchKey)));
        assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 2);
        assert_eq!(store.files(), 0);
    }
}

#[tokio::test]
async fn files_without_rows_are_found_but_not_at_once() {
    for store in stores().await {
        let film = store.put("film", b"x").await;
        let root = store.folder.path().join("blob");
        std::fs::write(root.join("tmp/0123"), "half").unwrap();
        std::fs::write(root.join("ab").join(format!("ab{}", "0".repeat(30))), "orphan").unwrap();
        std::fs::write(root.join("ab/README"), "not ours").unwrap();
        assert_eq!(store.blob.sweep_disk(hours_from_now(0)).await.unwrap().files, 0);
        assert_eq!(store.blob.sweep_disk(hours_from_now(2)).await.unwrap().files, 2);
        assert_eq!(store.files(), 2);
        assert_eq!(store.read(&film).await, b"x");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_deleted_keeps_no_other() {
    for store in stores().await {
        store.put("film", b"x").await;
        let root = store.folder.path().join("blob");
        let name = |folder: &str| root.join(folder).join(format!("{folder}{}", "0".repeat(30)));
        // Nobody deletes a folder as a file, not even root.
        for stuck in [root.join("tmp/0123"), name("03"), name("7f")] {
            std::fs::create_dir(stuck).unwrap();
        }
        for left in [root.join("tmp/4567"), name("ab"), root.join("03").join(format!("03{}", "1".repeat(30)))]
        {
            std::fs::write(left, "left").unwrap();
        }
        let swept = store.blob.sweep_disk(hours_from_now(2)).await.unwrap();
        assert_eq!(swept, Swept { files: 3, stuck: 3, ..Swept::default() });
        assert_eq!(store.files(), 4);
        std::fs::remove_dir(name("7f")).unwrap();
        let swept = store.blob.sweep_disk(hours_from_now(2)).await.unwrap();
        assert_eq!(swept, Swept { stuck: 2, ..Swept::default() });
    }
}

#[tokio::test]
async fn rows_that_cannot_be_swept_keep_no_file() {
    for store in stores().await {
        let left = store.folder.path().join("blob/tmp/0123");
        std::fs::write(&left, "half").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        std::fs::File::options().write(true).open(&left).unwrap().set_modified(old).unwrap();
        store.test.db.execute("ALTER TABLE events RENAME TO gone", db::args![]).await.unwrap();
        assert!(store.blob.sweep(hours_from_now(0)).await.is_err());
        // One round.
        let shutdown = tokio_util::sync::CancellationToken::new();
        shutdown.cancel();
        store.blob.sweeper().run(shutdown).await;
        assert!(!left.exists());
    }
}

#[tokio::test]
async fn what_nobody_writes_any_more_goes_at_once() {
    for store in stores().await {
        let film = store.put("film", b"x").await;
        let root = store.folder.path().join("blob");
        std::fs::write(root.join("tmp/0123"), "half").unwrap();
        std::fs::write(root.join("ab").join(format!("ab{}", "0".repeat(30))), "staged").unwrap();
        let half = store.blob.half_written().await.unwrap();
        std::fs::write(root.join("tmp/4567"), "begun since then").unwrap();
        assert_eq!(half.delete().await.unwrap().files, 1);
        assert!(root.join("tmp/4567").exists());
        assert_eq!(store.files(), 3, "a whole file waits for its row");
        assert_eq!(store.read(&film).await, b"x");
    }
}

#[tokio::test]
async fn handled_events_go_after_a_week() {
    for store in stores().await {
        store.put("film", b"x").await;
        handle_events(&store).await;
        assert_eq!(store.blob.sweep(hours_from_now(24 * 6)).await.unwrap().events, 0);
        assert_eq!(store.blob.sweep(hours_from_now(24 * 8)).await.unwrap().events, 1);
    }
}

#[tokio::test]
async fn the_sweeper_stops_when_told() {
    let store = stores().await.remove(0);
    let shutdown = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(store.blob.sweeper().run(shutdown.clone()));
    shutdown.cancel();
    tokio::time::timeout(std::time::Duration::from_secs(60), running).await.expect("it goes on").unwrap();
}

#[tokio::test]
async fn an_audit_counts_what_is_missing_and_what_is_left_over() {
    for store in stores().await {
        let film = store.put("film", b"x").await;
        store.put("another", b"y").await;
        let whole = store.blob.audit().await.unwrap();
        assert_eq!(whole, blob::Audit { files: 2, ..Default::default() });

        let root = store.folder.path().join("blob");
        std::fs::write(root.join("tmp").join("half"), b"x").unwrap();
        let stray = "ab".repeat(16);
        std::fs::write(root.join("ab").join(&stray), b"x").unwrap();
        let sql = "SELECT file FROM parts WHERE object = $1";
        let file: String = store.test.db.one(sql, db::args![film.id]).await.unwrap().get("file").unwrap();
        std::fs::remove_file(root.join(&file[..2]).join(&file)).unwrap();
        let found = store.blob.audit().await.unwrap();
        assert_eq!(found, blob::Audit { files: 2, missing: 1, named: vec![file], strays: 2 });
    }
}
