//! A whole pipeline on a throw-away database and folder, and an encode small enough to be written by hand.

use std::path::Path;
use std::time::Duration;

use blob::{Blob, By, Means, New};
use catalogue::{Catalogue, Title};
use db::testing::TestDb;
use jobs::{Claim, Lease, Queue};
use model::media::Source;
use model::plan::{Chunk, Medium, Track};
use model::testing::{self, FINGERPRINT};
use model::{BucketName, FrameRate, Plan, Timestamp, TitleId};
use package::cmaf::ChunkWriter;
use package::index::Sample;
use pipeline::work::{OfChunk, OfGeneration, OfPictures, OfTitle};
use pipeline::{AfterPublish, Made, Pipeline, Rule, Stills, Work};
use runtime::{Clock, Hands};

pub(crate) struct House {
    pub(crate) test: TestDb,
    pub(crate) blob: Blob,
    pub(crate) jobs: Queue,
    pub(crate) catalogue: Catalogue,
    pub(crate) pipeline: Pipeline,
    _folder: Option<tempfile::TempDir>,
}

pub(crate) async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for test in databases().await {
        let folder = db::testing::in_memory();
        let house = House::open(test, folder.path()).await;
        houses.push(House { _folder: Some(folder), ..house });
    }
    houses
}

/// Houses whose clocks stand still until their hands are moved.
pub(crate) async fn houses_with_hands() -> Vec<(House, Hands)> {
    let mut houses = Vec::new();
    for mut test in databases().await {
        let (clock, hands) = Clock::stopped(now());
        test.db = test.db.with_clock(clock);
        let folder = db::testing::in_memory();
        let house = House::open(test, folder.path()).await;
        houses.push((House { _folder: Some(folder), ..house }, hands));
    }
    houses
}

pub(crate) async fn databases() -> Vec<TestDb> {
    db::testing::databases(&[blob::MIGRATIONS, jobs::MIGRATIONS, catalogue::MIGRATIONS]).await
}

pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

impl House {
    /// In a folder that somebody else removes.
    pub(crate) async fn open(test: TestDb, folder: &Path) -> Self {
        let blob = Blob::open(test.db.clone(), folder).await.unwrap();
        let jobs = Queue::new(test.db.clone());
        let catalogue = Catalogue::open(test.db.clone()).await.unwrap();
        let rules = Rule::defaults();
        let pipeline = Pipeline::new(test.db.clone(), blob.clone(), jobs.clone(), catalogue.clone(), rules);
        Self { test, blob, jobs, catalogue, pipeline, _folder: None }
    }

    pub(crate) async fn upload(&self, bucket: &str, key: &str, by: By) -> blob::Object {
        let new = New::named(bucket.parse().unwrap(), key.parse().unwrap(), by);
        self.blob.put(key.as_bytes().to_vec(), new).await.unwrap()
    }

    pub(crate) async fn client_upload(&self, key: &str) -> blob::Object {
        self.upload(BucketName::source().as_str(), key, By::Client(Means::Put)).await
    }

    /// The titles there are, by name.
    pub(crate) async fn titles(&self) -> Vec<Title> {
        let list = catalogue::List::newest(catalogue::Audience::Operator);
        self.catalogue.list(&list).await.unwrap()
    }

    pub(crate) async fn title(&self, id: TitleId) -> Title {
        self.catalogue.title(id).await.unwrap()
    }

    pub(crate) async fn claim(&self, kind: &str) -> Option<Lease> {
        self.claim_for(kind, Duration::from_secs(60)).await
    }

    pub(crate) async fn claim_for(&self, kind: &str, lease: Duration) -> Option<Lease> {
        let claim = Claim { worker: "up/0", kinds: &[kind], capabilities: &[FINGERPRINT], lease };
        self.jobs.claim(self.jobs.now(), &claim).await.unwrap()
    }

