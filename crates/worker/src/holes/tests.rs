//! Where parts of a source do not do, the whole of it is fetched: with the installed ffmpeg behind a launcher that makes
//! it fail, and without a jail, which is not part of this crate.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use blob::{By, Means, New};
use catalogue::Catalogue;
use encode::Tools;
use jail::Jail;
use jobs::{Claim, Lease, Queue};
use model::plan::{Medium, Track};
use model::{BucketName, TitleId};
use pipeline::{Hope, Pipeline, Place, Rule, Work};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::LEASE;
use crate::sources::Sources;
use crate::stop::Stop;
use crate::turn::Turn;
use crate::worker::Worker;
use crate::{Config, task};

/// Finds the program of the order that a launcher is given.
const PROGRAM: &str = r#"program=$(printf %s "$1" | sed 's/.*"program":"\([^"]*\)".*/\1/'); shift"#;

struct House {
    worker: Worker,
    sources: Sources,
    catalogue: Catalogue,
    folder: TempDir,
}

impl House {
    /// A house on SQLite whose tools are started by a shell, which does what `script` says before it becomes them; store
    /// and scratch folder lie on `disk`, all of which may be used.
    async fn new(disk: &Path, script: &str) -> Self {
        let (folder, scratch) = (db::testing::in_memory(), disk.join("scratch"));
        let db = db::Db::open_sqlite(&folder.path().join("test.db")).await.unwrap();
        db.migrate(&[blob::MIGRATIONS, jobs::MIGRATIONS, catalogue::MIGRATIONS]).await.unwrap();
        fs::create_dir(&scratch).unwrap();
        let config = blob::Config { reserve_bytes: Some(0), sealed: false, ..blob::Config::default() };
        let blob = blob::Blob::open_with(db.clone(), &disk.join("blob"), config, None).await.unwrap();
        let (queue, catalogue) = (Queue::new(db.clone()), Catalogue::open(db.clone()).await.unwrap());
        let pipeline = Pipeline::new(db, blob.clone(), queue.clone(), catalogue.clone(), Rule::defaults());
        let script = script.replace("HERE", folder.path().to_str().unwrap());
        let script = format!("{PROGRAM}\n{script}\nexec \"$program\" \"$@\"");
        let jail = Jail::new(["/bin/sh", "-c", &script, "sh"]);
        let (tools, sources) = (Tools::find().unwrap(), Sources::new(blob.clone(), scratch.clone()));
        let config = Config::default();
        let worker = Worker::new("up".into(), &config, queue, pipeline, blob, tools, jail, scratch);
        Self { worker, sources, catalogue, folder }
    }

    /// Puts a file in, and answers its title.
    async fn take_in(&self, file: &Path) -> TitleId {
        let new = New::named(BucketName::source(), "film.mp4".parse().unwrap(), By::Client(Means::Put));
        self.worker.blob.put(fs::read(file).unwrap(), new).await.unwrap();
        self.worker.pipeline.take_events().await.unwrap();
        let list = catalogue::List::newest(catalogue::Audience::Operator);
        self.catalogue.list(&list).await.unwrap()[0].id
    }

    async fn claim(&self, kind: &str) -> Lease {
        let fingerprint = self.worker.tools.fingerprint();
        let claim = Claim { worker: "up/0", kinds: &[kind], capabilities: &[&fingerprint], lease: LEASE };
        self.worker.queue.claim(self.worker.queue.now(), &claim).await.unwrap().unwrap()
    }

    async fn run(&self, lease: &Lease) -> Result<(), Stop> {
        let shutdown = CancellationToken::new();
        task::run(&self.worker, &self.sources, &Turn::new(lease, &shutdown)).await
    }

    /// Tells the launcher something.
    fn make(&self, mark: &str) {
        fs::write(self.folder.path().join(mark), "").unwrap();
    }
}

