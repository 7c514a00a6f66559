//! Looking at jobs.

use std::collections::HashMap;

use db::{Row, Sql, args, sql};
use model::job::State;
use model::{JobId, Timestamp, TitleId};
use serde_json::Value;

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
    /// Due time of the job that has waited longest: the queue's age is `now` minus this.
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
    ($rest:expr) => {
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

/// A page of one of three listings, each of which walks along an index of its own.
macro_rules! list {
    ($which:literal) => {
        select!(concat!(
            "WHERE ",
            $which,
            " AND id < $1 AND (CAST($3 AS TEXT) IS NULL OR kind = $3) ORDER BY id DESC LIMIT $2"
        ))
    };
}
const LIST: &str = list!("TRUE");
const IN_STATE: &str = list!("state = $4");
const OF_TITLE: &str = list!("title = $4 AND (CAST($5 AS TEXT) IS NULL OR state = $5)");

/// After every id: where the first page begins.
const NEWEST: &str = "g";

const FAILED: Sql = sql!(
    "SELECT title, MAX(id) AS id FROM jobs WHERE state = 'failed' AND title IN " [EACH "$1"] " GROUP BY title"
);

const TAILS: Sql = sql!(
    "SELECT l.job, l.line FROM job_logs l JOIN jobs j ON j.id = l.job
    WHERE l.job IN " [EACH "$1"] " AND l.n > j.log_lines - $2 ORDER BY l.job, l.n"
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
        let before = filter.before.map_or_else(|| NEWEST.to_owned(), |id| id.to_string());
        let (kind, state) = (filter.kind.as_deref(), filter.state.map(State::as_str));
        let rows = match (filter.title, state) {
            (Some(title), state) => self.db.all(OF_TITLE, args![before, limit, kind, title, state]).await?,
            (None, Some(state)) => self.db.all(IN_STATE, args![before, limit, kind, state]).await?,
            (None, None) => self.db.all(LIST, args![before, limit, kind]).await?,
        };
        rows.iter().map(Job::read).collect()
    }

    /// The job of each of these titles that failed last; titles without one are left out.
    pub async fn last_failed(&self, titles: &[TitleId]) -> Result<Vec<(TitleId, JobId)>> {
        let list = Value::from_iter(titles.iter().map(TitleId::to_string)).to_string();
        let rows = self.db.all(self.db.pick(FAILED), args![list]).await?;
        rows.iter().map(|row| Ok((row.get("title")?, row.get("id")?))).collect()
    }

    /// The last lines of the logs of these jobs, at most `lines` of each, oldest first.
    pub async fn log_tails(&self, jobs: &[JobId], lines: u32) -> Result<HashMap<JobId, Vec<String>>> {
        let list = Value::from_iter(jobs.iter().map(JobId::to_string)).to_string();
        let mut tails: HashMap<JobId, Vec<String>> = HashMap::new();
        for row in self.db.all(self.db.pick(TAILS), args![list, lines]).await? {
            tails.entry(row.get("job")?).or_default().push(row.get("line")?);
        }
        Ok(tails)
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

#[cfg(test)]
mod tests {
    use db::Engine;

    use super::*;

    /// As many jobs as make reading all of them the wrong plan.
    const FILL: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO jobs (id, kind, payload, state, priority, run_at, title, attempt, failures, max_attempts, releases,
            progress, log_lines, created_at)
        SELECT '00000000-0000-7000-8000-' || SUBSTR(CAST(1000000000000 + i AS TEXT), 2), 'chunk', '{}', 'done', 0, 0,
            CAST(i % 1000 AS TEXT), 1, 0, 3, 0, 0, 0, 0
        FROM n";

    #[tokio::test]
    async fn no_listing_reads_all_jobs() {
        for test in db::testing::databases(&[crate::MIGRATIONS]).await {
            test.db.execute(FILL, args![]).await.unwrap();
            let (explain, column) = match test.engine() {
                Engine::Sqlite => ("EXPLAIN QUERY PLAN ", "detail"),
                Engine::Postgres => {
                    test.db.execute("ANALYZE jobs", args![]).await.unwrap();
                    ("EXPLAIN (COSTS OFF) ", "QUERY PLAN")
                }
            };
            let (kind, state) = (None::<&str>, None::<&str>);
            for (sql, args) in [
                (LIST, args![NEWEST, 100, kind]),
                (IN_STATE, args![NEWEST, 100, kind, "running"]),
                (OF_TITLE, args![NEWEST, 100, kind, TitleId::new(), state]),
                (test.db.pick(FAILED), args!["[\"a\"]"]),
                (test.db.pick(TAILS), args!["[\"a\"]", 20]),
            ] {
                let text = Box::leak(format!("{explain}{sql}").into_boxed_str());
                let rows = test.db.all(text, args).await.unwrap();
                let plan: String = rows.iter().map(|row| row.get::<String>(column).unwrap() + "\n").collect();
                for scan in ["SCAN jobs", "SCAN j\n", "SCAN l\n", "Seq Scan on jobs"] {
                    assert!(!plan.contains(scan), "{sql}\n{plan}");
                }
            }
        }
    }
}
