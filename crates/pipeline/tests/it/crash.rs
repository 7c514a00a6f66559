//! A process dies right before or right after one of its commits, somewhere on a song's way from upload to removal: the
//! next process continues it, nothing acknowledged is lost, and nothing is there twice or left behind.

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use db::Engine;
use db::testing::TestDb;
use jobs::{Claim, Filter};
use model::job;
use model::testing::FINGERPRINT;
use model::title::State;
use model::{BucketName, Key};
use pipeline::work::OfTitle;
use pipeline::{Purge, SourceFile, Stills, Work};
use tokio::{spawn, task::spawn_blocking};

use crate::house::{House, databases, now, plan, source};
use crate::pictures::staged;

const SIGABRT: i32 = 6;
/// There are at least as many commits on the way.
const COMMITS: u32 = 20;
/// Deaths at a time.
const BATCH: u32 = 8;
/// Where nothing may be left of a song that was removed.
const TABLES: [&str; 8] = ["names", "objects", "files", "parts", "titles", "generations", "chunks", "jobs"];

/// Not a test by itself: the process that dies.
#[tokio::test]
async fn child() {
    let given = |name| std::env::var(name);
    let (Ok(moment), Ok(address)) = (given("PIPELINE_CRASH_AT"), given("PIPELINE_CRASH_DATABASE")) else {
        return;
    };
    let folder = PathBuf::from(given("PIPELINE_CRASH_IN").unwrap());
    let life = Life::go_on(TestDb::at(&address).await, &folder).await;
    db::testing::crash_at(moment.parse().unwrap());
    life.to_its_end().await;
}

#[tokio::test]
async fn nothing_is_lost_or_left_wherever_the_process_dies() {
    let mut first = 1;
    let mut died = true;
    while died {
        let deaths: Vec<_> = (first..first + BATCH).map(|moment| (moment, spawn(die_at(moment)))).collect();
        for (moment, death) in deaths {
            died &= death.await.unwrap_or_else(|error| panic!("moment {moment}: {error}"));
        }
        first += BATCH;
    }
    assert!(first > 2 * COMMITS + BATCH, "fewer than {COMMITS} commits");
}

/// Lets a process live until `moment` and another one finish; answers whether it came to that.
async fn die_at(moment: u32) -> bool {
    let mut died = true;
    // On PostgreSQL, the data are the same right after a commit and right before the next one.
    let is_new = |test: &TestDb| test.engine() == Engine::Sqlite || moment.is_multiple_of(2);
    for test in databases().await.into_iter().filter(is_new) {
        let folder = db::testing::in_memory();
        fs::create_dir(folder.path().join("store")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "crash::child"]).env("PIPELINE_CRASH_AT", moment.to_string());
        child.env("PIPELINE_CRASH_DATABASE", &test.address).env("PIPELINE_CRASH_IN", folder.path());
        let Output { status, stdout, .. } = spawn_blocking(move || child.output()).await.unwrap().unwrap();
        let crashed = status.signal() == Some(SIGABRT);
        let said = String::from_utf8_lossy(&stdout);
        assert!(crashed || status.success(), "{:?}, moment {moment}: {said}", test.engine());
        died &= crashed;
        Life::go_on(test, folder.path()).await.to_its_end().await;
    }
    died
}

/// Reported states of the song, and the process that works for it.
struct Life {
    house: House,
    folder: PathBuf,
}

impl Life {
    /// After a death, maybe: what was acknowledged still holds.
    async fn go_on(test: TestDb, folder: &Path) -> Self {
        let life = Self { house: House::open(test, &folder.join("store")).await, folder: folder.to_owned() };
        let said = life.said();
        let titles = life.house.titles().await;
        if said.contains("published") && !said.contains("deleting") {
            assert_eq!(titles[0].state, State::Published);
        }
        assert!(titles.is_empty() || !said.contains("deleted"), "{titles:?}");
        life.house.pipeline.succeed("up").await.unwrap();
        life
    }

