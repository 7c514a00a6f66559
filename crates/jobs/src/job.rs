//! Jobs as they are read, and the words that say why a job is where it is.

use db::Row;
use model::job::State;
use model::{GroupId, JobId, Timestamp, TitleId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id; ordered by creation.
    pub id: JobId,
    /// Kind of work.
    pub kind: String,
    /// Parameters for the worker.
    pub payload: Value,
    /// Where it stands.
    pub state: State,
    /// Why it is tried again, failed or was cancelled; see [`Job::reason`] for words that are always there.
    pub cause: Option<String>,
    /// Why it waits although nothing is held against it.
    pub waits_why: Option<String>,
    /// Higher runs first.
    pub priority: i32,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// The group it is a member of.
    pub group: Option<GroupId>,
    /// The title it works for.
    pub title: Option<TitleId>,
    /// The capability that a worker needs.
    pub capability: Option<String>,
    /// Idempotency key.
    pub key: Option<String>,
    /// How often it was claimed.
    pub attempt: u32,
    /// Tries that ended badly.
    pub failures: u32,
    /// Failures after which it ends as failed.
    pub max_attempts: u32,
    /// The worker that holds or held it.
    pub worker: Option<String>,
    /// End of its worker's lease, while it runs.
    pub lease_until: Option<Timestamp>,
    /// Done share of the current try in ‰.
    pub progress: u16,
    /// Times real time, as the worker last said.
    pub speed: Option<f64>,
    /// The worker's description of its current step.
    pub message: Option<String>,
    /// The worker's result.
    pub result: Option<Value>,
    /// When it was put into the queue.
    pub created_at: Timestamp,
    /// When the current or last try began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Job {
    /// Says why the job is where it is; never empty.
    pub fn reason(&self, now: Timestamp) -> String {
        let cause = self.cause.as_deref().filter(|text| !text.is_empty());
        match self.state {
            State::Queued => self.why_queued(self.waits_why.as_deref().or(cause), now),
            State::Running => self.why_running(now),
            State::Done => "done".into(),
            State::Failed | State::Cancelled => cause.unwrap_or("no reason was given").into(),
        }
    }

    /// Milliseconds until the current try will be done at its present speed; `None` while that is unknown.
    pub fn eta_ms(&self, now: Timestamp) -> Option<u64> {
        let started = self.started_at.filter(|_| self.state == State::Running && self.progress > 0)?;
        let elapsed = u64::try_from(now.0.saturating_sub(started.0)).ok()?;
        let (done, left) = (u64::from(self.progress), u64::from(1000_u16.saturating_sub(self.progress)));
        Some(elapsed.saturating_mul(left) / done)
    }

    fn why_queued(&self, cause: Option<&str>, now: Timestamp) -> String {
        let wait_ms = self.run_at.0.saturating_sub(now.0);
        let retry =
            (self.failures > 0).then(|| format!("retry {} of {}", self.failures + 1, self.max_attempts));
        if wait_ms > 0 {
            let seconds = wait_ms.saturating_add(999) / 1000;
            let what = retry.unwrap_or_else(|| "starts".into());
            return match cause {
                Some(cause) => format!("{what} in {seconds} s: {cause}"),
                None => format!("{what} in {seconds} s"),
            };
        }
        let who = match &self.capability {
            Some(capability) => format!("waiting for a worker with {capability}"),
            None => "waiting for a worker".into(),
        };
        match (retry, cause) {
            (Some(retry), Some(cause)) => format!("{who} ({retry}: {cause})"),
            (None, Some(cause)) => format!("{who} ({cause})"),
            (Some(retry), None) => format!("{who} ({retry})"),
            (None, None) => who,
        }
    }

    fn why_running(&self, now: Timestamp) -> String {
        if self.lease_until.is_some_and(|until| until < now) {
            return "its worker stopped responding; it will be retried".into();
        }
        let message = self.message.as_deref().filter(|text| !text.is_empty()).unwrap_or("a worker runs it");
        match self.failures {
            0 => message.into(),
            failures => format!("{message} (try {} of {})", failures + 1, self.max_attempts),
        }
    }

    pub(crate) fn read(row: &Row) -> Result<Self> {
        let id = row.get("id")?;
        let json = |what, text: String| {
            serde_json::from_str(&text).map_err(|source| Error::Json { job: id, what, source })
        };
        let state: String = row.get("state")?;
        Ok(Self {
            id,
            kind: row.get("kind")?,
            payload: json("payload", row.get("payload")?)?,
            state: State::parse(&state).ok_or(Error::Word { what: "state of a job", word: state })?,
            cause: row.get_opt("cause")?,
            waits_why: row.get_opt("waits_why")?,
            priority: row.get("priority")?,
            run_at: row.get("run_at")?,
            group: row.get_opt("group_id")?,
            title: row.get_opt("title")?,
            capability: row.get_opt("capability")?,
            key: row.get_opt("unique_key")?,
            attempt: row.get("attempt")?,
            failures: row.get("failures")?,
            max_attempts: row.get("max_attempts")?,
            worker: row.get_opt("worker")?,
            lease_until: row.get_opt("lease_until")?,
            progress: row.get("progress")?,
            speed: row.get_opt("speed")?,
            message: row.get_opt("message")?,
            result: row.get_opt::<String>("result")?.map(|text| json("result", text)).transpose()?,
            created_at: row.get("created_at")?,
            started_at: row.get_opt("started_at")?,
            finished_at: row.get_opt("finished_at")?,
        })
    }
}

/// A claimed job: what its worker needs, and the fence (id, worker, attempt) that every later call is checked by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// The job.
    pub job: JobId,
    /// The worker that holds it.
    pub worker: String,
    /// Number of this claim of the job.
    pub attempt: u32,
    /// How long its worker may be silent, in ms.
    pub lease_ms: u64,
    /// Kind of work.
    pub kind: String,
    /// Parameters of the job.
    pub payload: Value,
    /// The title it works for.
    pub title: Option<TitleId>,
    /// The group it is a member of.
    pub group: Option<GroupId>,
}

impl Lease {
    /// Reads the payload.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.payload).map_err(|source| Error::Json { job: self.job, what: "payload", source })
    }
}
