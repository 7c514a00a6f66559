use blob::fault::{give_up_at, meanwhile_at};
use blob::{
    Algorithm, Attributes, By, Checksum, Chosen, Complete, Condition, Error, ListUploads, Means, NewUpload,
    Part, Upload,
};
use bytes::Bytes;
use db::args;
use futures::{TryStreamExt, stream};
use model::{BucketName, UploadId};

use super::objects::handle_events;
use super::*;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn parts_become_an_object_without_being_written_again() {
    for store in stores().await {
        let bytes = noise(13 * MIB);
        let upload = begin(&store, "film", None).await;
        let mut chosen = Vec::new();
        // Sent out of order, with gaps in the numbers, one sent twice, one not used.
        for (number, range) in [(9, 10 * MIB..13 * MIB), (2, 5 * MIB..10 * MIB), (1, 0..5 * MIB)] {
            chosen.push(choose(&send(&store, &upload, number, &bytes[range]).await));
        }
        send(&store, &upload, 3, b"not used").await;
        send(&store, &upload, 2, &noise(100)).await;
        send(&store, &upload, 2, &bytes[5 * MIB..10 * MIB]).await;
        assert_eq!(store.files(), 4);
        chosen.sort_by_key(|c| c.number);
        let before = inodes(&store);
        let object = complete(&store, &upload, &chosen).await.unwrap();
        assert_eq!(store.files(), 3);
        assert!(inodes(&store).iter().all(|file| before.contains(file)));

        assert!(object.etag.ends_with("-3"), "{}", object.etag);
        assert_eq!((object.size, object.parts()), (bytes.len() as u64, Some(3)));
        assert_eq!(object.attributes, upload.attributes);
        assert_eq!(store.blob.head(&upload.bucket, &upload.key).await.unwrap(), object);
        let across = 5 * MIB - 10..10 * MIB + 10;
        let range = across.start as u64..across.end as u64;
        let pieces: Vec<Bytes> =
            store.blob.read(object.id, range).await.unwrap().try_collect().await.unwrap();
        assert!(pieces.concat() == bytes[across]);

        let parts = store.blob.object_parts(&object, 1, 1).await.unwrap();
        assert_eq!((parts.len(), parts[0].number, parts[0].range.clone()), (1, 2, 5 << 20..10 << 20));
        assert_eq!(store.blob.object_parts(&object, 2, 10).await.unwrap()[0].number, 9);

        // A client that did not get the answer asks again.
        assert_eq!(complete(&store, &upload, &chosen).await.unwrap(), object);
        let event = unhandled(&store.blob, 10).await.remove(0);
        assert_eq!(event.name(), "ObjectCreated:CompleteMultipartUpload");
        let late = store.blob.commit_part(upload.id, 1, staged(&store, b"x", None).await).await;
        assert!(matches!(late, Err(Error::NoSuchUpload(_))));
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_no_missing_upload() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let chosen = [choose(&send(&store, &upload, 1, b"x").await)];
        let object = complete(&store, &upload, &chosen).await.unwrap();
        let broken = "UPDATE objects SET checksum = 'nonsense' WHERE id = $1";
        store.test.db.execute(broken, args![object.id]).await.unwrap();
        let again = complete(&store, &upload, &chosen).await.unwrap_err();
        assert!(!matches!(again, Error::NoSuchUpload(_)), "{again}");

        let upload = begin(&store, "another", None).await;
        let broken = "UPDATE uploads SET object = 'nonsense' WHERE id = $1";
        store.test.db.execute(broken, args![upload.id]).await.unwrap();
        let part = store.blob.commit_part(upload.id, 1, staged(&store, b"x", None).await).await.unwrap_err();
        assert!(!matches!(part, Error::NoSuchUpload(_)), "{part}");
    }
}

