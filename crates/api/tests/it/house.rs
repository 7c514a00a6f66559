//! A furnished house: every part that the API and the pages need on one database, with titles and jobs in all their
//! states. The tests of both and the site's `examples/preview.rs` share it.

use std::time::Duration;

use api::{Api, Parts, Settings};
use blob::Blob;
use catalogue::{Catalogue, Chunk, NewTitle};
use db::Db;
use identity::code::CodeKeys;
use identity::{Identity, Role};
use jobs::{Claim, Fault, New, Progress, Queue};
use model::media::Source;
use model::plan::{Chunk as Planned, Medium, Track};
use model::testing::{self, rendition};
use model::title::{State, Visibility};
use model::{AccountId, BucketName, FrameRate, ObjectId, Plan, Timestamp, TitleId};
use pipeline::Pipeline;
use playback::Playback;
use serde_json::json;

pub(crate) const MIGRATIONS: [db::Migrations; 7] = [
    blob::MIGRATIONS,
    notify::MIGRATIONS,
    identity::MIGRATIONS,
    catalogue::MIGRATIONS,
    jobs::MIGRATIONS,
    playback::MIGRATIONS,
    upload::MIGRATIONS,
];

/// Everything behind the pages.
pub(crate) struct House {
    pub(crate) db: Db,
    pub(crate) parts: Parts,
    pub(crate) outbox: notify::Outbox,
    pub(crate) blob: Blob,
    _folder: tempfile::TempDir,
}

pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

impl House {
    /// Furnishes a migrated database; everybody may sign up.
    pub(crate) async fn open(db: Db) -> Self {
        Self::with(db, identity::Config::development()).await
    }

    /// Nobody signs up who is not invited, as in production.
    pub(crate) async fn closed(db: Db) -> Self {
        Self::with(db, identity::Config { open_sign_up: false, ..identity::Config::development() }).await
    }

    async fn with(db: Db, config: identity::Config) -> Self {
        let ring = seal::testing::ring(8);
        let outbox = notify::Outbox::open(db.clone(), &ring).await.expect("the outbox opens");
        let codes = CodeKeys::new(1, &[7; 32]);
        let identity = Identity::open(db.clone(), outbox.clone(), codes, &ring, config).await;
        let identity = identity.expect("the settings are within their limits");
        let catalogue = Catalogue::open(db.clone()).await.expect("the catalogue opens");
        let config = playback::Config::default();
        let vault = seal::Vault::new(&ring, seal::Purpose::Signing);
        let playback = Playback::open(db.clone(), catalogue.clone(), vault, config, now()).await;
        let playback = playback.expect("playback opens");
        let jobs = Queue::new(db.clone());
        let folder = tempfile::tempdir().expect("a folder is made");
        let blob = Blob::open(db.clone(), folder.path()).await.expect("the store opens");
        let pipeline = Pipeline::new(
            db.clone(),
            blob.clone(),
            jobs.clone(),
            catalogue.clone(),
            pipeline::Rule::defaults(),
        );
        let s3_url = "http://localhost:9000".parse().expect("an address");
        let limits = upload::Config { open_per_account: 3, max_bytes: 1 << 30, ..upload::Config::default() };
        let uploads =
            upload::Uploads::new(db.clone(), blob.clone(), catalogue.clone(), &[9; 32], s3_url, limits);
        let parts = Parts { identity, catalogue, playback, jobs, pipeline, uploads };
        Self { db, parts, outbox, blob, _folder: folder }
    }

    /// The API of an installation at this address.
    pub(crate) fn api(&self, public_url: &str) -> Api {
        let settings = Settings {
            public_url: public_url.parse().expect("an address"),
            s3_url: "http://localhost:9000".into(),
            codes: true,
        };
        Api::new(self.parts.clone(), settings)
    }

    pub(crate) async fn account(&self, address: &str, role: Role) -> AccountId {
        self.parts.identity.ensure_account(address, role, now()).await.expect("an account is made").id
    }

    /// A single-use sign-in link's path.
    pub(crate) async fn link(&self, account: AccountId) -> String {
        let token = self.parts.identity.create_link(account, None, now()).await.expect("a link is made");
        format!("/signin/link/{}", token.as_str())
    }

    /// An upload that became a title.
    pub(crate) async fn received(&self, key: &str, age_ms: i64) -> TitleId {
        let key = key.parse().expect("a key");
        let upload = NewTitle::of(BucketName::source(), key, ObjectId::new(), "standard");
        let mut tx = self.db.begin().await.expect("begin");
        let made = self.parts.catalogue.create(&mut tx, now().plus_ms(-age_ms), &upload).await;
        tx.commit().await.expect("commit");
        made.expect("a title is made").expect("the object is new")
    }

    /// A title whose first chunk (of two) is stored: it is playable and still encoding.
    pub(crate) async fn encoding(&self, key: &str, age_ms: i64) -> TitleId {
        let id = self.received(key, age_ms).await;
        self.plan(id, 1).await;
        id
    }

    /// A finished title.
    pub(crate) async fn published(&self, key: &str, age_ms: i64) -> TitleId {
        let id = self.received(key, age_ms).await;
        self.plan(id, 2).await;
        id
    }

    /// Puts the upload of a title into the store.
    pub(crate) async fn upload(&self, id: TitleId) {
        let new = blob::New::named(BucketName::media(), "upload".parse().expect("a key"), blob::By::Kinora);
        let object = self.blob.put(b"film".to_vec(), new).await.expect("it is stored");
        let keep = "UPDATE titles SET source_object = $2 WHERE id = $1";
        self.db.execute(keep, db::args![id, object.id]).await.expect("it is the title's");
    }

