use blob::{Blob, By, Means, New};
use catalogue::Catalogue;
use db::testing::TestDb;
use jobs::{Fault, Job, Lease};
use model::{BucketName, TitleId, WaitsFor, job, title};
use pipeline::{Kind, Rule};

use super::*;

const FINGERPRINT: &str = "test encoder";

struct House {
    attendant: Attendant,
    catalogue: Catalogue,
    blob: Blob,
    test: TestDb,
    _folder: tempfile::TempDir,
}

async fn houses() -> Vec<House> {
    let mut houses = Vec::new();
    for test in db::testing::databases(&[blob::MIGRATIONS, jobs::MIGRATIONS, catalogue::MIGRATIONS]).await {
        let folder = tempfile::tempdir().unwrap();
        let blob = Blob::open(test.db.clone(), folder.path()).await.unwrap();
        let (queue, catalogue) =
            (Queue::new(test.db.clone()), Catalogue::open(test.db.clone()).await.unwrap());
        let pipeline =
            Pipeline::new(test.db.clone(), blob.clone(), queue.clone(), catalogue.clone(), Rule::defaults());
        let attendant = Attendant { fingerprint: FINGERPRINT.into(), queue, pipeline };
        houses.push(House { attendant, catalogue, blob, test, _folder: folder });
    }
    houses
}

impl House {
    /// A new title, whose file is to be read.
    async fn title(&self) -> TitleId {
        let key = "film.mp4".parse().unwrap();
        let new = New::named(BucketName::source(), key, By::Client(Means::Put));
        self.blob.put(b"film".to_vec(), new).await.unwrap();
        self.attendant.pipeline.take_events().await.unwrap();
        let list = catalogue::List::newest(catalogue::Audience::Operator);
        self.catalogue.list(&list).await.unwrap()[0].id
    }