#[tokio::test]
async fn wrong_lists_of_parts_are_refused_and_nothing_is_lost() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let one = choose(&send(&store, &upload, 1, &noise(5 * MIB - 1)).await);
        let two = choose(&send(&store, &upload, 2, b"end").await);
        let attempt = |parts: Vec<Chosen>| {
            let (store, upload) = (&store, &upload);
            async move { complete(store, upload, &parts).await }
        };
        let (a, b) = (|| one.clone(), || two.clone());
        assert!(matches!(attempt(vec![]).await, Err(Error::PartOrder)));
        assert!(matches!(attempt(vec![b(), a()]).await, Err(Error::PartOrder)));
        assert!(matches!(attempt(vec![a(), a()]).await, Err(Error::PartOrder)));
        assert!(matches!(attempt(vec![a(), b()]).await, Err(Error::PartTooSmall { number: 1, .. })));
        let three = Chosen { number: 3, ..a() };
        assert!(matches!(attempt(vec![a(), three]).await, Err(Error::InvalidPart(3))));
        let other = Chosen { etag: two.etag.clone(), ..a() };
        assert!(matches!(attempt(vec![other]).await, Err(Error::InvalidPart(1))));
        assert_eq!(store.blob.parts(upload.id, 0, 10).await.unwrap().parts.len(), 2);
        assert_eq!(attempt(vec![b()]).await.unwrap().size, 3);
        for number in [0, 10_001] {
            let part = store.blob.commit_part(upload.id, number, staged(&store, b"x", None).await).await;
            assert!(matches!(part, Err(Error::PartNumber(_))));
        }
    }
}

#[tokio::test]
async fn checksums_of_the_whole_are_made_of_those_of_the_parts() {
    for store in stores().await {
        let bytes = noise(6 * MIB);
        for (algorithm, composite) in [
            (Algorithm::Crc64Nvme, false),
            (Algorithm::Crc32, false),
            (Algorithm::Crc32, true),
            (Algorithm::Sha256, true),
        ] {
            let new = NewUpload { checksum: Some(algorithm), composite, ..new_upload("film") };
            let upload = store.blob.begin_upload(new).await.unwrap();
            let one = send(&store, &upload, 1, &bytes[..5 * MIB]).await;
            let two = send(&store, &upload, 2, &bytes[5 * MIB..]).await;
            let mut chosen = [choose(&one), choose(&two)];
            let wrong = Complete { checksum: Some(algorithm.of(b"x")), ..plan(&chosen) };
            let refused = store.blob.complete_upload(&upload.bucket, &upload.key, upload.id, wrong).await;
            assert!(matches!(refused, Err(Error::BadDigest(_))));
            chosen[0].checksum = Some(algorithm.of(b"x"));
            assert!(matches!(complete(&store, &upload, &chosen).await, Err(Error::InvalidPart(1))));
            chosen[0].checksum = one.checksum;
            let checksum: Checksum = complete(&store, &upload, &chosen).await.unwrap().checksum.unwrap();
            if composite {
                assert_eq!(checksum.composite, Some(2));
            } else {
                assert_eq!(checksum, algorithm.of(&bytes));
            }
            let object = store.blob.head(&upload.bucket, &upload.key).await.unwrap();
            let parts = store.blob.object_parts(&object, 0, 9).await.unwrap();
            assert_eq!(parts[1].checksum, Some(algorithm.of(&bytes[5 * MIB..])));
        }
    }
}

#[tokio::test]
async fn empty_parts_and_empty_uploads_work() {
    for store in stores().await {
        let upload = begin(&store, "empty", None).await;
        let part = choose(&send(&store, &upload, 1, b"").await);
        let object = complete(&store, &upload, &[part]).await.unwrap();
        assert_eq!(store.read(&object).await, b"");
        assert!(object.etag.ends_with("-1"));
    }
}

#[tokio::test]
async fn aborting_deletes_the_parts() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        send(&store, &upload, 1, b"part").await;
        let elsewhere = store.blob.abort_upload(&upload.bucket, &key("other"), upload.id).await;
        assert!(matches!(elsewhere, Err(Error::NoSuchUpload(_))));
        store.blob.abort_upload(&upload.bucket, &upload.key, upload.id).await.unwrap();
        assert_eq!(store.files(), 0);
        let again = store.blob.abort_upload(&upload.bucket, &upload.key, upload.id).await;
        assert!(matches!(again, Err(Error::NoSuchUpload(_))));
        let missing = store.blob.commit_part(UploadId::new(), 1, staged(&store, b"x", None).await).await;
        assert!(matches!(missing, Err(Error::NoSuchUpload(_))));
    }
}

