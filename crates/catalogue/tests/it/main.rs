//! The catalogue through its public door, on every engine that is there.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod chunks;
mod drafts;
mod history;
mod notes;
mod packaging;
mod pictures;
mod plans;
mod removal;
mod space;
mod titles;

use catalogue::{Catalogue, Chunk, NewTitle, Result, Title};
use db::testing::TestDb;
use model::media::Source;
use model::plan::{self, Medium, Track};
use model::testing::{self, audio_track, rendition};
use model::title::State;
use model::{
    AccountId, AssetId, BucketName, FrameRate, Generation, ObjectId, Plan, Timestamp, TitleId, WaitsFor,
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Deleted for a minute.
const RESTORABLE: catalogue::Removal =
    catalogue::Removal { purge_at: Timestamp(NOW.0 + 60_000), spare_source: false, by_owner: false };

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

/// Ten seconds at 24 frames a second in five segments: three chunks of video in two sizes of 1 Mbit/s, two of audio.
fn film() -> (Source, Plan) {
    let rate = FrameRate::new(24, 1).unwrap();
    let chunk = |of, segments, decode_from| plan::Chunk { of, segments, decode_from };
    let chunks = vec![
        chunk(Medium::Video, 0..1, 0),
        chunk(Medium::Audio(0), 0..3, 0),
        chunk(Medium::Video, 1..3, 0),
        chunk(Medium::Video, 3..5, 96),
        chunk(Medium::Audio(0), 3..5, 144),
    ];
    let renditions = vec![rendition(1280, 720, 1_000_000), rendition(640, 360, 1_000_000)];
    let audio = vec![audio_track(1, "und", 2)];
    let plan = testing::plan(rate, &[0, 48, 96, 144, 192, 240], renditions, audio, chunks);
    (testing::film(1280, 720, rate, 240), plan)
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
        self.encoding_of(&upload(key)).await
    }

    async fn encoding_of(&self, new: &NewTitle) -> (TitleId, AssetId, Generation) {
        let id = self.create(new).await;
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
        self.published_by(None, key).await
    }

    async fn published_by(&self, owner: Option<AccountId>, key: &str) -> (TitleId, AssetId, Generation) {
        let made = self.encoding_of(&NewTitle { owner, ..upload(key) }).await;
        for chunk in all_chunks() {
            self.add(made.2, &chunk).await.unwrap();
        }
        commit!(self, |c, tx| c.complete(tx, NOW, made.2, &"measured")).unwrap();
        made
    }
}
