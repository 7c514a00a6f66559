use blob::{Actor, Algorithm, Attributes, By, Condition, Error, List, Means, New};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use model::{BucketName, ObjectId};

use super::*;

#[tokio::test]
async fn what_was_put_is_read_back_with_its_etag_and_attributes() {
    for store in stores().await {
        for length in [0, 1, 1000, 3 << 20] {
            let bytes = noise(length);
            let mut new = client("a film.mp4");
            new.attributes = Attributes::of_type("video/mp4");
            new.attributes.metadata.insert("who".into(), "me".into());
            let object = store.blob.put(bytes.clone(), new).await.unwrap();
            assert_eq!(store.read(&object).await, bytes);
            let head = store.blob.head(&BucketName::source(), &key("a film.mp4")).await.unwrap();
            assert_eq!(head, object);
            assert_eq!(store.blob.object(object.id).await.unwrap(), object);
            assert_eq!(head.attributes.metadata["who"], "me");
        }
        let empty = store.blob.put("", own("empty")).await.unwrap();
        assert_eq!((empty.size, empty.etag.as_str()), (0, "d41d8cd98f00b204e9800998ecf8427e"));
    }
}

#[tokio::test]
async fn keys_are_never_normalised() {
    for store in stores().await {
        let names = [
            "a//b", "a/b", "a/./b", "a/../b", "/a/b", "a/b/", "ü", "u\u{308}", "a\nb", " ", "+", "%2F", "A/b",
        ];
        for name in names {
            store.put(name, name.as_bytes()).await;
        }
        for name in names {
            let object = store.blob.head(&BucketName::source(), &key(name)).await.unwrap();
            assert_eq!(store.read(&object).await, name.as_bytes());
        }
    }
}

#[tokio::test]
async fn ranges_are_exact() {
    for store in stores().await {
        let (config, folder) =
            (Config { sealed: false, ..Config::default() }, store.folder.path().join("blob"));
        let clear = Blob::open_with(store.test.db.clone(), &folder, config, ring()).await.unwrap();
        for blob in [&store.blob, &clear] {
            ranges_are_exact_in(blob).await;
        }
    }
}

async fn ranges_are_exact_in(blob: &Blob) {
    let bytes = noise(700_000);
    let object = blob.put(bytes.clone(), client("film")).await.unwrap();
    let ranges = [0..0, 0..1, 5..300_000, 262_144..262_145, 699_999..700_000, 0..700_000, 700_000..700_000];
    for range in ranges.into_iter().chain([0..65_000, 65_400..65_700, 60_000..190_000, 600_000..700_000]) {
        let expected = &bytes[range.start as usize..range.end as usize];
        // Bytes that were just read are in the system's memory.
        for _ in 0..2 {
            assert_eq!(blob.read_to_vec(object.id, range.clone()).await.unwrap(), expected);
        }
        let reader = blob.read(object.id, range.clone()).await.unwrap();
        assert_eq!(reader.length(), range.end - range.start);
        let pieces: Vec<Bytes> = reader.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), expected);
    }
    for range in [0..700_001, 700_001..700_001] {
        assert!(matches!(blob.read(object.id, range.clone()).await, Err(Error::Range { size: 700_000 })));
        assert!(matches!(blob.read_to_vec(object.id, range).await, Err(Error::Range { size: 700_000 })));
    }
    let nobody = ObjectId::new();
    assert!(matches!(blob.read(nobody, 0..0).await, Err(Error::NoSuchObject(id)) if id == nobody));
}

#[tokio::test]
async fn a_key_names_the_last_write_and_ids_stay() {
    for store in stores().await {
        let first = store.put("film", b"first").await;
        let second = store.put("film", b"second").await;
        assert_ne!(first.id, second.id);
        assert_eq!(store.blob.head(&BucketName::source(), &key("film")).await.unwrap().id, second.id);
        assert_eq!(store.read(&first).await, b"first");
    }
}

