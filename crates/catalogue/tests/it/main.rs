//! The catalogue through its public door, on every engine that is there.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod chunks;
mod drafts;
mod history;
mod packaging;
mod pictures;
mod plans;
mod removal;
mod room;
mod titles;

use catalogue::{Catalogue, Chunk, NewTitle, Result, Title};
use db::testing::TestDb;
use model::media::{Audio, Container, Source, Video};
use model::plan::{self, AudioTrack, Grid, Medium, Rendition, Track};
use model::title::State;
use model::{
    AssetId, BitsPerSecond, BucketName, FrameRate, Generation, ObjectId, Plan, Timestamp, TitleId, WaitsFor,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Deleted for a minute.
const RESTORABLE: catalogue::Removal =
    catalogue::Removal { purge_at: Timestamp(NOW.0 + 60_000), spare_source: false };

/// A catalogue in a throw-away database.
struct Shelf {
    catalogue: Catalogue,
    test: TestDb,
}

async fn shelves() -> Vec<Shelf> {
    let mut all = Vec::new();
    for test in db::testing::databases(&[catalogue::MIGRATIONS]).await {
        all.push(Shelf { catalogue: Catalogue::open(test.db.clone()).await.unwrap(), test });
    }
    all
}

/// Runs calls that take a transaction, and commits.
macro_rules! commit {
    ($shelf:expr, |$catalogue:ident, $tx:ident| $call:expr) => {{
        let $catalogue = &$shelf.catalogue;
        let mut begun = $shelf.test.db.begin().await.unwrap();
        let $tx = &mut begun;
        let answer = $call.await;
        if answer.is_ok() {
            begun.commit().await.unwrap();
        }
        answer
    }};
}
pub(crate) use commit;

fn upload(key: &str) -> NewTitle {
    NewTitle::of(BucketName::source(), key.parse().unwrap(), ObjectId::new(), "standard")
}

fn rendition(width: u32, height: u32) -> Rendition {
    Rendition {
        width,
        height,
        crf: 23,
        max_rate: BitsPerSecond(1_000_000),
        buffer_bits: 2_000_000,
        codec: "avc1.4d401f".into(),
        avcc: "014d401f".into(),
    }
}

/// Ten seconds at 24 frames a second in five segments: three chunks of video in two sizes, two of audio.
fn film() -> (Source, Plan) {
    let rate = FrameRate::new(24, 1).unwrap();
    let video = Video {
        stream: 0,
        codec: "h264".into(),
        width: 1280,
        height: 720,
        display_width: 1280,
        display_height: 720,
        rotation: 0,
        mirrored: false,
        rate,
        frames: 240,
        held: 0,
        start_us: 0,
        keyframes: vec![0, 96],
        pixel_format: "yuv420p".into(),
        interlaced: false,
        transfer: None,
        matrix: None,
    };
    let audio = Audio {
        stream: 1,
        codec: "aac".into(),
        sample_rate: 48_000,
        channels: 2,
        language: "und".into(),
        label: None,
        start_us: 0,
        duration_ms: 10_000,
    };
    let source = Source {
        container: Container::Mov,
        bytes: 1,
        duration_ms: 10_000,
        video: Some(video),
        captions: Vec::new(),
        audio: vec![audio],
    };
    let chunk = |of, segments, decode_from| plan::Chunk { of, segments, decode_from };
    let plan = Plan {
        version: plan::VERSION,
        grid: Grid { rate, boundaries: vec![0, 48, 96, 144, 192, 240] },
        renditions: vec![rendition(1280, 720), rendition(640, 360)],
        audio: vec![AudioTrack {
            stream: 1,
            language: "und".into(),
            label: None,
            sample_rate: 48_000,
            channels: 2,
            bit_rate: BitsPerSecond(96_000),
            codec: "mp4a.40.2".into(),
            config: "1190".into(),
        }],
        captions: Vec::new(),
        chunks: vec![
            chunk(Medium::Video, 0..1, 0),
            chunk(Medium::Audio(0), 0..3, 0),
            chunk(Medium::Video, 1..3, 0),
            chunk(Medium::Video, 3..5, 96),
            chunk(Medium::Audio(0), 3..5, 144),
        ],
        fingerprint: "ffmpeg 5.1".into(),
        template: "standard".into(),
    };
    (source, plan)
}

fn chunk(track: Track, chunk: u32) -> Chunk {
    Chunk { track, chunk, object: ObjectId::new(), bytes: 1000, sha256: [7; 32], index: vec![0, 1, 255] }
}

/// Every chunk row of the film's plan.
fn all_chunks() -> Vec<Chunk> {
    let (_, plan) = film();
    let numbered = (0..).zip(&plan.chunks);
    numbered.flat_map(|(n, c)| plan.tracks_of(c).into_iter().map(move |t| chunk(t, n))).collect()
}

impl Shelf {
    async fn title(&self, id: TitleId) -> Title {
        self.catalogue.title(id).await.unwrap()
    }

    async fn waiting(&self, waits_for: WaitsFor) -> Vec<TitleId> {
        self.catalogue.titles_that_wait_for(waits_for).await.unwrap()
    }

    async fn create(&self, new: &NewTitle) -> TitleId {
        commit!(self, |c, tx| c.create(tx, NOW, new)).unwrap().unwrap()
    }

    /// A title whose plan is ready and whose chunks are being encoded.
    async fn encoding(&self, key: &str) -> (TitleId, AssetId, Generation) {
        let id = self.create(&upload(key)).await;
        let (asset, generation) = self.plan(id).await.unwrap();
        commit!(self, |c, tx| c.advance(tx, id, State::Encoding)).unwrap();
        (id, asset, generation)
    }

    async fn plan(&self, id: TitleId) -> Result<(AssetId, Generation)> {
        let (source, plan) = film();
        commit!(self, |c, tx| c.add_generation(tx, NOW, id, &source, &plan))
    }

    async fn add(&self, generation: Generation, chunk: &Chunk) -> Result<catalogue::Written> {
        commit!(self, |c, tx| c.add_chunk(tx, NOW, generation, chunk))
    }

    async fn published(&self, key: &str) -> (TitleId, AssetId, Generation) {
        let made = self.encoding(key).await;
        for chunk in all_chunks() {
            self.add(made.2, &chunk).await.unwrap();
        }
        commit!(self, |c, tx| c.complete(tx, NOW, made.2, &"measured")).unwrap();
        made
    }
}
