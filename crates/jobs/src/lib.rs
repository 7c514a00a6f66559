//! Durable job queue: leases, fencing, retries, fan-out and fan-in, progress.
//!
//! A job is a row. [`Queue::claim`] hands it to one worker under a [`Lease`]; every later call of that worker is
//! checked against job, worker and attempt, so that a worker that lost its lease cannot do harm. This crate is the one
//! owner of retries: a failed try rests and comes back, and a job that never succeeds ends as failed with its last
//! reason. What follows a group of jobs is enqueued in the transaction that completes its last member.
//!
//! It runs nothing itself and does not read the time of day: every call takes `now`. Calls that change what others
//! see at the same time take the caller's transaction. Locks are taken in the order group, job, so call the queue
//! before locking rows of your own that other callers also lock, and give a hint with [`Queue::wake`] after the
//! commit.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use std::time::Duration;
//! use jobs::{Claim, New, NewGroup, Queue};
//! use model::Timestamp;
//! use serde_json::json;
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await?;
//! db.migrate(&[jobs::MIGRATIONS]).await?;
//! let queue = Queue::new(db.clone());
//! let now = Timestamp(1_700_000_000_000);
//!
//! let chunks = (0..2).map(|n| New::job("encode", json!({ "chunk": n }))).collect();
//! let publish = New::job("publish", json!({}));
//! let mut tx = db.begin().await?;
//! queue.enqueue_group(&mut tx, now, &NewGroup { members: chunks, then: vec![publish], ..NewGroup::default() }).await?;
//! tx.commit().await?;
//! queue.wake();
//!
//! let claim = Claim { worker: "main/0", kinds: &["encode", "publish"], capabilities: &[], lease: Duration::from_secs(30) };
//! let mut order = Vec::new();
//! while let Some(lease) = queue.claim(now, &claim).await? {
//!     order.push(lease.kind.clone());
//!     let mut tx = db.begin().await?;
//!     queue.complete(&mut tx, now, &lease, None).await?;
//!     tx.commit().await?;
//! }
//! assert_eq!(order, ["encode", "encode", "publish"]);
//! # Ok::<(), jobs::Error>(()) }).unwrap();
//! ```

mod backoff;
mod error;
mod hint;
mod job;
mod new;
mod queue;
mod schema;

pub use error::{Error, Result};
pub use hint::Hints;
pub use job::{Job, Lease};
pub use new::{New, NewGroup};
pub use queue::{
    Again, AtWork, Bump, Claim, Completed, Counts, Ended, Fault, Filter, Group, GroupState, LogLine, Outcome,
    Pause, Presence, Progress, Queue, Released, Wait,
};
pub use schema::MIGRATIONS;
