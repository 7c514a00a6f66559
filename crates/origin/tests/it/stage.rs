//! A catalogue and a store with a film in them.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use blob::{Blob, By, New};
use bytes::Bytes;
use catalogue::{Catalogue, Chunk};
use db::testing::TestDb;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jobs::{Claim, Queue};
use model::media::{Container, Source};
use model::{AssetId, BucketName, FrameRate, Generation, Timestamp, TitleId};
use origin::{Config, Meter, Origin, Secrets};
use pipeline::{Pipeline, Rule};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::film::{self, Film, Script, Stored};

pub(crate) const SECRET: &str = "11111111-2222-3333-4444-555555555555";

/// Five grid segments, two renditions; the chunks of video are segments 0, 1–2 and 3–4.
pub(crate) fn film() -> &'static Film {
    static FILM: OnceLock<Film> = OnceLock::new();
    FILM.get_or_init(|| {
        film::make(&Script {
            rate: FrameRate::new(24, 1).unwrap(),
            boundaries: vec![0, 24, 48, 72, 96, 110],
            heights: vec![180, 90],
            pyramid: false,
            chunks: (vec![1, 2, 2], vec![5]),
        })
    })
}

/// One installation.
pub(crate) struct Stage {
    pub(crate) router: Router,
    pub(crate) catalogue: Catalogue,
    pub(crate) blob: Blob,
    pub(crate) queue: Queue,
    pub(crate) pipeline: Pipeline,
    pub(crate) secrets: watch::Sender<Secrets>,
    pub(crate) title: TitleId,
    pub(crate) asset: AssetId,
    pub(crate) generation: Generation,
    pub(crate) meter: Meter,
    pub(crate) test: TestDb,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// An installation of each engine with the planned film and no chunk of it.
pub(crate) async fn stages() -> Vec<Stage> {
    stages_that_wait(Duration::from_millis(300)).await
}

/// The same; requests wait so long for what is not there yet.
pub(crate) async fn stages_that_wait(time_limit: Duration) -> Vec<Stage> {
    let mut stages = Vec::new();
    for test in db::testing::databases(&[catalogue::MIGRATIONS, blob::MIGRATIONS, jobs::MIGRATIONS]).await {
        stages.push(stage(test, time_limit).await);
    }
    stages
}

async fn stage(test: TestDb, time_limit: Duration) -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(test.db.clone()).await.unwrap();
    let blob = Blob::open(test.db.clone(), dir.path()).await.unwrap();
    let queue = Queue::new(test.db.clone());
    let (db, store, rules) = (test.db.clone(), blob.clone(), Rule::defaults());
    let pipeline = Pipeline::new(db, store, queue.clone(), catalogue.clone(), rules);
    let new = New::named(BucketName::source(), "film.mp4".parse().unwrap(), By::Kinora);
    let object = blob.put("a film", new).await.unwrap();
    let mut tx = test.db.begin().await.unwrap();
    let title = pipeline.start_in(&mut tx, &object, "standard").await.unwrap().title();
    tx.commit().await.unwrap();
    let source = Source {
        container: Container::Mov,
        bytes: 1,
        duration_ms: 1,
        video: None,
        audio: Vec::new(),
        captions: Vec::new(),
        pieces: Vec::new(),
    };
    let claim = Claim { worker: "up/0", kinds: &["plan"], capabilities: &[], lease: Duration::from_secs(60) };
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let lease = queue.claim(now, &claim).await.unwrap().unwrap();
    pipeline.probed(&lease, title, &source).await.unwrap();
    pipeline.planned(&lease, title, (&source, &[]), &film().plan).await.unwrap();
    let planned = catalogue.title(title).await.unwrap();
    let (asset, generation) = (planned.asset.unwrap(), planned.generation.unwrap());
    let (secrets, watched) = watch::channel(Secrets { current: SECRET.into(), other: None });
    let wait_ms = u32::try_from(time_limit.as_millis()).unwrap();
    let config = Config { status_age_ms: 0, wait_ms, waiting: 4, ..Config::default() };
    let meter = Meter::default();
    let router = origin::router(Origin {
        catalogue: catalogue.clone(),
        blob: blob.clone(),
        pipeline: pipeline.clone(),
        secrets: watched,
        config,
        meter: meter.clone(),
    });
    Stage {
        router,
        catalogue,
        blob,
        queue,
        pipeline,
        secrets,
        title,
        asset,
        generation,
        meter,
        test,
        _dir: dir,
    }
}

impl Stage {
    /// Stores chunks of the film.
    pub(crate) async fn store(&self, wanted: impl Fn(&Stored) -> bool) {
        for chunk in film().chunks.iter().filter(|c| wanted(c)) {
            self.store_chunk(chunk).await;
        }
    }

    /// Stores one chunk.
    pub(crate) async fn store_chunk(&self, chunk: &Stored) {
        let key = format!("{}/{}/{}", self.generation, chunk.track, chunk.chunk).parse().unwrap();
        let new = New::named(BucketName::media(), key, By::Kinora);
        let object = self.blob.put(chunk.bytes.clone(), new).await.unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &chunk.bytes);
        let row = Chunk {
            track: chunk.track,
            chunk: chunk.chunk,
            object: object.id,
            bytes: object.size,
            sha256: hash.as_ref().try_into().unwrap(),
            index: chunk.index.encode(),
        };
        let mut tx = self.test.db.begin().await.unwrap();
        self.catalogue.add_chunk(&mut tx, Timestamp(2), self.generation, &row).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Chunks of the plan.
    pub(crate) fn film_chunks(&self) -> usize {
        film().plan.chunks.len()
    }

    /// Stores a picture of the generation.
    pub(crate) async fn store_still(&self, file: &str, bytes: &[u8]) {
        let key = format!("{}/{}/{file}", self.asset, self.generation).parse().unwrap();
        self.blob.put(bytes.to_vec(), New::named(BucketName::media(), key, By::Kinora)).await.unwrap();
    }

    /// Marks the film as complete.
    pub(crate) async fn complete(&self) {
        let film = film();
        let indexes = film.chunks.iter().map(|c| (c.track, &c.index));
        let measured = package::Measured::of(&film.plan, indexes).unwrap();
        let mut tx = self.test.db.begin().await.unwrap();
        self.catalogue.complete(&mut tx, Timestamp(3), self.generation, &measured).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The path of something under a configuration.
    pub(crate) async fn path(&self, configuration: &str, rest: &str) -> String {
        let configuration = self.catalogue.configuration_named(configuration).await.unwrap().unwrap().id;
        format!("/out/v1/{}/{configuration}/{}/{rest}", self.asset, self.generation)
    }

    /// Asks with the current secret.
    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, SECRET, headers).await
    }

    /// Begins to read a body.
    pub(crate) async fn open(&self, path: &str) -> Body {
        let request = Request::get(path).header(origin::HEADER, SECRET).body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap().into_body()
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        secret: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !secret.is_empty() {
            request = request.header(origin::HEADER, secret);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }
}