/// A film of seven minutes that is large enough for its parts to be fetched.
fn film(folder: &Path) -> PathBuf {
    let (short, long) = (folder.join("short.mp4"), folder.join("film.mp4"));
    let ffmpeg = |args: &str, to: &Path| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).args(args.split_ascii_whitespace()).arg(to);
        assert!(command.status().unwrap().success(), "{args}");
    };
    ffmpeg(
        "-f lavfi -i testsrc2=s=160x120:r=24:d=12,noise=alls=60:allf=t -f lavfi -i sine=d=12 -c:v libx264 \
         -preset ultrafast -b:v 800k -g 24 -pix_fmt yuv420p -c:a aac",
        &short,
    );
    ffmpeg(&format!("-stream_loop -1 -i {} -t 420 -c copy", short.display()), &long);
    long
}

/// Waits until there is something to be seen, at most half a minute.
async fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..3000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

/// A disk of so many bytes; `None`, and a line in the output, where nobody may mount one.
struct Disk(TempDir);

impl Disk {
    fn new(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Self(folder));
        }
        model::testing::skipped("a small disk (no tmpfs may be mounted here)");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn what_was_fetched_in_vain_takes_no_room_from_the_whole_source() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let bytes = fs::metadata(&film).unwrap().len();
    // The store's copy, the whole source, and less than its parts.
    let Some(disk) = Disk::new(2 * bytes + bytes / 8) else { return };
    let house = House::new(disk.0.path(), "mkdir HERE/failed 2>/dev/null && exit 1").await;
    let title = house.take_in(&film).await;
    let object = house.worker.pipeline.title(title).await.unwrap().source_object;
    let parts = house.sources.to_probe(object).await.unwrap().unwrap();
    house.sources.to_find_captions(object, &parts).await.unwrap();
    let left = house.worker.blob.available().await.unwrap();
    assert!(left < bytes, "both never fit: {left} beside parts of {bytes}");
    drop(parts);

    house.run(&house.claim("plan").await).await.unwrap();
    assert!(house.folder.path().join("failed").is_dir(), "the parts were looked at first");
    assert!(house.worker.pipeline.title(title).await.unwrap().generation.is_some());
}

#[tokio::test]
async fn a_kept_source_leaves_space_and_gives_its_own_to_a_job_that_finds_none() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path());
    let bytes = fs::metadata(&film).unwrap().len();
    // The store's copy, the whole source, as much again, and a little more.
    let Some(disk) = Disk::new(3 * bytes + bytes / 8) else { return };
    let house = House::new(disk.0.path(), "").await;
    let title = house.take_in(&film).await;
    let object = house.worker.pipeline.title(title).await.unwrap().source_object;
    let hour = Duration::from_secs(3600);
    let keep = async || {
        let whole = house.sources.whole(object, &[]).await.unwrap();
        house.sources.keep(whole, bytes, hour).await;
        house.worker.blob.available().await.unwrap()
    };
    let free = house.worker.blob.available().await.unwrap();
    let beside = keep().await;
    assert!(free - beside >= bytes, "it is kept: {free} and {beside} free");

    // The film's parts do not fit until the kept copy is gone.
    let others = fs::File::create(disk.0.path().join("others")).unwrap();
    let fill = |bytes: u64| {
        others.set_len(0).unwrap();
        others.write_all_at(&vec![1; usize::try_from(bytes).unwrap()], 0).unwrap();
    };
    fill(beside);
    house.run(&house.claim("plan").await).await.unwrap();
    assert!(house.worker.pipeline.title(title).await.unwrap().generation.is_some());

    fill(free - bytes - bytes / 2);
    let free = house.worker.blob.available().await.unwrap();
    let after = keep().await;
    assert!(free - after < bytes, "it is not kept where less is free: {free} and {after}");
}

