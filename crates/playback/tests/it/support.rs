//! A playback on each engine, with titles.

use catalogue::{Catalogue, Chunk, NewTitle};
use db::testing::TestDb;
use identity::{Role, Via, Who};
use model::delivery::State;
use model::media::Source;
use model::plan::{self, Medium, Plan, Track};
use model::testing::{self, rendition};
use model::title::Visibility;
use model::{
    AccountId, AssetId, BucketName, EndingId, FrameRate, ObjectId, PlaybackSessionId, SessionId, Timestamp,
    TitleId,
};
use playback::{Config, Format, Playback, Wish};
use seal::{Purpose, Vault};
use sign::{Denied, Grant, Keys, Request};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const ORIGIN: &str = "http://localhost:8080";

pub(crate) const MIGRATIONS: [db::Migrations; 3] =
    [catalogue::MIGRATIONS, identity::MIGRATIONS, playback::MIGRATIONS];

pub(crate) struct House {
    pub(crate) playback: Playback,
    pub(crate) catalogue: Catalogue,
    pub(crate) test: TestDb,
}

pub(crate) async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for test in db::testing::databases(&MIGRATIONS).await {
        let catalogue = Catalogue::open(test.db.clone()).await.unwrap();
        let playback = open(&test, &catalogue).await.unwrap();
        houses.push(House { playback, catalogue, test });
    }
    houses
}

pub(crate) async fn open(test: &TestDb, catalogue: &Catalogue) -> playback::Result<Playback> {
    open_with(test, catalogue, Config::default()).await
}

pub(crate) async fn open_with(
    test: &TestDb,
    catalogue: &Catalogue,
    config: Config,
) -> playback::Result<Playback> {
    let vault = Vault::new(&seal::testing::ring(8), Purpose::Signing);
    Playback::open(test.db.clone(), catalogue.clone(), vault, config, NOW).await
}

impl House {
    /// A title that was just received.
    pub(crate) async fn received(&self, visibility: Visibility, owner: Option<AccountId>) -> TitleId {
        let key = "film.mp4".parse().unwrap();
        let new = NewTitle::of(BucketName::source(), key, ObjectId::new(), "standard");
        let mut tx = self.test.db.begin().await.unwrap();
        let new = NewTitle { visibility, owner, ..new };
        let id = self.catalogue.create(&mut tx, NOW, &new).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A title that can be played, and its asset.
    pub(crate) async fn title(&self, visibility: Visibility, owner: Option<AccountId>) -> (TitleId, AssetId) {
        let id = self.received(visibility, owner).await;
        let mut tx = self.test.db.begin().await.unwrap();
        let (source, plan) = film();
        let (asset, generation) =
            self.catalogue.add_generation(&mut tx, NOW, id, &source, &plan).await.unwrap();
        let chunk = Chunk {
            track: Track::Video(0),
            chunk: 0,
            object: ObjectId::new(),
            bytes: 1,
            sha256: [0; 32],
            index: Vec::new(),
        };
        self.catalogue.add_chunk(&mut tx, NOW, generation, &chunk).await.unwrap();
        tx.commit().await.unwrap();
        (id, asset)
    }

    /// Writes down that all that an account has ended, or one session of it, as `identity` does.
    pub(crate) async fn ended(&self, account: AccountId, session: Option<SessionId>) {
        let sql = "INSERT INTO endings (id, account, session) VALUES ($1, $2, $3)";
        self.test.db.execute(sql, db::args![EndingId::new(), account, session]).await.unwrap();
    }

    /// Writes down that a title is for others now, as `catalogue` does.
    pub(crate) async fn withdrawn(&self, title: TitleId) {
        let sql = "INSERT INTO withdrawals (id, title) VALUES ($1, $2)";
        self.test.db.execute(sql, db::args![EndingId::new(), title]).await.unwrap();
    }

    /// Ends what an account plays.
    pub(crate) async fn revoke_account(&self, account: AccountId, now: Timestamp) {
        self.ended(account, None).await;
        self.playback.settle(now).await.unwrap();
    }

    /// Ends what is played in a session.
    pub(crate) async fn revoke_session(&self, account: AccountId, session: SessionId, now: Timestamp) {
        self.ended(account, Some(session)).await;
        self.playback.settle(now).await.unwrap();
    }

    /// Ends what is watched of a title.
    pub(crate) async fn revoke_title(&self, title: TitleId, now: Timestamp) {
        self.withdrawn(title).await;
        self.playback.settle(now).await.unwrap();
    }

    pub(crate) fn state(&self) -> State {
        State::clone(&self.playback.state().borrow())
    }

    /// The edge's answer to a request with cookies.
    pub(crate) fn with_cookies(
        &self,
        cookies: &[(&'static str, String)],
        path: &str,
        now: Timestamp,
    ) -> Result<Option<PlaybackSessionId>, Denied> {
        let header: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let header = header.join("; ");
        Ok(self.check(header.as_bytes(), path, now)?.session())
    }

    /// The edge's answer to a request below `/t/`.
    pub(crate) fn with_token(&self, path: &str, now: Timestamp) -> Result<Option<PlaybackSessionId>, Denied> {
        let (token, target) = sign::token::split(path).unwrap();
        let signers = self.signers();
        let grant = sign::token::verify(sign::token::find_key(&signers, token, now)?, token)?;
        let request = Request {
            scheme: "http",
            host: "localhost:8080",
            target,
            cookies: &[],
            client: [127, 0, 0, 1].into(),
            now,
        };
        grant.check(&request, target)?;
        Ok(grant.session())
    }

    /// The edge's answer to a request without cookies.
    pub(crate) fn with_query(&self, target: &str, now: Timestamp) -> Result<Grant, Denied> {
        self.check(b"", target, now)
    }

    fn check(&self, cookies: &[u8], target: &str, now: Timestamp) -> Result<Grant, Denied> {
        let client = [127, 0, 0, 1].into();
        let request =
            Request { scheme: "http", host: "localhost:8080", target, cookies: &[cookies], client, now };
        Ok(sign::verify(&self.signers(), &request)?.grant)
    }

    fn signers(&self) -> Keys {
        self.state().keys.iter().map(|key| sign::Key::parse(key).unwrap()).collect()
    }
}

pub(crate) fn wish(who: &Who, title: TitleId) -> Wish<'_> {
    Wish { who, title, configuration: "standard", format: Format::Hls, now: NOW }
}

pub(crate) fn person(role: Role) -> Who {
    let session = uuid::Uuid::new_v4().as_simple().to_string().parse().unwrap();
    Who::Account { account: AccountId::new(), role, via: Via::Session(session) }
}

/// Two seconds of a picture in two chunks.
fn film() -> (Source, Plan) {
    let rate = FrameRate::new(24, 1).unwrap();
    let chunk = |segments, decode_from| plan::Chunk { of: Medium::Video, segments, decode_from };
    let chunks = vec![chunk(0..1, 0), chunk(1..2, 24)];
    let renditions = vec![rendition(640, 360, 1_000_000)];
    let plan = testing::plan(rate, &[0, 24, 48], renditions, Vec::new(), chunks);
    (testing::film(640, 360, rate, 48), plan)
}