#[tokio::test]
async fn what_was_committed_keeps_its_bytes_though_its_caller_stopped_waiting() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let part = store.blob.commit_part(upload.id, 1, staged(&store, &noise(100), None).await);
        assert!(give_up_at("part.committed", part).await);
        let object = store.blob.commit(staged(&store, &noise(100), None).await, client("object"));
        assert!(give_up_at("commit.committed", object).await);
        // Uploads that the caller abandons are deleted by another task, soon.
        for _ in 0..20 {
            store.put("time goes by", b"x").await;
        }
        assert_eq!(store.blob.parts(upload.id, 0, 9).await.unwrap().parts.len(), 1);
        let object = store.blob.head(&BucketName::source(), &key("object")).await.unwrap();
        assert_eq!(store.read(&object).await, noise(100));
        assert_eq!(store.blob.audit().await.unwrap().missing, 0, "a committed file is gone");
    }
}

#[tokio::test]
async fn what_is_done_is_answered_so_though_old_files_cannot_be_deleted() {
    for store in stores().await {
        // Nobody can delete a folder as a file.
        let spoil = || {
            for file in stored(&store.folder.path().join("blob")).iter().filter(|path| path.is_file()) {
                std::fs::remove_file(file).unwrap();
                std::fs::create_dir(file).unwrap();
            }
        };
        let upload = begin(&store, "film", None).await;
        send(&store, &upload, 1, b"first").await;
        spoil();
        let chosen = [choose(&send(&store, &upload, 1, b"second").await)];
        send(&store, &upload, 2, b"not used").await;
        spoil();
        complete(&store, &upload, &chosen).await.unwrap();

        let upload = begin(&store, "another", None).await;
        send(&store, &upload, 1, b"part").await;
        spoil();
        store.blob.abort_upload(&upload.bucket, &upload.key, upload.id).await.unwrap();

        store.put("film", b"instead").await;
        handle_events(&store).await;
        assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 1);
    }
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let part = choose(&send(&store, &upload, 1, b"part").await);
        let again = Blob::open_with(
            store.test.db.clone(),
            &store.folder.path().join("blob"),
            Config::default(),
            ring(),
        )
        .await
        .unwrap();
        again.sweep_disk(hours_from_now(100)).await.unwrap();
        assert_eq!(again.upload(&upload.bucket, &upload.key, upload.id).await.unwrap(), upload);
        let object =
            again.complete_upload(&upload.bucket, &upload.key, upload.id, plan(&[part])).await.unwrap();
        assert_eq!(again.read_to_vec(object.id, 0..4).await.unwrap(), b"part");
    }
}

#[tokio::test]
async fn uploads_and_parts_are_listed_in_pages() {
    for store in stores().await {
        let mut made = Vec::new();
        for name in ["a/1", "a/2", "b", "b", "c"] {
            made.push(begin(&store, name, None).await);
        }
        made.sort_by(|x, y| (&x.key, x.id).cmp(&(&y.key, y.id)));
        for limit in [1, 2, 10] {
            let mut seen = Vec::new();
            let mut list = ListUploads { limit, ..ListUploads::default() };
            loop {
                let page = store.blob.uploads(&BucketName::source(), &list).await.unwrap();
                seen.extend(page.uploads);
                list.after = page.next;
                if list.after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, made);
        }
        let list = ListUploads { delimiter: Some("/".into()), limit: 2, ..ListUploads::default() };
        let page = store.blob.uploads(&BucketName::source(), &list).await.unwrap();
        assert_eq!((page.prefixes, page.uploads.len()), (vec!["a/".to_owned()], 1));

        for number in [5, 1, 3] {
            send(&store, &made[0], number, b"x").await;
        }
        let page = store.blob.parts(made[0].id, 1, 1).await.unwrap();
        assert_eq!((page.parts[0].number, page.more), (3, true));
        let page = store.blob.parts(made[0].id, 3, 1).await.unwrap();
        assert_eq!((page.parts[0].number, page.more), (5, false));
    }
}

#[tokio::test]
async fn forgotten_uploads_are_swept() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        send(&store, &upload, 1, b"part").await;
        assert_eq!(store.blob.sweep(hours_from_now(24 * 6)).await.unwrap().uploads, 0);
        assert_eq!(store.blob.sweep(hours_from_now(24 * 8)).await.unwrap().uploads, 1);
        assert_eq!(store.files(), 0);

        let upload = begin(&store, "film", None).await;
        let part = choose(&send(&store, &upload, 1, b"part").await);
        let object = complete(&store, &upload, &[part]).await.unwrap();
        handle_events(&store).await;
        assert_eq!(store.blob.sweep(hours_from_now(25)).await.unwrap().uploads, 1);
        assert_eq!(store.read(&object).await, b"part");
    }
}