#[tokio::test]
async fn a_chunk_that_fails_for_its_holes_is_made_of_the_whole_source_and_shown_anew() {
    let folder = tempfile::tempdir().unwrap();
    // Once it is armed, the first run writes everything, waits until that is seen, and fails; the next one waits, too.
    let script = "if [ -e HERE/armed ]; then
        if mkdir HERE/failed 2>/dev/null; then
            \"$program\" \"$@\"; until [ -e HERE/seen ]; do sleep 0.05; done; exit 1
        fi
        until [ -e HERE/go ]; do sleep 0.05; done
    fi";
    let house = House::new(folder.path(), script).await;
    let title = house.take_in(&film(folder.path())).await;
    house.run(&house.claim("plan").await).await.unwrap();
    let pipeline = &house.worker.pipeline;
    let title = pipeline.title(title).await.unwrap();
    let (asset, generation) = (title.asset.unwrap(), title.generation.unwrap());
    let asset = pipeline.asset(asset, generation).await.unwrap();
    let lease = house.claim("chunk").await;
    let Some(Work::Chunk(of)) = Work::of(&lease).unwrap() else { panic!("{lease:?}") };
    let chunk = asset.plan.chunk(of.chunk).unwrap();
    let track = match chunk.of {
        Medium::Video => Track::Video(0),
        Medium::Audio(n) => Track::Audio(n),
        Medium::Captions(n) => Track::Captions(n),
    };
    let parts = house.sources.to_encode(title.source_object, &asset, of.chunk).await.unwrap();
    assert!(parts.is_some(), "it is made of parts at first");
    drop(parts);

    house.make("armed");
    let viewer = async {
        let place = Place { asset: &asset, track, segment: chunk.segments.start };
        assert_eq!(pipeline.want(&place).await.unwrap(), Hope::Coming);
        let shown = || pipeline.early(generation, track, of.chunk);
        let early = soon("nothing is shown early", shown).await;
        assert!(!early.index.segments.is_empty());
        house.make("seen");
        let is_gone = || shown().is_none().then_some(());
        soon("what was made of parts is still shown", is_gone).await;
        house.make("go");
    };
    let (done, ()) = tokio::join!(house.run(&lease), viewer);
    done.unwrap();
    let stored = house.catalogue.chunks(generation, track).await.unwrap();
    assert_eq!(stored.iter().map(|row| row.chunk).collect::<Vec<_>>(), [of.chunk]);
}

#[tokio::test]
async fn jobs_that_need_the_whole_source_at_the_same_time_share_one_copy() {
    const BYTES: usize = 3 << 20;
    let disk = tempfile::tempdir().unwrap();
    let house = House::new(disk.path(), "").await;
    let file = disk.path().join("song");
    fs::write(&file, vec![7; BYTES]).unwrap();
    let title = house.take_in(&file).await;
    let object = house.worker.pipeline.title(title).await.unwrap().source_object;
    let whole = async || house.sources.whole(object, &[]).await.unwrap();
    // One that gives up in the middle takes nothing from those who wait for the same copy.
    let given_up = tokio::time::timeout(Duration::ZERO, whole());
    let (given_up, one, other) = tokio::join!(given_up, whole(), whole());
    assert!(given_up.is_err() && Arc::ptr_eq(&one, &other));
    let mut bytes = vec![0; BYTES];
    fs::File::open(one.path()).unwrap().read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 7));
    assert!(Arc::ptr_eq(&one, &whole().await), "as long as somebody has it");
    drop((one, other));
    let anew = whole().await;
    assert_eq!(Arc::strong_count(&anew), 1);
}

#[test]
fn what_has_nothing_to_do_with_the_source_is_no_reason_to_copy_it_whole() {
    let file = |kind| encode::Error::File { path: "/scratch".into(), source: io::Error::from(kind) };
    for (error, expected) in [
        (encode::Error::Holes, true),
        (file(io::ErrorKind::UnexpectedEof), true),
        (file(io::ErrorKind::StorageFull), false),
        (file(io::ErrorKind::QuotaExceeded), false),
        (encode::Error::Unwritten { tool: "ffmpeg", log: vec![] }, false),
        (encode::Error::Cancelled, false),
        (jail::Error::NotStarted { reason: "no processes".into() }.into(), false),
        (jail::Error::NotEntered { reason: "no launcher".into() }.into(), false),
    ] {
        assert_eq!(may_be_why(&error), expected, "{error:?}");
    }
}
