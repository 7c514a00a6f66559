//! The public door of `blob`, on every database that is there.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod crash;
mod events;
mod labels;
mod list;
mod mirror;
mod objects;
mod owner;
mod scrub;
mod sealed;
mod sweep;
mod uploads;

use std::path::{Path, PathBuf};

use blob::events::{Event, PIPELINE, Subscriber};
use blob::{Blob, By, Config, Means, New, Object};
use db::testing::TestDb;
use model::{BucketName, Key, Timestamp};
use tempfile::TempDir;

/// A store on one of the databases.
struct Store {
    blob: Blob,
    folder: TempDir,
    test: TestDb,
}

/// One empty store per engine.
async fn stores() -> Vec<Store> {
    let mut all = Vec::new();
    for test in db::testing::databases(&[blob::MIGRATIONS]).await {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { linger_seconds: 0, ..Config::default() };
        let blob =
            Blob::open_with(test.db.clone(), &folder.path().join("blob"), config, ring()).await.unwrap();
        all.push(Store { blob, folder, test });
    }
    all
}

fn ring() -> Option<seal::KeyRing> {
    Some(seal::testing::ring(1))
}

impl Store {
    /// As a client's `PutObject` into `source`.
    async fn put(&self, name: &str, bytes: &[u8]) -> Object {
        self.blob.put(bytes.to_vec(), client(name)).await.unwrap()
    }

    async fn read(&self, object: &Object) -> Vec<u8> {
        self.blob.read_to_vec(object.id, 0..object.size).await.unwrap()
    }

    /// Stored files, half-written ones included.
    fn files(&self) -> usize {
        stored(&self.folder.path().join("blob")).len()
    }
}

/// Events that the pipeline has not handled.
async fn unhandled(blob: &Blob, limit: u32) -> Vec<Event> {
    unhandled_by(&blob.subscriber(PIPELINE), limit).await
}

/// Events that a subscriber has not handled.
async fn unhandled_by(subscriber: &Subscriber, limit: u32) -> Vec<Event> {
    let waiting = subscriber.events(None, limit).await.unwrap();
    waiting.into_iter().map(|(_, event)| event.unwrap()).collect()
}

/// Files in the folders of a store.
fn stored(root: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    entries(root).iter().filter(|path| path.is_dir()).flat_map(|folder| entries(folder)).collect()
}

fn client(name: &str) -> New {
    New::named(BucketName::source(), key(name), By::Client(Means::Put))
}

fn own(name: &str) -> New {
    New::named(BucketName::media(), key(name), By::Kinora)
}

fn key(name: &str) -> Key {
    name.parse().unwrap()
}

fn hours_from_now(hours: i64) -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond()).plus_ms(hours * 3_600_000)
}

/// Bytes that differ everywhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
