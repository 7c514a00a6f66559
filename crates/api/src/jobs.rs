//! Jobs, their logs, and pausing the encoder.

use std::collections::{BTreeSet, HashMap};
use std::slice;

use ::jobs::Filter;
use axum::extract::{Path, State};
use http_face::{ApiError, take};
use model::{JobId, Timestamp, TitleId, job};
use pipeline::{Kind, Work};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Fresh, Items};
use crate::titles::change::Did;
use crate::{Api, Caller, refused, schema};

/// Jobs on a page, unless the request says how many.
const PAGE: u32 = 100;
/// Most jobs on a page: with the next one, which says whether there are more, what the queue lists at once.
const MAX_PAGE: u32 = 499;

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id; ordered by creation.
    #[schema(schema_with = schema::id)]
    pub id: JobId,
    /// `plan`, `chunk`, `publish`, `pictures`.
    pub kind: String,
    /// The same in words.
    pub what: String,
    /// Where it stands.
    #[schema(schema_with = schema::job_state)]
    pub state: job::State,
    /// Why it is where it is; never empty.
    pub reason: String,
    /// The title that it works for.
    #[schema(schema_with = schema::id_or_null)]
    pub title: Option<TitleId>,
    /// The name of that title, unless it was deleted.
    pub title_name: Option<String>,
    /// In ‰.
    pub progress: u16,
    /// Times real time, while it encodes.
    pub speed: Option<f64>,
    /// Time left in ms, as far as it can be told.
    pub eta_ms: Option<u64>,
    /// Number of the attempt.
    pub attempt: u32,
    /// When it was queued.
    #[schema(schema_with = schema::time)]
    pub created_at: Timestamp,
    /// When its last attempt began.
    #[schema(schema_with = schema::time_or_null)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(schema_with = schema::time_or_null)]
    pub finished_at: Option<Timestamp>,
}

/// A job with its parameters.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Its parameters; their form may change with each version.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
}

/// A line of a job's log.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Its number in the log.
    pub n: u64,
    /// Number of the attempt that wrote it.
    pub attempt: u32,
    /// The line.
    pub line: String,
}

/// Whether a command changed something.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// `false` if it was so before.
    pub changed: bool,
}