    pub(crate) async fn chunk(&self) -> (Lease, OfChunk) {
        let lease = self.claim("chunk").await.unwrap();
        let Some(Work::Chunk(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
        (lease, of)
    }

    pub(crate) async fn publication(&self) -> (Lease, OfGeneration) {
        let lease = self.claim("publish").await.unwrap();
        let Some(Work::Publish(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
        (lease, of)
    }

    pub(crate) async fn pictures(&self) -> (Lease, OfPictures) {
        let lease = self.claim("pictures").await.unwrap();
        let Some(Work::Pictures(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
        (lease, of)
    }

    /// The same pipeline with rules that let uploads go.
    pub(crate) fn dropping(&mut self) {
        let rules =
            Rule::defaults().into_iter().map(|rule| Rule { source: AfterPublish::Drop, ..rule }).collect();
        let (db, blob) = (self.test.db.clone(), self.blob.clone());
        self.pipeline = Pipeline::new(db, blob, self.jobs.clone(), self.catalogue.clone(), rules);
    }

    /// Uploads a song, takes it in, and plans it.
    pub(crate) async fn planned(&self) -> TitleId {
        self.planned_with(&[]).await
    }

    /// The same with notes about the file.
    pub(crate) async fn planned_with(&self, notes: &[String]) -> TitleId {
        self.client_upload("songs/song.wav").await;
        self.pipeline.take_events().await.unwrap();
        self.plan_next_with(notes).await
    }

    /// Reads and plans the title whose turn it is.
    pub(crate) async fn plan_next(&self) -> TitleId {
        self.plan_next_with(&[]).await
    }

    async fn plan_next_with(&self, notes: &[String]) -> TitleId {
        let lease = self.claim("plan").await.unwrap();
        let Some(Work::Plan(OfTitle { title })) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
        self.pipeline.probed(&lease, title, &source()).await.unwrap();
        self.pipeline.planned(&lease, title, (&source(), notes), &plan()).await.unwrap();
        title
    }

    /// Encodes what is queued of the one title there is, and publishes it; its pictures still wait.
    pub(crate) async fn publish(&self) -> OfGeneration {
        while let Some(lease) = self.claim("chunk").await {
            let Some(Work::Chunk(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
            let made = self.made(of.chunk, 7).await;
            self.pipeline.encoded(&lease, &of, vec![made]).await.unwrap();
        }
        let (lease, of) = self.publication().await;
        self.pipeline.publish(&lease, &of).await.unwrap();
        of
    }

    /// Does all that is queued for the one title there is.
    pub(crate) async fn finish(&self) -> OfGeneration {
        let of = self.publish().await;
        while let Some(lease) = self.claim("pictures").await {
            let Some(Work::Pictures(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
            self.pipeline.pictures_made(&lease, &of, Stills::Posters(vec![])).await.unwrap();
        }
        of
    }

    /// A chunk as an encoder would store it; `salt` makes other bytes.
    pub(crate) async fn made(&self, chunk: u32, salt: u8) -> Made {
        let planned = &plan().chunks[chunk as usize];
        let segment = planned.segments.start;
        let frames = plan().grid.aac_frames(segment, 48_000).unwrap();
        let sample = Sample { size: 3, duration: 1024, composition_offset: 0, sync: true };
        let samples = vec![sample; (frames.end - frames.start) as usize];
        let mut bytes = Vec::new();
        let mut writer = ChunkWriter::new(segment);
        bytes.extend_from_slice(&writer.segment(frames.start * 1024, samples.clone()).unwrap());
        bytes.resize(bytes.len() + 3 * samples.len(), salt);
        let index = writer.finish().encode();
        let length = bytes.len() as u64;
        let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(bytes))]);
        let staged = self.blob.stage(body, Some(length), None).await.unwrap();
        Made { track: Track::Audio(0), bytes: staged, sha256: [salt; 32], index, note: None }
    }
}

/// A song of four seconds.
pub(crate) fn source() -> Source {
    testing::song(4010)
}

/// Two segments, each a chunk of its own.
pub(crate) fn plan() -> Plan {
    let chunk = |n: u32| Chunk { of: Medium::Audio(0), segments: n..n + 1, decode_from: u64::from(n) * 94 };
    let rate = FrameRate::new(375, 8).unwrap();
    let audio = vec![testing::audio_track(0, "und", 2)];
    testing::plan(rate, &[0, 94, 188], Vec::new(), audio, vec![chunk(0), chunk(1)])
}
