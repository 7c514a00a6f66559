//! Files that the disk damages, and what finds them.

use blob::{Actor, Condition, StoredFile, Verdict, mirror};
use db::args;
use tokio_util::sync::CancellationToken;

use super::*;

impl Store {
    /// The path of the one file of an object.
    async fn file_of(&self, object: &Object) -> PathBuf {
        let row =
            self.test.db.one("SELECT file FROM parts WHERE object = $1", args![object.id]).await.unwrap();
        mirror::path(&self.folder.path().join("blob"), row.get("file").unwrap())
    }

    async fn clear(&self) -> Blob {
        let config = Config { sealed: false, linger_seconds: 0, ..Config::default() };
        Blob::open_with(self.test.db.clone(), &self.folder.path().join("blob"), config, ring()).await.unwrap()
    }

    async fn row_of(&self, object: &Object) -> StoredFile {
        let row =
            self.test.db.one("SELECT file FROM parts WHERE object = $1", args![object.id]).await.unwrap();
        let rows = mirror::rows(&mut self.test.db.begin().await.unwrap()).await.unwrap();
        rows[&row.get("file").unwrap()].clone()
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_a_file_is_seen_sealed_or_clear() {
    for store in stores().await {
        let sealed = store.put("sealed", &noise(200_000)).await;
        let clear = store.clear().await.put(noise(200_000), client("clear")).await.unwrap();
        for object in [&sealed, &clear] {
            let (path, row) = (store.file_of(object).await, store.row_of(object).await);
            let look = |path: &Path| row.verify(path, ring().as_ref(), |_| true).unwrap();
            assert_eq!(look(&path), Verdict::Whole);
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            for at in [0, 1, 39, 40, 70_000, length / 2, length - 1] {
                flip(&path, at);
                assert!(matches!(look(&path), Verdict::Damaged(_)), "byte {at} of {length}");
                flip(&path, at);
            }
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..length - 1]).unwrap();
            assert!(matches!(look(&path), Verdict::Damaged(_)), "it is cut");
            std::fs::remove_file(&path).unwrap();
            assert_eq!(look(&path), Verdict::Missing);
            std::fs::write(&path, bytes).unwrap();
            let stopped = row.verify(&path, ring().as_ref(), |_| false).unwrap();
            assert_eq!(stopped, Verdict::Stopped);
        }
        // Without the keys nothing can be said of what is sealed.
        let (path, row) = (store.file_of(&sealed).await, store.row_of(&sealed).await);
        assert_eq!(row.verify(&path, None, |_| true).unwrap(), Verdict::Unknown);
    }
}

#[tokio::test]
async fn a_scrub_writes_down_what_is_damaged_and_forgets_what_is_whole_again() {
    for store in stores().await {
        let mut objects = Vec::new();
        for n in 0..5 {
            objects.push(store.put(&format!("{n}"), &noise(3000 + n)).await);
        }
        let (bad, lost) = (store.file_of(&objects[1]).await, store.file_of(&objects[3]).await);
        flip(&bad, 500);
        let kept = std::fs::read(&lost).unwrap();
        std::fs::remove_file(&lost).unwrap();
        let (blob, never) = (&store.blob, CancellationToken::new());
        let looked = blob.scrub(Timestamp(1_000), &never).await.unwrap().unwrap();
        assert_eq!((looked.files, looked.damaged.len(), looked.last), (5, 2, None));
        let damaged = blob.damaged().await.unwrap();
        let of: Vec<_> = damaged.iter().map(|one| one.object.clone().unwrap().0).collect();
        assert!(of.contains(&objects[1].id) && of.contains(&objects[3].id), "{damaged:?}");
        assert_eq!(blob.scrub(Timestamp(2_000), &never).await.unwrap(), None, "the next one is in a week");

        flip(&bad, 500);
        std::fs::write(&lost, kept).unwrap();
        let week = Timestamp(1_000).plus_ms(7 * 86_400_000);
        assert_eq!(blob.scrub(week, &never).await.unwrap().unwrap().damaged, []);
        assert_eq!(blob.damaged().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_scrub_goes_on_where_it_was_and_each_file_is_looked_at_once() {
    for store in stores().await {
        for n in 0..150 {
            store.put(&format!("{n}"), &noise(100)).await;
        }
        let never = CancellationToken::new();
        let mut files = Vec::new();
        loop {
            // Each time as after a new start.
            let root = store.folder.path().join("blob");
            let config = Config { linger_seconds: 0, ..Config::default() };
            let blob = Blob::open_with(store.test.db.clone(), &root, config, ring()).await.unwrap();
            match blob.scrub(Timestamp(1), &never).await.unwrap() {
                Some(looked) => files.push(looked.files),
                None => break,
            }
        }
        assert_eq!(files, [64, 64, 22]);
    }
}

#[tokio::test]
async fn a_file_whose_reading_failed_is_looked_at_and_one_that_was_deleted_is_forgotten() {
    for store in stores().await {
        let object = store.blob.put(noise(70_000), own("film")).await.unwrap();
        flip(&store.file_of(&object).await, 69_000);
        assert_eq!(store.blob.verify_suspects().await.unwrap(), []);
        assert!(store.blob.read_to_vec(object.id, 0..object.size).await.is_err());
        assert_eq!(store.blob.verify_suspects().await.unwrap().len(), 1);
        assert_eq!(store.blob.damaged().await.unwrap().len(), 1);
        store.blob.delete(&object.bucket, &object.key, &Condition::None, Actor::Kinora).await.unwrap();
        store.blob.sweep(hours_from_now(1)).await.unwrap();
        assert_eq!(store.blob.damaged().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_damaged_clear_file_is_not_sealed_for_whole() {
    for store in stores().await {
        let object = store.clear().await.put(noise(5000), client("old")).await.unwrap();
        flip(&store.file_of(&object).await, 10);
        let soon = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        assert_eq!(store.blob.seal_clear(soon).await.unwrap(), 0);
        assert_eq!(store.blob.verify_suspects().await.unwrap().len(), 1);
    }
}