impl Job {
    fn of(job: &::jobs::Job, names: &HashMap<TitleId, String>, now: Timestamp) -> Self {
        Self {
            id: job.id,
            kind: job.kind.clone(),
            what: what(job),
            state: job.state,
            reason: job.reason(now),
            title: job.title,
            title_name: job.title.and_then(|title| names.get(&title).cloned()),
            progress: job.progress,
            speed: job.speed,
            eta_ms: job.eta_ms(now),
            attempt: job.attempt,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

/// The action of a job, in words.
pub fn what(job: &::jobs::Job) -> String {
    let Some(kind) = Kind::parse(&job.kind) else { return job.kind.clone() };
    match kind {
        Kind::Plan => "Read the file".into(),
        Kind::Chunk => match job.payload.get("chunk").and_then(serde_json::Value::as_u64) {
            Some(chunk) => format!("Encode part {}", chunk + 1),
            None => "Encode a part".into(),
        },
        Kind::Publish => "Check and publish".into(),
        Kind::Pictures => match job.payload.get("pictures").and_then(serde_json::Value::as_str) {
            Some("storyboard") => "Make thumbnails".into(),
            Some("first") => "Make the first posters".into(),
            _ => "Make posters".into(),
        },
    }
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct Wanted {
    /// Only jobs in this state.
    #[param(schema_with = schema::job_state)]
    pub state: Option<job::State>,
    /// Only jobs of this title.
    #[param(schema_with = schema::id)]
    pub title: Option<TitleId>,
    /// Only older ones than this: the `next` of the page before.
    #[param(schema_with = schema::id)]
    pub before: Option<JobId>,
    /// How many jobs a page has: 100 unless it is given, at most 499.
    pub limit: Option<u32>,
}

impl Wanted {
    /// A page of the jobs that are wanted, newest first, and the `before` of the next one, if there is one.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn page(&self, api: &Api) -> Result<(Vec<::jobs::Job>, Option<JobId>), ApiError> {
        let page = self.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
        let (state, title, before) = (self.state, self.title, self.before);
        let filter = Filter { state, title, before, limit: page + 1, ..Filter::default() };
        let mut jobs = api.parts().jobs.list(&filter).await.map_err(ApiError::internal)?;
        let more = answer::cut(&mut jobs, page);
        let next = jobs.last().filter(|_| more).map(|job| job.id);
        Ok((jobs, next))
    }

    /// The same request as a query, for another state and page.
    pub fn query(&self, state: Option<job::State>, before: Option<JobId>) -> String {
        let parts = [
            state.map(|state| format!("state={}", state.as_str())),
            self.title.map(|title| format!("title={title}")),
            before.map(|job| format!("before={job}")),
        ];
        let query = parts.into_iter().flatten().collect::<Vec<_>>().join("&");
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// Names of the titles that jobs work for; those of deleted ones are missing.
///
/// # Errors
/// If the database cannot be read.
pub async fn names(api: &Api, jobs: &[::jobs::Job]) -> Result<HashMap<TitleId, String>, ApiError> {
    let ids: BTreeSet<TitleId> = jobs.iter().filter_map(|job| job.title).collect();
    let ids: Vec<TitleId> = ids.into_iter().collect();
    let titles = api.parts().catalogue.titles_of(&ids).await.map_err(ApiError::internal)?;
    Ok(titles.into_iter().map(|title| (title.id, title.name)).collect())
}

/// The job that a path names.
async fn find(api: &Api, caller: &Caller, wanted: &str) -> Result<::jobs::Job, ApiError> {
    let missing = || {
        let hint = if caller.is_host() {
            format!("There is no job `{wanted}`; see `kinora job ls`.")
        } else {
            "Job not found.".into()
        };
        ApiError::not_found("job_not_found", hint)
    };
    let id: JobId = wanted.parse().map_err(|_| missing())?;
    api.parts().jobs.get(id).await.map_err(ApiError::internal)?.ok_or_else(missing)
}

/// `GET /api/jobs`
pub(crate) async fn all(
    State(api): State<Api>,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Fresh<Items<Job>>, ApiError> {
    let now = api.now();
    let (jobs, next) = wanted.page(&api).await?;
    let names = names(&api, &jobs).await?;
    Ok(Fresh(Items::page(jobs.iter().map(|job| Job::of(job, &names, now)).collect(), next)))
}

/// `GET /api/jobs/{job}`
pub(crate) async fn one(
    State(api): State<Api>,
    caller: Caller,
    Path(job): Path<String>,
) -> Result<Fresh<Detail>, ApiError> {
    let job = find(&api, &caller, &job).await?;
    let names = names(&api, slice::from_ref(&job)).await?;
    Ok(Fresh(Detail { job: Job::of(&job, &names, api.now()), payload: job.payload }))
}

/// `GET /api/jobs/{job}/log`
pub(crate) async fn log(
    State(api): State<Api>,
    caller: Caller,
    Path(job): Path<String>,
) -> Result<Fresh<Items<LogLine>>, ApiError> {
    let job = find(&api, &caller, &job).await?;
    let lines = api.parts().jobs.log_lines(job.id).await.map_err(ApiError::internal)?;
    let line = |l: ::jobs::LogLine| LogLine { n: l.n, attempt: l.attempt, line: l.line };
    Ok(Fresh(Items::all(lines.into_iter().map(line).collect())))
}

/// `POST /api/jobs/{job}/cancel`
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Path(job): Path<String>,
) -> Result<Fresh<Did>, ApiError> {
    let job = find(&api, &caller, &job).await?;
    let by = if caller.is_host() { pipeline::By::CommandLine } else { pipeline::By::Operator };
    let jobs = api.parts().pipeline.cancel_job(job.id, by).await.map_err(refused)?;
    Ok(Did::to(job.title, jobs))
}

/// `POST /api/jobs/{job}/retry`
pub(crate) async fn retry(
    State(api): State<Api>,
    caller: Caller,
    Path(job): Path<String>,
) -> Result<Fresh<Did>, ApiError> {
    let job = find(&api, &caller, &job).await?;
    let jobs = api.parts().pipeline.retry_job(job.id).await.map_err(refused)?;
    Ok(Did::to(job.title, jobs))
}

/// `POST /api/worker/pause`
pub(crate) async fn pause(State(api): State<Api>) -> Result<Fresh<Changed>, ApiError> {
    let jobs = &api.parts().jobs;
    let changed = jobs.pause(api.now(), Work::ENCODING).await.map_err(ApiError::internal)?;
    jobs.pause(api.now(), Work::PICTURES).await.map_err(ApiError::internal)?;
    tracing::info!(changed, "encoding paused");
    Ok(Fresh(Changed { changed }))
}

/// `POST /api/worker/resume`
pub(crate) async fn resume(State(api): State<Api>) -> Result<Fresh<Changed>, ApiError> {
    let jobs = &api.parts().jobs;
    jobs.resume(Work::PICTURES).await.map_err(ApiError::internal)?;
    let changed = jobs.resume(Work::ENCODING).await.map_err(ApiError::internal)?;
    tracing::info!(changed, "encoding resumed");
    Ok(Fresh(Changed { changed }))
}
