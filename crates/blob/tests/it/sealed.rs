//! Stored bytes on disk, and the reaction when they are damaged.

use std::ops::Range;
use std::path::PathBuf;

use blob::{Actor, By, Chosen, Complete, Condition, Error, NewUpload};
use db::{Migrations, args};
use futures::StreamExt;
use seal::{KeyRing, Purpose, Renewed};

use super::*;

const SEGMENT: u64 = 65_536;

impl Store {
    /// Opens the same store with other settings or keys.
    async fn again(&self, sealed: bool, keys: Option<KeyRing>) -> Blob {
        let config = Config { sealed, ..Config::default() };
        let root = self.folder.path().join("blob");
        Blob::open_with(self.test.db.clone(), &root, config, keys).await.unwrap()
    }

    /// The stored files of an object, in order.
    async fn stored(&self, object: &Object) -> Vec<PathBuf> {
        let sql = "SELECT file FROM parts WHERE object = $1 ORDER BY number";
        let rows = self.test.db.all(sql, args![object.id]).await.unwrap();
        let path = |id: String| self.folder.path().join("blob").join(&id[..2]).join(id);
        rows.iter().map(|row| path(row.get("file").unwrap())).collect()
    }

    async fn check(&self, object: &Object, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let whole = self.blob.read_to_vec(object.id, range.clone()).await;
        // The stream says the same.
        let mut reader = self.blob.read(object.id, range).await.unwrap();
        let mut streamed = Ok(Vec::new());
        while let Some(piece) = reader.next().await {
            match (piece, &mut streamed) {
                (Ok(piece), Ok(all)) => all.extend_from_slice(&piece),
                (Ok(_), Err(_)) => panic!("bytes after an error"),
                (Err(e), _) => streamed = Err(e),
            }
        }
        assert_eq!(whole.as_ref().ok(), streamed.as_ref().ok());
        whole
    }
}

fn contains(path: &PathBuf, marker: &[u8]) -> bool {
    std::fs::read(path).unwrap().windows(marker.len()).any(|window| window == marker)
}

#[tokio::test]
async fn nothing_on_disk_shows_what_was_written() {
    for store in stores().await {
        let marker = b"a marker that is nowhere else";
        let object = store.put("film", &marker.repeat(10_000)).await;
        let [path] = &store.stored(&object).await[..] else { panic!("one file") };
        assert!(!contains(path, marker));
        assert_eq!(std::fs::metadata(path).unwrap().len(), seal::stream::stored_length(object.size));
        assert_eq!(object.size, 290_000);

        let clear = store.again(false, None).await.put(marker.repeat(2), client("clear")).await.unwrap();
        assert!(contains(&store.stored(&clear).await[0], marker), "the test can see plaintext");
    }
}

#[tokio::test]
async fn clear_and_sealed_objects_live_side_by_side() {
    for store in stores().await {
        let clear_store = store.again(false, None).await;
        let clear = clear_store.put(noise(300_000), client("old")).await.unwrap();
        let sealed = store.put("new", &noise(300_000)).await;
        assert_eq!((&clear.etag, clear.size), (&sealed.etag, sealed.size));
        for object in [&clear, &sealed] {
            assert!(store.read(object).await == noise(300_000));
        }
        // A copy shares the file and its key.
        let copy = store.blob.copy(sealed.id, own("copy")).await.unwrap();
        assert!(store.read(&copy).await == noise(300_000));
        assert_eq!(store.stored(&copy).await, store.stored(&sealed).await);

        // Without its ring the store still serves what is clear, and says why it does not serve the rest.
        assert!(clear_store.read_to_vec(clear.id, 0..9).await.is_ok());
        assert!(matches!(clear_store.read_to_vec(sealed.id, 0..9).await, Err(Error::NoKeys)));
        let other = store.again(true, Some(seal::testing::ring(9))).await;
        assert!(matches!(other.read_to_vec(sealed.id, 0..9).await, Err(Error::Keys(seal::Error::Open))));
        let root = store.folder.path().join("blob");
        let refused = Blob::open_with(store.test.db.clone(), &root, Config::default(), None).await;
        assert!(matches!(refused, Err(Error::NoKeys)));
    }
}