#[tokio::test]
async fn an_upload_is_not_forgotten_while_parts_come() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let old = args![upload.id, hours_from_now(-24 * 10)];
        store.test.db.execute("UPDATE uploads SET created_at = $2 WHERE id = $1", old).await.unwrap();
        send(&store, &upload, 1, b"part").await;
        assert_eq!(store.blob.sweep(hours_from_now(24 * 6)).await.unwrap().uploads, 0);
        assert_eq!(store.blob.sweep(hours_from_now(24 * 8)).await.unwrap().uploads, 1);
    }
}

#[tokio::test]
async fn a_part_that_comes_while_its_upload_is_swept_stays() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let old = args![upload.id, hours_from_now(-24 * 10)];
        store.test.db.execute("UPDATE uploads SET created_at = $2 WHERE id = $1", old).await.unwrap();
        let sweep = store.blob.sweep(hours_from_now(0));
        let (swept, part) = meanwhile_at("upload.looked", sweep, send(&store, &upload, 1, b"part")).await;
        assert_eq!(swept.unwrap().uploads, 0);
        let object = complete(&store, &upload, &[choose(&part)]).await.unwrap();
        assert_eq!(store.read(&object).await, b"part");
    }
}

#[tokio::test]
async fn a_part_that_comes_while_its_upload_is_given_up_stays() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let give_up = store.blob.abandon_upload(&upload.bucket, &upload.key, upload.id, hours_from_now(-1));
        let (given_up, part) =
            meanwhile_at("upload.looked", give_up, send(&store, &upload, 1, b"part")).await;
        assert!(!given_up.unwrap());
        let object = complete(&store, &upload, &[choose(&part)]).await.unwrap();
        assert_eq!(store.read(&object).await, b"part");
    }
}

#[tokio::test]
async fn what_is_completed_while_it_is_aborted_is_remembered() {
    for store in stores().await {
        let upload = begin(&store, "film", None).await;
        let chosen = [choose(&send(&store, &upload, 1, b"part").await)];
        let abort = store.blob.abort_upload(&upload.bucket, &upload.key, upload.id);
        let (aborted, object) =
            meanwhile_at("upload.looked", abort, complete(&store, &upload, &chosen)).await;
        assert!(matches!(aborted, Err(Error::NoSuchUpload(_))), "{aborted:?}");
        // Its client did not get the answer, and asks again.
        assert_eq!(complete(&store, &upload, &chosen).await.unwrap(), object.unwrap());
    }
}

fn new_upload(name: &str) -> NewUpload {
    NewUpload {
        bucket: BucketName::source(),
        key: key(name),
        attributes: Attributes::of_type("video/mp4"),
        checksum: None,
        composite: false,
    }
}

async fn begin(store: &Store, name: &str, checksum: Option<Algorithm>) -> Upload {
    store.blob.begin_upload(NewUpload { checksum, ..new_upload(name) }).await.unwrap()
}

async fn staged(store: &Store, bytes: &[u8], checksum: Option<Algorithm>) -> blob::Staged {
    let pieces: Vec<_> =
        bytes.chunks(60_000).map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect();
    store.blob.stage(stream::iter(pieces), Some(bytes.len() as u64), checksum).await.unwrap()
}

async fn send(store: &Store, upload: &Upload, number: u32, bytes: &[u8]) -> Part {
    let staged = staged(store, bytes, upload.checksum).await;
    store.blob.commit_part(upload.id, number, staged).await.unwrap()
}

fn choose(part: &Part) -> Chosen {
    Chosen { number: part.number, etag: part.etag(), checksum: None }
}

fn plan(parts: &[Chosen]) -> Complete {
    Complete {
        parts: parts.to_vec(),
        checksum: None,
        size: None,
        condition: Condition::None,
        by: By::Client(Means::CompleteMultipartUpload),
    }
}

async fn complete(store: &Store, upload: &Upload, parts: &[Chosen]) -> blob::Result<Object> {
    store.blob.complete_upload(&upload.bucket, &upload.key, upload.id, plan(parts)).await
}

fn inodes(store: &Store) -> Vec<(u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = |path: &PathBuf| std::fs::metadata(path).unwrap();
    let files = stored(&store.folder.path().join("blob"));
    files.iter().map(metadata).map(|m| (m.ino(), m.modified().unwrap())).collect()
}