#[tokio::test]
async fn conditions_decide_in_the_same_transaction() {
    for store in stores().await {
        let when = |condition| New { condition, ..client("film") };
        let put = |condition| store.blob.put("x", when(condition));
        let etag = |text: &str| Condition::Etag(text.into());
        assert!(matches!(put(etag("0")).await, Err(Error::NoSuchKey)));
        let first = put(Condition::Absent).await.unwrap();
        assert!(matches!(put(Condition::Absent).await, Err(Error::Precondition)));
        assert!(matches!(put(etag("0")).await, Err(Error::Precondition)));
        put(etag(&first.etag)).await.unwrap();
        put(Condition::Present).await.unwrap();
        assert!(matches!(put(Condition::NotEtag(first.etag.clone())).await, Err(Error::Precondition)));
        put(Condition::NotEtag("0".into())).await.unwrap();
    }
}

#[tokio::test]
async fn of_many_writers_who_want_to_be_first_one_is() {
    for store in stores().await {
        let put = |n: u8| {
            let blob = store.blob.clone();
            let new = New { condition: Condition::Absent, ..client("lock") };
            async move { blob.put(vec![n; 10], new).await }
        };
        let all: Vec<_> = stream::iter(0..20).map(put).buffer_unordered(20).collect().await;
        assert_eq!(all.iter().filter(|r| r.is_ok()).count(), 1, "{:?}", store.test.engine());
        assert!(all.iter().all(|r| matches!(r, Ok(_) | Err(Error::Precondition))));

        let put = |n: u8| {
            let blob = store.blob.clone();
            async move { blob.put(vec![n; 10], client("race")).await }
        };
        let all: Vec<_> = stream::iter(0..20).map(put).buffer_unordered(20).collect().await;
        assert!(all.iter().all(Result::is_ok), "{:?}", store.test.engine());
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_the_sender_meant_are_refused() {
    for store in stores().await {
        let pieces = || stream::iter([Ok::<_, std::io::Error>(Bytes::from("film"))]);
        let stage = |length| store.blob.stage(pieces(), length, Some(Algorithm::Sha256));
        assert!(matches!(stage(Some(3)).await, Err(Error::WrongLength { expected: 3, got: 4 })));
        assert!(matches!(stage(Some(5)).await, Err(Error::WrongLength { expected: 5, got: 4 })));
        let staged = stage(Some(4)).await.unwrap();
        staged.expect(None, Some(&Algorithm::Sha256.of(b"film"))).unwrap();
        let other = Algorithm::Sha256.of(b"firm");
        assert!(matches!(staged.expect(None, Some(&other)), Err(Error::BadDigest("checksum"))));
        assert!(matches!(staged.expect(Some([0; 16]), None), Err(Error::BadDigest("MD5"))));
        let object = store.blob.commit(staged, client("film")).await.unwrap();
        assert_eq!(object.checksum, Some(Algorithm::Sha256.of(b"film")));
        assert_eq!(store.blob.head(&object.bucket, &object.key).await.unwrap(), object);

        let broken = stream::iter([Ok(Bytes::from("film")), Err(std::io::Error::other("reset"))]);
        assert!(matches!(store.blob.stage(broken, None, None).await, Err(Error::Incoming(_))));
    }
}

#[tokio::test]
async fn what_is_not_committed_leaves_no_file() {
    for store in stores().await {
        let staged = stage(&store, b"gone").await;
        assert_eq!(store.files(), 1);
        drop(staged);
        let mut writer = store.blob.writer(Some(10), None).await.unwrap();
        writer.write("gone".into()).await.unwrap();
        drop(writer);
        let refused = New { condition: Condition::Present, ..client("nothing") };
        assert!(store.blob.put("gone", refused).await.is_err());
        let nowhere = New::named("nowhere".parse().unwrap(), key("a"), By::Kinora);
        assert!(matches!(store.blob.put("gone", nowhere).await, Err(Error::NoSuchBucket(_))));
        // Files go on another thread.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while store.files() > 0 {
            assert!(std::time::Instant::now() < end, "{} files stay", store.files());
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

async fn stage(store: &Store, bytes: &'static [u8]) -> blob::Staged {
    let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(bytes))]);
    store.blob.stage(pieces, None, None).await.unwrap()
}

#[tokio::test]
async fn an_object_and_other_rows_commit_together() {
    for store in stores().await {
        let mut tx = store.test.db.begin().await.unwrap();
        let object = store.blob.commit_in(&mut tx, stage(&store, b"chunk").await, own("v0/0")).await.unwrap();
        drop(tx);
        assert!(matches!(store.blob.object(object.id).await, Err(Error::NoSuchObject(_))));
        let mut tx = store.test.db.begin().await.unwrap();
        let object = store.blob.commit_in(&mut tx, stage(&store, b"chunk").await, own("v0/0")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read(&object).await, b"chunk");
    }
}

#[tokio::test]
async fn a_copy_shares_files_and_outlives_its_source() {
    for store in stores().await {
        let source = store.put("film", b"bytes").await;
        let new = New::named(BucketName::source(), key("copy"), By::Client(Means::Copy));
        let copy = store.blob.copy(source.id, new).await.unwrap();
        assert_eq!((copy.size, &copy.etag), (source.size, &source.etag));
        assert_eq!(store.files(), 1);
        store.blob.delete(&source.bucket, &source.key, &Condition::None, Actor::Kinora).await.unwrap();
        handle_events(&store).await;
        assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 1);
        assert!(store.blob.object(source.id).await.is_err());
        assert_eq!(store.read(&copy).await, b"bytes");
        let gone = store.blob.copy(source.id, client("again")).await;
        assert!(matches!(gone, Err(Error::NoSuchObject(_))));
    }
}

