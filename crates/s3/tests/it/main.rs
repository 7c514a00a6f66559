//! The S3 face over a real socket, with a small signer of its own. Foreign clients are in `e2e/tests/test_s3.py`.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod answers;
mod bodies;
mod client;
mod conditions;
mod connections;
mod doors;
mod pages;

use std::sync::Arc;
use std::time::Duration;

use blob::Blob;
use client::Client;
use http_face::ConnectionSlots;
use http_face::door::{Door, Entrance};
use s3::{Access, Buckets, Config};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running server on a fresh store.
struct Server {
    blob: Blob,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
    folder: TempDir,
    /// Buckets of the key `PARTS`.
    parts: std::sync::Arc<std::sync::OnceLock<Buckets>>,
    /// How often a key was looked up.
    lookups: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = db::Db::open_sqlite(&folder.path().join("test.db")).await.unwrap();
        db.migrate(&[blob::MIGRATIONS]).await.unwrap();
        let blob = Blob::open(db, &folder.path().join("blob")).await.unwrap();
        let parts = std::sync::Arc::new(std::sync::OnceLock::new());
        let lookups = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let (opened, looked) = (parts.clone(), lookups.clone());
        let keys = s3::keys(move |id| {
            looked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let opened = opened.clone();
            async move {
                let only = |name: &str| Buckets::Only([name.parse().unwrap()].into());
                Ok(match id.as_str() {
                    "ALL" => Some(Access { secret: "secret".into(), buckets: Buckets::All }),
                    "OTHER" => Some(Access { secret: "secret".into(), buckets: only("other") }),
                    "PARTS" => {
                        opened.get().cloned().map(|buckets| Access { secret: "secret".into(), buckets })
                    }
                    "BROKEN" => return Err("the database is away".into()),
                    _ => None,
                })
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let door = Door {
            entrances: vec![Entrance { listener, tls: None }],
            slots: ConnectionSlots::new(config.connections, 0),
            proxies: vec![],
            bounds: config.bounds(Duration::from_secs(10)),
            tasks: TaskTracker::new(),
        };
        let service = Arc::new(s3::service(blob.clone(), keys, config));
        let running = tokio::spawn(door.run(service, shutdown.clone()));
        Self { blob, address, shutdown, running, folder, parts, lookups }
    }

    /// Lets the key `PARTS` write the parts of an upload.
    fn open(&self, parts: &s3::UploadParts) {
        self.parts.set(Buckets::Parts(parts.clone().into())).unwrap();
    }

    fn client(&self) -> Client {
        Client::new(self.address, "ALL", "secret")
    }
}
