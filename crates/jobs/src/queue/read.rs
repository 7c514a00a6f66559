//! Looking at jobs.

use db::{Row, args};
use model::job::State;
use model::{JobId, Timestamp, TitleId};

use super::{LogLine, Queue};
use crate::{Error, Job, Result};

/// Most jobs of a page.
const PAGE: u32 = 500;

/// Which jobs to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this state.
    pub state: Option<State>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only for this title.
    pub title: Option<TitleId>,
    /// Only older ones than this: the last of the page before.
    pub before: Option<JobId>,
    /// At most this many, and never more than 500; 0 is 100.
    pub limit: u32,
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting.
    pub queued: u64,
    /// With a worker.
    pub running: u64,
    /// Finished.
    pub done: u64,
    /// Given up.
    pub failed: u64,
    /// Stopped.
    pub cancelled: u64,
    /// Since when the longest waiting due job could run: the queue's age is `now` minus this.
    pub oldest_due: Option<Timestamp>,
}

/// A title that jobs run for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtWork {
    /// The title.
    pub title: TitleId,
    /// The one of its running jobs that was made last.
    pub newest: JobId,
    /// How fast those that tell it are together, times real time.
    pub speed: Option<f64>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, payload, state, cause, waits_why, priority, run_at, group_id, title, capability,
                unique_key, attempt, failures, max_attempts, worker, lease_until, progress, speed, message, result,
                created_at, started_at, finished_at
            FROM jobs ",
            $rest
        )
    };
}

pub(super) const GET: &str = select!("WHERE id = $1");
const BY_KEY: &str = select!("WHERE unique_key = $1");
const LIST: &str = select!(
    "WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) AND (CAST($2 AS TEXT) IS NULL OR kind = $2)
        AND (CAST($3 AS TEXT) IS NULL OR title = $3) AND (CAST($4 AS TEXT) IS NULL OR id < $4)
    ORDER BY id DESC LIMIT $5"
);

impl Queue {
    /// Reads a job.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>> {
        self.db.opt(GET, args![id]).await?.as_ref().map(Job::read).transpose()
    }

    /// Reads the job of an idempotency key.
    pub async fn by_key(&self, key: &str) -> Result<Option<Job>> {
        self.db.opt(BY_KEY, args![key]).await?.as_ref().map(Job::read).transpose()
    }

    /// Lists jobs, newest first.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Job>> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit.min(PAGE) };
        let state = filter.state.map(State::as_str);
        let args = args![state, filter.kind.as_deref(), filter.title, filter.before, limit];
        self.db.all(LIST, args).await?.iter().map(Job::read).collect()
    }

    /// Reads the kept lines of a job's log, oldest first.
    pub async fn log_lines(&self, id: JobId) -> Result<Vec<LogLine>> {
        let read = |row: &Row| -> Result<LogLine> {
            Ok(LogLine {
                n: row.get("n")?,
                at: row.get("at")?,
                attempt: row.get("attempt")?,
                line: row.get("line")?,
            })
        };
        let sql = "SELECT n, at, attempt, line FROM job_logs WHERE job = $1 ORDER BY n";
        self.db.all(sql, args![id]).await?.iter().map(read).collect()
    }

    /// Counts jobs by kind and state.
    pub async fn tally(&self) -> Result<Vec<(String, State, u64)>> {
        let sql = "SELECT kind, state, COUNT(*) AS n FROM jobs GROUP BY kind, state ORDER BY kind, state";
        let read = |row: &Row| {
            let word: String = row.get("state")?;
            let state = State::parse(&word).ok_or(Error::Word { what: "state of a job", word })?;
            Ok((row.get("kind")?, state, row.get("n")?))
        };
        self.db.all(sql, args![]).await?.iter().map(read).collect()
    }

    /// The titles that jobs run for.
    pub async fn at_work(&self) -> Result<Vec<AtWork>> {
        let sql = "SELECT title, MAX(id) AS newest, SUM(speed) AS speed FROM jobs
            WHERE state = 'running' AND title IS NOT NULL GROUP BY title";
        let read = |row: &Row| {
            let (title, newest) = (row.get("title")?, row.get("newest")?);
            Ok(AtWork { title, newest, speed: row.get_opt("speed")? })
        };
        self.db.all(sql, args![]).await?.iter().map(read).collect()
    }

    /// How fast all running encodes are together, times real time.
    pub async fn speed(&self) -> Result<f64> {
        let sql = "SELECT COALESCE(SUM(speed), 0.0) AS speed FROM jobs WHERE state = 'running'";
        Ok(self.db.one(sql, args![]).await?.get("speed")?)
    }

    /// Counts jobs by state.
    pub async fn counts(&self, now: Timestamp) -> Result<Counts> {
        let mut counts = Counts::default();
        for row in self.db.all("SELECT state, COUNT(*) AS n FROM jobs GROUP BY state", args![]).await? {
            let (word, n): (String, u64) = (row.get("state")?, row.get("n")?);
            match State::parse(&word).ok_or(Error::Word { what: "state of a job", word })? {
                State::Queued => counts.queued = n,
                State::Running => counts.running = n,
                State::Done => counts.done = n,
                State::Failed => counts.failed = n,
                State::Cancelled => counts.cancelled = n,
            }
        }
        let oldest = "SELECT MIN(run_at) AS at FROM jobs WHERE state = 'queued' AND run_at <= $1";
        counts.oldest_due = self.db.one(oldest, args![now]).await?.get_opt("at")?;
        Ok(counts)
    }
}
