//! The queue through its public door, on every engine that is there. Time is a number that the tests choose.

#![expect(clippy::unwrap_used, reason = "a failing helper of a test shall panic")]

mod bump;
mod claim;
mod clock;
mod group;
mod lapse;
mod look;
mod presence;
mod retry;
mod title;

use std::time::Duration;

use db::testing::TestDb;
use jobs::{Claim, Completed, Fault, Lease, New, Outcome, Progress, Queue, Result, Wait};
use model::{JobId, Timestamp, TitleId};
use serde_json::json;

/// When every test begins.
const T0: Timestamp = Timestamp(1_700_000_000_000);

/// A queue in a throw-away database.
struct Bench {
    queue: Queue,
    test: TestDb,
}

async fn benches() -> Vec<Bench> {
    let all = db::testing::databases(&[jobs::MIGRATIONS]).await;
    all.into_iter().map(|test| Bench { queue: Queue::new(test.db.clone()), test }).collect()
}

fn job(n: u32) -> New {
    New::job("encode", json!({ "n": n }))
}

fn by(worker: &str) -> Claim<'_> {
    Claim { worker, kinds: &["encode", "publish"], capabilities: &[], lease: Duration::from_secs(30) }
}

fn at(seconds: i64) -> Timestamp {
    T0.plus_ms(seconds * 1000)
}

impl Bench {
    /// A job as versions before this one enqueued it.
    async fn enqueued_before(&self, n: u32) -> JobId {
        const OLD: &str =
            "INSERT INTO jobs (id, kind, payload, state, priority, run_at, attempt, failures, max_attempts,
                releases, progress, log_lines, created_at)
            VALUES ($1, 'encode', $2, 'queued', 0, $3, 0, 0, 3, 0, 0, 0, $3)";
        let (id, payload) = (JobId::new(), json!({ "n": n }).to_string());
        self.test.db.execute(OLD, db::args![id, payload, T0]).await.unwrap();
        id
    }

    async fn enqueue(&self, new: &New) -> JobId {
        let mut tx = self.test.db.begin().await.unwrap();
        let id = self.queue.enqueue(&mut tx, T0, new).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn claim(&self, now: Timestamp, worker: &str) -> Option<Lease> {
        self.queue.claim(now, &by(worker)).await.unwrap()
    }

    async fn complete(&self, now: Timestamp, lease: &Lease) -> Result<Completed> {
        let mut tx = self.test.db.begin().await.unwrap();
        let done = self.queue.complete(&mut tx, now, lease, Some(&json!("done"))).await?;
        tx.commit().await.unwrap();
        Ok(done)
    }

    async fn fail(&self, now: Timestamp, lease: &Lease, fault: &Fault) -> Result<Outcome> {
        let mut tx = self.test.db.begin().await.unwrap();
        let outcome = self.queue.fail(&mut tx, now, lease, fault).await?;
        tx.commit().await.unwrap();
        Ok(outcome)
    }

    async fn postpone(&self, now: Timestamp, title: TitleId, wait: &Wait<'_>) -> u64 {
        let mut tx = self.test.db.begin().await.unwrap();
        let jobs = self.queue.postpone(&mut tx, now, title, "encode", wait).await.unwrap();
        tx.commit().await.unwrap();
        jobs
    }

    async fn reason(&self, id: JobId, now: Timestamp) -> String {
        self.queue.get(id).await.unwrap().unwrap().reason(now)
    }
}