pub(crate) async fn handle_events(store: &Store) {
    for event in unhandled(&store.blob, 100).await {
        let mut tx = store.test.db.begin().await.unwrap();
        assert!(store.blob.subscriber(PIPELINE).mark_handled(&mut tx, event.id).await.unwrap());
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    for store in stores().await {
        for name in ["a", "b", "c"] {
            store.put(name, b"x").await;
        }
        let keys = ["c", "nothing", "a", "a"].map(key);
        let count = store.blob.delete_all(&BucketName::source(), &keys, Actor::Client).await.unwrap();
        assert_eq!(count, 2);
        let left =
            store.blob.list(&BucketName::source(), &List { limit: 9, ..List::default() }).await.unwrap();
        assert_eq!(left.entries.len(), 1);
        let whole = store.blob.object_parts(&store.put("d", b"1234").await, 0, 9).await.unwrap();
        assert_eq!((whole.len(), whole[0].number, whole[0].range.clone()), (1, 1, 0..4));
    }
}

#[tokio::test]
async fn buckets_come_and_go_but_ours_stay() {
    for store in stores().await {
        let name: BucketName = "films".parse().unwrap();
        store.blob.create_bucket(&name, blob::Region::default()).await.unwrap();
        assert!(matches!(
            store.blob.create_bucket(&name, blob::Region::default()).await,
            Err(Error::BucketExists(_))
        ));
        let names = store.blob.buckets().await.unwrap();
        let names: Vec<_> = names.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(names, ["films", "media", "source"]);
        store.blob.put("x", New::named(name.clone(), key("a"), By::Kinora)).await.unwrap();
        assert!(matches!(store.blob.delete_bucket(&name).await, Err(Error::BucketNotEmpty(_))));
        store.blob.delete(&name, &key("a"), &Condition::None, Actor::Kinora).await.unwrap().unwrap();
        store.blob.delete_bucket(&name).await.unwrap();
        assert!(matches!(store.blob.delete_bucket(&name).await, Err(Error::NoSuchBucket(_))));
        assert!(matches!(store.blob.head(&name, &key("a")).await, Err(Error::NoSuchBucket(_))));
        let ours = store.blob.delete_bucket(&BucketName::media()).await;
        assert!(matches!(ours, Err(Error::BucketStays(_))));
    }
}

#[tokio::test]
async fn the_reserve_of_free_space_is_kept() {
    let store = stores().await.remove(0);
    let config = Config { reserve_bytes: Some(u64::MAX / 2), ..Config::default() };
    let root = store.folder.path().join("full");
    let blob = Blob::open_with(store.test.db.clone(), &root, config, ring()).await.unwrap();
    let refused = blob.put("x", client("film")).await.unwrap_err();
    assert!(matches!(refused, Error::NoSpace { .. }) && model::fault::is_full(&refused), "{refused:?}");
    assert!(matches!(blob.writer(Some(1 << 60), None).await, Err(Error::TooLarge { .. })));
    assert_eq!(blob.available().await.unwrap(), 0);
}