#[tokio::test]
async fn a_store_from_before_sealing_opens_and_goes_on() {
    const BEFORE: Migrations = Migrations { owner: "blob", steps: blob::MIGRATIONS.steps.split_at(1).0 };
    for test in db::testing::databases(&[BEFORE]).await {
        let folder = tempfile::tempdir().unwrap();
        let (root, file) = (folder.path().join("blob"), "ab".repeat(16));
        std::fs::create_dir_all(root.join("ab")).unwrap();
        std::fs::write(root.join("ab").join(&file), b"an old film").unwrap();
        let id = model::ObjectId::new();
        let rows = [
            ("INSERT INTO buckets (name, created_at) VALUES ('source', 1)", args![]),
            ("INSERT INTO files (id, bytes) VALUES ($1, 11)", args![&file]),
            (
                "INSERT INTO objects (id, bucket, key, size, etag, attributes, created_at)
                    VALUES ($1, 'source', $2, 11, 'e', '{}', 1)",
                args![id, b"film".as_slice()],
            ),
            (
                "INSERT INTO parts (object, number, file, position, bytes) VALUES ($1, 1, $2, 0, 11)",
                args![id, &file],
            ),
            (
                "INSERT INTO names (bucket, key, object, sequence) VALUES ('source', $1, $2, 1)",
                args![b"film".as_slice(), id],
            ),
        ];
        for (sql, args) in rows {
            test.db.execute(sql, args).await.unwrap();
        }

        test.db.migrate(&[blob::MIGRATIONS]).await.unwrap();
        let blob = Blob::open_with(test.db.clone(), &root, Config::default(), ring()).await.unwrap();
        let old = blob.head(&BucketName::source(), &key("film")).await.unwrap();
        assert_eq!(blob.read_to_vec(old.id, 3..11).await.unwrap(), b"old film");
        let new = blob.put("a new film", client("film")).await.unwrap();
        assert_eq!(blob.read_to_vec(new.id, 2..10).await.unwrap(), b"new film");
        assert_eq!(blob.rewrap().await.unwrap(), Renewed::default());

        // The clear file gets sealed while it is read, and goes when nobody reads it.
        let old_file = root.join("ab").join(&file);
        let copy = blob.copy(old.id, own("copy")).await.unwrap();
        let mut reader = blob.read(old.id, 0..11).await.unwrap();
        assert_eq!(blob.seal_clear(soon()).await.unwrap(), 1);
        assert_eq!(blob.seal_clear(soon()).await.unwrap(), 0);
        for object in [&old, &copy] {
            assert_eq!(blob.read_to_vec(object.id, 0..11).await.unwrap(), b"an old film");
        }
        let later = old.created_at.plus_ms(1 << 42);
        assert_eq!(blob.sweep(later).await.unwrap().files, 0);
        assert_eq!(blob.sweep_disk(old.created_at).await.unwrap().files, 0);
        assert!(old_file.exists());
        assert_eq!(reader.next().await.unwrap().unwrap(), "an old film");
        drop(reader);
        assert_eq!(blob.sweep(later).await.unwrap().files, 1);
        assert!(!old_file.exists());
        let rows = test.db.all("SELECT id FROM files WHERE dek IS NULL", args![]).await.unwrap();
        assert!(rows.is_empty());
        assert_eq!(blob.read_to_vec(copy.id, 0..11).await.unwrap(), b"an old film");
    }
}

#[tokio::test]
async fn a_clear_store_by_choice_stays_clear_and_a_lost_file_holds_up_no_other() {
    for store in stores().await {
        let clear = store.again(false, ring()).await;
        let mut objects = Vec::new();
        for n in 0..3 {
            objects.push(clear.put(noise(300_000 + n), own(&format!("chunk {n}"))).await.unwrap());
        }
        assert_eq!(clear.seal_clear(soon()).await.unwrap(), 0);
        let lost = store.stored(&objects[1]).await.remove(0);
        let bytes = std::fs::read(&lost).unwrap();
        std::fs::remove_file(&lost).unwrap();
        assert_eq!(store.blob.seal_clear(soon()).await.unwrap(), 2);
        for object in [&objects[0], &objects[2]] {
            assert!(store.read(object).await == noise(object.size as usize));
            let path = store.stored(object).await.remove(0);
            assert_eq!(std::fs::metadata(path).unwrap().len(), seal::stream::stored_length(object.size));
        }
        // It is not tried again and again, but at the next start.
        std::fs::write(&lost, bytes).unwrap();
        assert_eq!(store.blob.seal_clear(soon()).await.unwrap(), 0);
        assert_eq!(store.again(true, ring()).await.seal_clear(soon()).await.unwrap(), 1);
        assert!(store.read(&objects[1]).await == noise(300_001));
    }
}