    async fn to_its_end(&self) {
        if !self.said().contains("deleting") {
            self.publish().await;
            self.say("published");
        }
        self.say("deleting");
        self.remove().await;
    }

    async fn publish(&self) {
        let Self { house, .. } = self;
        let key: Key = "songs/song.wav".parse().unwrap();
        if house.blob.head(&BucketName::source(), &key).await.is_err() {
            assert!(!self.said().contains("uploaded"), "the upload is lost");
            house.client_upload(key.as_str()).await;
        }
        self.say("uploaded");
        house.pipeline.take_events().await.unwrap();
        self.work().await;

        let titles = house.titles().await;
        assert_eq!(titles.len(), 1, "one upload is one title");
        let title = &titles[0];
        assert_eq!((title.state, title.progress, &title.reason), (State::Published, 1000, &None));
        let jobs = house.jobs.list(&Filter::default()).await.unwrap();
        assert!(jobs.len() == 5 && jobs.iter().all(|job| job.state == job::State::Done), "{jobs:?}");
        let asset = house.catalogue.asset(title.asset.unwrap(), title.generation.unwrap()).await.unwrap();
        assert!(asset.complete && asset.measured.is_some());
        let chunks = house.catalogue.chunks(asset.generation, plan().tracks().next().unwrap()).await.unwrap();
        assert_eq!(chunks.len(), 2);
        for chunk in chunks {
            assert_eq!(chunk.sha256, [7; 32]);
            let bytes = house.blob.read_to_vec(chunk.object, 0..chunk.bytes).await.unwrap();
            assert!(bytes.ends_with(&[7; 3]));
        }
        self.count("objects WHERE held <> 0", 0).await;
        self.count("generations WHERE promised", 0).await;
        self.count("job_groups WHERE state = 'open'", 0).await;
    }

    /// Does all that is queued.
    async fn work(&self) {
        let Self { house, .. } = self;
        let lease = Duration::from_secs(60);
        let claim = Claim { worker: "up/0", kinds: &Work::KINDS, capabilities: &[FINGERPRINT], lease };
        while let Some(lease) = house.jobs.claim(now(), &claim).await.unwrap() {
            let pipeline = &house.pipeline;
            match Work::of(&lease).unwrap().unwrap() {
                Work::Plan(OfTitle { title }) => {
                    pipeline.probed(&lease, title, &source()).await.unwrap();
                    pipeline.planned(&lease, title, (&source(), &[]), &plan()).await.unwrap();
                }
                Work::Chunk(of) => {
                    pipeline.encoded(&lease, &of, vec![house.made(of.chunk, 7).await]).await.unwrap();
                }
                Work::Publish(of) => pipeline.publish(&lease, &of).await.unwrap(),
                Work::Pictures(of) => {
                    let posters = Stills::Posters(vec![(320, staged(house, b"poster").await)]);
                    pipeline.pictures_made(&lease, &of, posters).await.unwrap();
                }
            }
        }
    }

    async fn remove(&self) {
        let Self { house, folder } = self;
        if let Some(title) = house.titles().await.first() {
            house.pipeline.delete(title.id, Purge::Now, SourceFile::Goes, pipeline::By::Owner).await.unwrap();
        }
        self.say("deleted");
        house.pipeline.remove_doomed().await.unwrap();
        let later = now().plus_ms(1_000_000_000);
        house.blob.sweep(later).await.unwrap();
        house.blob.sweep_disk(later).await.unwrap();

        assert!(house.titles().await.is_empty());
        for table in TABLES {
            self.count(table, 0).await;
        }
        assert_eq!(files_below(&folder.join("store")), [folder.join("store/id")]);
    }

    async fn count(&self, what: &'static str, expected: u64) {
        let sql: &'static str = format!("SELECT COUNT(*) AS n FROM {what}").leak();
        let row = self.house.test.db.one(sql, db::args![]).await.unwrap();
        assert_eq!(row.get::<u64>("n").unwrap(), expected, "{what}");
    }

    fn say(&self, word: &str) {
        fs::write(self.folder.join(word), b"").unwrap();
    }

    fn said(&self) -> HashSet<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