    /// An encode of a published title that ended before it was complete.
    pub(crate) async fn half_encoded_anew(&self, id: TitleId) {
        let (source, plan) = film();
        let mut tx = self.db.begin().await.expect("begin");
        let later = now().plus_ms(1000);
        self.parts.catalogue.add_generation(&mut tx, later, id, &source, &plan).await.expect("planned");
        tx.commit().await.expect("commit");
    }

    pub(crate) async fn rejected(&self, key: &str, age_ms: i64, reason: &str) -> TitleId {
        let id = self.received(key, age_ms).await;
        let mut tx = self.db.begin().await.expect("begin");
        self.parts.catalogue.reject(&mut tx, id, reason).await.expect("a new title may be rejected");
        tx.commit().await.expect("commit");
        id
    }

    /// A title whose owner is an account; it is playable and waits for space.
    pub(crate) async fn held_up(&self, owner: AccountId, why: &str) -> TitleId {
        let id = self.encoding("films/Held Up.mp4", 0).await;
        self.give(id, owner).await;
        let space = model::WaitsFor::Space;
        self.parts.catalogue.begin_waiting(id, space, why).await.expect("it waits");
        id
    }

    /// A note about the source of a title that is planned.
    pub(crate) async fn note(&self, id: TitleId, note: &str) {
        let catalogue = &self.parts.catalogue;
        let generation = catalogue.title(id).await.expect("the title is there").generation.expect("planned");
        let mut tx = self.db.begin().await.expect("begin");
        catalogue.add_source_notes(&mut tx, generation, &[note.to_owned()]).await.expect("kept");
        tx.commit().await.expect("commit");
    }

    /// Makes somebody a title's owner.
    pub(crate) async fn give(&self, id: TitleId, owner: AccountId) {
        let give = "UPDATE titles SET owner = $2 WHERE id = $1";
        self.db.execute(give, db::args![id, owner]).await.expect("it is the owner's");
    }

    pub(crate) async fn show_to(&self, id: TitleId, visibility: Visibility) {
        let edit = catalogue::Edit { visibility: Some(visibility), ..catalogue::Edit::default() };
        self.parts.catalogue.edit(id, None, &edit).await.expect("the title is there");
    }

    async fn plan(&self, id: TitleId, stored: u32) {
        let catalogue = &self.parts.catalogue;
        let mut tx = self.db.begin().await.expect("begin");
        let (source, plan) = film();
        catalogue.keep_facts(&mut tx, id, &source).await.expect("probed");
        let (_, generation) =
            catalogue.add_generation(&mut tx, now(), id, &source, &plan).await.expect("planned");
        catalogue.advance(&mut tx, id, State::Encoding).await.expect("encoding");
        for chunk in 0..stored {
            let new = Chunk {
                track: Track::Video(0),
                chunk,
                object: ObjectId::new(),
                bytes: 1000,
                sha256: [7; 32],
                index: vec![1],
            };
            catalogue.add_chunk(&mut tx, now(), generation, &new).await.expect("a chunk is stored");
        }
        if stored == 2 {
            catalogue.complete(&mut tx, now(), generation, &json!({})).await.expect("complete");
        }
        tx.commit().await.expect("commit");
    }

    /// Jobs of a title: one runs, one waits for its second try, one has failed, one waits for a worker.
    pub(crate) async fn work(&self, title: TitleId) {
        let queue = &self.parts.jobs;
        let mut tx = self.db.begin().await.expect("begin");
        for (kind, tries) in [("a", 5), ("b", 1), ("chunk", 5)] {
            let job = New { max_attempts: tries, ..New::job(kind, json!({ "chunk": 3 })).title(title) };
            queue.enqueue(&mut tx, now(), &job).await.expect("enqueued");
        }
        tx.commit().await.expect("commit");
        let begun = now().plus_ms(-20_000);
        let claim = |kinds: &'static [&'static str]| Claim {
            worker: "house/0",
            kinds,
            capabilities: &[],
            lease: Duration::from_secs(300),
        };
        for kinds in [&["a"] as &[&str], &["b"]] {
            let lease = queue.claim(now(), &claim(kinds)).await.expect("asked").expect("there is one");
            let mut tx = self.db.begin().await.expect("begin");
            let fault = Fault::Transient("ffmpeg ended with status 1".into());
            queue.fail(&mut tx, now(), &lease, &fault).await.expect("failed");
            tx.commit().await.expect("commit");
        }
        let lease = queue.claim(begun, &claim(&["chunk"])).await.expect("asked");
        let lease = match lease {
            Some(lease) => lease,
            None => queue.claim(now(), &claim(&["chunk"])).await.expect("asked").expect("there is one"),
        };
        let progress =
            Progress { permille: 420, speed: Some(3.1), message: Some("encoding 360p to 1080p".into()) };
        queue.progress(now(), &lease, &progress).await.expect("told");
        let mut tx = self.db.begin().await.expect("begin");
        queue.enqueue(&mut tx, now(), &New::job("publish", json!({})).title(title)).await.expect("enqueued");
        tx.commit().await.expect("commit");
    }
}

/// Two and a half minutes in two chunks, without sound.
fn film() -> (Source, Plan) {
    let rate = FrameRate::new(24, 1).expect("24 frames a second");
    let chunk = |segments| Planned { of: Medium::Video, segments, decode_from: 0 };
    let chunks = vec![chunk(0..1), chunk(1..2)];
    let renditions = vec![rendition(1280, 720, 3_000_000)];
    let source = Source { audio: Vec::new(), ..testing::film(1280, 720, rate, 3600) };
    (source, testing::plan(rate, &[0, 1800, 3600], renditions, Vec::new(), chunks))
}