#[tokio::test]
async fn a_key_that_does_not_open_holds_up_no_rotation() {
    for store in stores().await {
        let ring = seal::testing::ring(1);
        let blob = store.again(true, Some(ring.clone())).await;
        let mut objects = Vec::new();
        for n in 0..3 {
            objects.push(blob.put(noise(100), own(&format!("chunk {n}"))).await.unwrap());
        }
        // The first of the batch.
        let spoil = "UPDATE files SET dek = $1 WHERE id = (SELECT MIN(id) FROM files)";
        store.test.db.execute(spoil, args![b"nonsense".as_slice()]).await.unwrap();
        ring.rotate(Purpose::Media, Timestamp(1)).unwrap();
        assert_eq!(blob.rewrap().await.unwrap(), Renewed { sealed: 2, unopened: 1 });
        assert_eq!(blob.rewrap().await.unwrap(), Renewed { sealed: 0, unopened: 1 });
        let mut read = 0;
        for object in &objects {
            read += usize::from(blob.read_to_vec(object.id, 0..100).await.is_ok());
        }
        assert_eq!(read, 2);
    }
}

fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(60)
}

#[tokio::test]
async fn altered_cut_lengthened_and_swapped_files_are_refused() {
    for store in stores().await {
        let size = 4 * SEGMENT;
        let first = store.put("first", &noise(size as usize)).await;
        let second = store.put("second", &vec![7; size as usize]).await;
        let (one, two) = (store.stored(&first).await.remove(0), store.stored(&second).await.remove(0));
        let (whole, other) = (std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
        let damaged = async |bytes: &[u8]| {
            std::fs::write(&one, bytes).unwrap();
            let read = store.check(&first, 0..size).await;
            assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
        };
        for n in [0, 1, 20, 39, 40, 70_000, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[n] ^= 0x80;
            damaged(&altered).await;
        }
        damaged(&whole[..whole.len() - 1]).await;
        damaged(&whole[..SEGMENT as usize]).await;
        damaged(&[&whole[..], &[0]].concat()).await;
        damaged(b"").await;
        damaged(&other).await;
        let mut reordered = whole.clone();
        reordered[65_536..3 * 65_536].rotate_left(65_536);
        damaged(&reordered).await;

        // The key does not go along with the file either: it belongs to its row.
        std::fs::write(&one, &other).unwrap();
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        let swap = "UPDATE files SET dek = (SELECT dek FROM files WHERE id = $2) WHERE id = $1";
        store.test.db.execute(swap, args![name(&one), name(&two)]).await.unwrap();
        let read = store.blob.read_to_vec(first.id, 0..size).await;
        assert!(matches!(read, Err(Error::Keys(seal::Error::Open))), "{read:?}");
        assert!(store.read(&second).await == vec![7; size as usize]);
    }
}

#[tokio::test]
async fn a_range_needs_only_its_own_segments_and_little_memory() {
    for store in stores().await {
        let bytes = noise(40 * SEGMENT as usize);
        let object = store.put("film", &bytes).await;
        let path = store.stored(&object).await.remove(0);
        let mut spoilt = std::fs::read(&path).unwrap();
        // Everything but segments 10 to 19.
        spoilt[100..10 * SEGMENT as usize].fill(0);
        spoilt[20 * SEGMENT as usize..].fill(0);
        std::fs::write(&path, spoilt).unwrap();
        let good = 10 * SEGMENT..19 * SEGMENT;
        let read = store.check(&object, good.clone()).await.unwrap();
        assert!(read == bytes[good.start as usize..good.end as usize]);
        assert!(store.check(&object, 9 * SEGMENT..11 * SEGMENT).await.is_err());

        let mut reader = store.blob.read(object.id, good).await.unwrap();
        while let Some(piece) = reader.next().await {
            assert!(piece.unwrap().len() as u64 <= 4 * SEGMENT);
        }
    }
}

#[tokio::test]
async fn ranges_go_across_parts_of_which_each_has_its_key() {
    for store in stores().await {
        let new = NewUpload {
            bucket: BucketName::source(),
            key: key("film"),
            attributes: blob::Attributes::default(),
            checksum: None,
            composite: false,
        };
        let upload = store.blob.begin_upload(new).await.unwrap();
        let bytes = noise((5 << 20) + 300_000);
        let mut parts = Vec::new();
        for (number, piece) in (1..).zip(bytes.chunks(5 << 20)) {
            let mut writer = store.blob.writer(None, None).await.unwrap();
            writer.write(piece.to_vec().into()).await.unwrap();
            let staged = writer.finish().await.unwrap();
            let part = store.blob.commit_part(upload.id, number, staged).await.unwrap();
            parts.push(Chosen { number, etag: part.etag(), checksum: None });
        }
        let complete = Complete {
            parts,
            checksum: None,
            size: Some(bytes.len() as u64),
            condition: Condition::None,
            by: By::Client(Means::CompleteMultipartUpload),
        };
        let object =
            store.blob.complete_upload(&upload.bucket, &upload.key, upload.id, complete).await.unwrap();
        let end = object.size;
        for range in
            [0..end, (5 << 20) - 1..(5 << 20) + 1, (5 << 20)..(5 << 20) + 1, end - 1..end, 77..200_000]
        {
            let read = store.check(&object, range.clone()).await.unwrap();
            assert!(read == bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        let deks = store.test.db.all("SELECT DISTINCT dek FROM files", args![]).await.unwrap();
        assert_eq!(deks.len(), 2);
    }
}

#[tokio::test]
async fn a_rotation_seals_keys_again_and_touches_no_file() {
    for store in stores().await {
        let ring = seal::testing::ring(1);
        let blob = store.again(true, Some(ring.clone())).await;
        let mut objects = Vec::new();
        for n in 0..3 {
            objects.push(blob.put(noise(70_000 + n), own(&format!("chunk {n}"))).await.unwrap());
        }
        let path = store.stored(&objects[0]).await.remove(0);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(blob.rewrap().await.unwrap(), Renewed::default());

        ring.rotate(Purpose::Media, Timestamp(1)).unwrap();
        let mut reader = blob.read(objects[0].id, 0..70_000).await.unwrap();
        assert_eq!(blob.rewrap().await.unwrap(), Renewed { sealed: 3, unopened: 0 });
        assert_eq!(blob.rewrap().await.unwrap(), Renewed::default());
        while let Some(piece) = reader.next().await {
            piece.unwrap();
        }
        assert!(std::fs::read(&path).unwrap() == before);
        for object in &objects {
            assert!(
                blob.read_to_vec(object.id, 0..object.size).await.unwrap() == noise(object.size as usize)
            );
        }
        // The old ring opens nothing any more.
        let old = store.again(true, Some(seal::testing::ring(1))).await;
        let read = old.read_to_vec(objects[0].id, 0..1).await;
        assert!(matches!(read, Err(Error::Keys(seal::Error::NoKey { version: 2, .. }))), "{read:?}");
    }
}

#[tokio::test]
async fn a_file_that_stays_open_is_closed_when_it_is_deleted_or_damaged() {
    for store in stores().await {
        let bytes = noise(3 * SEGMENT as usize);
        let object = store.blob.put(bytes.clone(), own("film")).await.unwrap();
        let path = store.stored(&object).await.remove(0);
        let name = path.file_name().unwrap().to_str().unwrap();
        let named = |to: &std::path::Path| to.to_string_lossy().contains(name);
        let open = || {
            let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            files.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| named(&to))).count()
        };
        for range in [0..10, SEGMENT - 1..SEGMENT + 1, 0..object.size, 5..5] {
            let read = store.blob.read_to_vec(object.id, range.clone()).await.unwrap();
            assert!(read == bytes[range.start as usize..range.end as usize], "{range:?}");
            assert_eq!(open(), 1);
        }
        let outside = store.blob.read_to_vec(object.id, 1..object.size + 1).await;
        assert!(matches!(outside, Err(Error::Range { size }) if size == object.size), "{outside:?}");

        assert!(store.blob.read_to_vec(object.id, 0..1).await.is_ok());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..100]).unwrap();
        let cut = store.blob.read_to_vec(object.id, 0..object.size).await;
        assert!(matches!(cut, Err(Error::Damaged { .. })), "{cut:?}");
        assert_eq!(open(), 0);

        std::fs::write(&path, &whole).unwrap();
        assert!(store.blob.read_to_vec(object.id, 0..1).await.is_ok());
        assert_eq!(open(), 1);
        store.blob.delete(&object.bucket, &object.key, &Condition::None, Actor::Kinora).await.unwrap();
        assert_eq!(store.blob.sweep(hours_from_now(1)).await.unwrap().objects, 1);
        assert_eq!(open(), 0);
    }
}