    /// A job that nobody waits for.
    async fn pictures(&self) {
        let mut tx = self.test.db.begin().await.unwrap();
        let new = jobs::New::job(Work::PICTURES, serde_json::json!({}));
        self.attendant.queue.enqueue(&mut tx, self.attendant.queue.now(), &new).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn claim(&self, worker: &str, kind: Kind, lease: Duration) -> Lease {
        let claim = Claim { worker, kinds: &[kind.as_str()], capabilities: &[FINGERPRINT], lease };
        self.attendant.queue.claim(self.attendant.queue.now(), &claim).await.unwrap().unwrap()
    }

    async fn job(&self, lease: &Lease) -> Job {
        self.attendant.queue.get(lease.job).await.unwrap().unwrap()
    }
}

/// Work that runs until it is told to end.
async fn until_told(turn: &Turn<'_>) -> Result<(), Stop> {
    let told = tokio::time::timeout(Duration::from_secs(20), turn.cancel.cancelled()).await;
    told.expect("it is told to end");
    Err(Stop::Failed { fault: Fault::Permanent("ended in the middle".into()), log: Vec::new() })
}

#[tokio::test]
async fn a_worker_that_is_stopped_gives_its_job_back() {
    for house in houses().await {
        house.title().await;
        let lease = house.claim("up/0", Kind::Plan, LEASE).await;
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        let stop = async {
            tokio::time::sleep(BEAT).await;
            shutdown.cancel();
        };
        tokio::join!(house.attendant.attend(&turn, until_told(&turn)), stop);
        let job = house.job(&lease).await;
        assert_eq!(
            (job.state, job.failures, job.waits_why.as_deref()),
            (job::State::Queued, 0, Some("the worker was stopped"))
        );
        assert_eq!(house.claim("up/1", Kind::Plan, LEASE).await.job, lease.job, "at once");
    }
}

#[tokio::test]
async fn a_lease_is_kept_while_the_task_runs() {
    for house in houses().await {
        house.title().await;
        let lease = house.claim("up/0", Kind::Plan, LEASE).await;
        let until = async || house.job(&lease).await.lease_until.unwrap();
        let first = until().await;
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        let task = async {
            turn.report.stage("reading the source");
            let mut known = first;
            for _ in 0..3 {
                while until().await == known {
                    tokio::time::sleep(BEAT).await;
                }
                assert!(until().await > known, "{known:?}");
                known = until().await;
            }
            assert!(!house.attendant.queue.has_expired(first).await.unwrap(), "when it would have ended");
            Ok(())
        };
        house.attendant.attend(&turn, task).await;
        let job = house.job(&lease).await;
        assert_eq!((job.state, job.message.as_deref()), (job::State::Running, Some("reading the source")));
    }
}

#[tokio::test]
async fn a_task_whose_lease_is_lost_ends_and_changes_nothing() {
    for house in houses().await {
        house.title().await;
        let lease = house.claim("up/0", Kind::Plan, Duration::ZERO).await;
        assert_eq!(house.attendant.pipeline.look_after().await.unwrap(), 1);
        let again = loop {
            let claim = Claim {
                worker: "up/1",
                kinds: &[Kind::Plan.as_str()],
                capabilities: &[FINGERPRINT],
                lease: LEASE,
            };
            let at = house.attendant.queue.now().plus_ms(3_600_000);
            if let Some(again) = house.attendant.queue.claim(at, &claim).await.unwrap() {
                break again;
            }
        };
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        house.attendant.attend(&turn, until_told(&turn)).await;
        assert!(!shutdown.is_cancelled(), "the others go on");
        let job = house.job(&again).await;
        assert_eq!((job.state, job.worker.as_deref()), (job::State::Running, Some("up/1")));
    }
}

#[tokio::test]
async fn pictures_give_way_to_what_somebody_waits_for_and_nothing_else_does() {
    for house in houses().await {
        house.pictures().await;
        let lease = house.claim("up/0", Kind::Pictures, LEASE).await;
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        let wanted = async {
            tokio::time::sleep(4 * CLAIMED).await;
            assert!(!turn.cancel.is_cancelled(), "nobody waits yet");
            house.title().await;
        };
        tokio::join!(house.attendant.attend(&turn, until_told(&turn)), wanted);
        let job = house.job(&lease).await;
        assert_eq!(
            (job.state, job.failures, job.waits_why.as_deref()),
            (job::State::Queued, 0, Some(GIVES_WAY))
        );

        let plan = house.claim("up/0", Kind::Plan, LEASE).await;
        house.title().await;
        let turn = Turn::new(&plan, &shutdown);
        let task = async {
            tokio::time::sleep(4 * CLAIMED).await;
            assert!(!turn.cancel.is_cancelled(), "another title waits its turn");
            Ok(())
        };
        house.attendant.attend(&turn, task).await;
    }
}

#[tokio::test]
async fn what_finds_no_room_waits_and_what_fails_is_held_against_it() {
    for house in houses().await {
        let title = house.title().await;
        let lease = house.claim("up/0", Kind::Plan, LEASE).await;
        let shutdown = CancellationToken::new();
        let turn = Turn::new(&lease, &shutdown);
        let before = house.attendant.queue.now();
        let held = async { Err(Stop::Held { why: "waits for disk space".into() }) };
        house.attendant.attend(&turn, held).await;
        let job = house.job(&lease).await;
        assert_eq!(
            (job.state, job.failures, job.waits_why.as_deref()),
            (job::State::Queued, 0, Some("waits for disk space"))
        );
        // It waits for 5 s; one second is for what happened before.
        assert!(job.run_at.0 > before.0 + 1_000, "not at once");
        let waits = house.catalogue.titles_that_wait_for(WaitsFor::Space).await.unwrap();
        assert_eq!(waits, [title], "and its title says so");
        let gone_on =
            house.attendant.queue.go_on(title, house.attendant.queue.now(), WaitsFor::Space).await.unwrap();
        assert_eq!(gone_on, 1, "it waits for space");

        // Whatever rests is due by then.
        let later = house.attendant.queue.now().plus_ms(60_000);
        let claim = Claim { worker: "up/0", kinds: &Work::KINDS, capabilities: &[FINGERPRINT], lease: LEASE };
        let lease = house.attendant.queue.claim(later, &claim).await.unwrap().unwrap();
        let turn = Turn::new(&lease, &shutdown);
        let fault = Fault::Permanent("the tool broke".into());
        let broke = async { Err(Stop::Failed { fault, log: vec!["its last line".into()] }) };
        house.attendant.attend(&turn, broke).await;
        assert_eq!(house.job(&lease).await.state, job::State::Failed);
        assert_eq!(house.catalogue.title(title).await.unwrap().state, title::State::Failed);
    }
}

#[tokio::test]
async fn what_stalls_is_tried_once_more_and_then_fails_with_its_last_words() {
    let after = encode::run::MAX_STALL;
    for house in houses().await {
        let title = house.title().await;
        let shutdown = CancellationToken::new();
        let mut tries = 0;
        loop {
            tries += 1;
            let at = house.attendant.queue.now().plus_ms(i64::from(tries) * 600_000);
            let claim =
                Claim { worker: "up/0", kinds: &Work::KINDS, capabilities: &[FINGERPRINT], lease: LEASE };
            let Some(lease) = house.attendant.queue.claim(at, &claim).await.unwrap() else { break };
            let log =
                vec![format!("try {tries}: a warning"), "[aac] [error] more bits than there are".into()];
            let stalled = encode::Error::Stalled { tool: "ffmpeg", after, log };
            let turn = Turn::new(&lease, &shutdown);
            house.attendant.attend(&turn, async { Err(Stop::encode(&stalled, title)) }).await;
            let job = house.job(&lease).await;
            if tries == 1 {
                assert_eq!((job.state, job.max_attempts), (job::State::Queued, 2));
                continue;
            }
            let said =
                "ffmpeg made no progress for 60 s and was stopped: [aac] [error] more bits than there are";
            assert_eq!((job.state, job.cause.as_deref()), (job::State::Failed, Some(said)));
            let title = house.catalogue.title(title).await.unwrap();
            assert_eq!((title.state, title.reason.as_deref()), (title::State::Failed, Some(said)));
            let log = house.attendant.queue.log_lines(job.id).await.unwrap();
            let lines: Vec<&str> = log.iter().map(|line| line.line.as_str()).collect();
            let ended = |n| format!("try {n} ended: {said}");
            let last = "[aac] [error] more bits than there are";
            assert_eq!(lines, ["try 1: a warning", last, &ended(1), "try 2: a warning", last, &ended(2)]);
        }
        assert_eq!(tries, 3, "claimed twice, and never again");
    }
}

/// How often the end of a job is told that is taken in the end, after `refusals`, and how long that took.
async fn told(shutdown: &CancellationToken, refusals: Vec<pipeline::Error>) -> (usize, Duration) {
    let (begun, mut refusals, mut tries) = (Instant::now(), refusals.into_iter(), 0);
    let tell = || {
        tries += 1;
        std::future::ready(refusals.next().map_or(Ok(()), Err))
    };
    write_down(shutdown, tell).await;
    (tries, begun.elapsed())
}

#[tokio::test]
async fn the_end_of_a_job_waits_for_room_and_goes_on_when_there_is_some() {
    let full = || {
        let source = std::io::ErrorKind::StorageFull.into();
        pipeline::Error::Blob(blob::Error::NoSpace { free: 0, reserve: 1, wanted: 1, source })
    };
    let going = CancellationToken::new();
    let (tries, took) = told(&going, (0..10).map(|_| full()).collect()).await;
    assert_eq!(tries, 11, "until it is written");
    assert!(took >= 10 * LOOK, "{took:?}: nobody asks all the time");

    let title = TitleId::new();
    let (tries, _) = told(&going, vec![pipeline::Error::Incomplete { title, missing: 1 }, full()]).await;
    assert_eq!(tries, 1, "that does not pass");
    let gone = blob::Error::NoSuchObject(model::ObjectId::new());
    let (tries, _) = told(&going, vec![gone.into(), full()]).await;
    assert_eq!(tries, 1, "nor does what is missing in the store");
    let job = model::JobId::new();
    let (tries, _) = told(&going, vec![full(), jobs::Error::LeaseLost { job }.into(), full()]).await;
    assert_eq!(tries, 2, "it is somebody else's now");
    going.cancel();
    let (tries, _) = told(&going, vec![full(), full()]).await;
    assert_eq!(tries, 1, "who stops waits for nothing");
}
