//! The operator's list of jobs.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http_face::{ApiError, take};
use jobs::{Filter, Job};
use model::{JobId, Timestamp, TitleId, job};
use pipeline::Kind;
use serde::{Deserialize, Serialize};

use crate::answer::{Items, fresh};
use crate::page::{Frame, render};
use crate::visitor::Visitor;
use crate::{Site, paging, words, work};

/// Jobs on a page.
const PAGE: u32 = 100;

/// Which jobs to show.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Wanted {
    state: Option<job::State>,
    title: Option<TitleId>,
    pub(crate) before: Option<JobId>,
}

impl Wanted {
    /// A page of the jobs that are wanted, and the `before` of the next one, if there is one.
    pub(crate) async fn page(&self, site: &Site) -> Result<(Vec<Job>, Option<JobId>), ApiError> {
        let (state, title, before) = (self.state, self.title, self.before);
        let filter = Filter { state, title, before, limit: PAGE + 1, ..Filter::default() };
        let mut jobs = site.jobs().list(&filter).await.map_err(ApiError::internal)?;
        let more = paging::cut(&mut jobs, PAGE);
        let next = jobs.last().filter(|_| more).map(|job| job.id);
        Ok((jobs, next))
    }

    /// The chosen tab.
    pub(crate) fn state(&self) -> Option<job::State> {
        self.state
    }

    /// The same question as a query.
    pub(crate) fn query(&self, state: Option<job::State>, before: Option<JobId>) -> String {
        let parts = [
            state.map(|state| format!("state={}", state.as_str())),
            self.title.map(|title| format!("title={title}")),
            before.map(|job| format!("before={job}")),
        ];
        let query = parts.into_iter().flatten().collect::<Vec<_>>().join("&");
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

/// A job in a table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: JobId,
    pub(crate) what: String,
    /// The title it works for, where that is not plain from the page.
    pub(crate) title: Option<(TitleId, String)>,
    pub(crate) state: &'static str,
    pub(crate) state_word: &'static str,
    /// In ‰, while it runs.
    pub(crate) progress: Option<u16>,
    pub(crate) percent: String,
    pub(crate) speed: String,
    pub(crate) left: String,
    pub(crate) reason: String,
    pub(crate) when: String,
    pub(crate) when_iso: String,
}

impl Row {
    pub(crate) fn of(job: &Job, title: Option<(TitleId, String)>, now: Timestamp) -> Self {
        let running = job.state == job::State::Running;
        let at = job.finished_at.or(job.started_at).unwrap_or(job.created_at);
        Self {
            id: job.id,
            what: what(job),
            title,
            state: job.state.as_str(),
            state_word: words::job_state(job.state),
            progress: running.then_some(job.progress),
            percent: if running { words::percent(job.progress) } else { String::new() },
            speed: job.speed.filter(|_| running).map(words::speed).unwrap_or_default(),
            left: job.eta_ms(now).map(words::left).unwrap_or_default(),
            reason: if job.state == job::State::Done {
                String::new()
            } else {
                words::sentence(&job.reason(now))
            },
            when: words::ago(at, now),
            when_iso: words::iso(at),
        }
    }
}

/// What a job does, in words.
fn what(job: &Job) -> String {
    let Some(kind) = Kind::parse(&job.kind) else { return job.kind.clone() };
    match kind {
        Kind::Plan => "Read the file and plan".into(),
        Kind::Chunk => match job.payload.get("chunk").and_then(serde_json::Value::as_u64) {
            Some(chunk) => format!("Encode part {}", chunk + 1),
            None => "Encode a part".into(),
        },
        Kind::Publish => "Check and publish".into(),
        Kind::Pictures => match job.payload.get("pictures").and_then(serde_json::Value::as_str) {
            Some("storyboard") => "Make the storyboard".into(),
            _ => "Make posters".into(),
        },
    }
}

/// A job in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Json {
    id: JobId,
    kind: String,
    what: String,
    state: job::State,
    /// Why it is where it is; never empty.
    reason: String,
    title: Option<TitleId>,
    /// In ‰.
    progress: u16,
    /// Times real time.
    speed: Option<f64>,
    eta_ms: Option<u64>,
    attempt: u32,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl Json {
    pub(crate) fn of(job: &Job, now: Timestamp) -> Self {
        Self {
            id: job.id,
            kind: job.kind.clone(),
            what: what(job),
            state: job.state,
            reason: job.reason(now),
            title: job.title,
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

/// `GET /api/jobs?state=&title=&before=`
pub(crate) async fn api(
    State(site): State<Site>,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let (jobs, next) = wanted.page(&site).await?;
    Ok(fresh(&Items::page(jobs.iter().map(|job| Json::of(job, now)).collect(), next)))
}

struct Tab {
    label: &'static str,
    count: u64,
    link: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs<'a> {
    frame: &'a Frame,
    headline: String,
    tabs: Vec<Tab>,
    /// Whether titles are shown: on the first page of all jobs.
    first: bool,
    /// What the tab's titles are doing.
    what: &'static str,
    cards: Vec<work::Card>,
    rows: Vec<Row>,
    query: String,
    next: Option<String>,
}

/// `GET /jobs`
pub(crate) async fn page(
    State(site): State<Site>,
    visitor: Visitor,
    take::Query(wanted): take::Query<Wanted>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let (jobs, next) = wanted.page(&site).await?;
    let counts = site.jobs().counts(now).await.map_err(ApiError::internal)?;
    let names = names(&site, &jobs).await?;
    let first = wanted.before.is_none() && wanted.title.is_none();
    let cards = if first { work::cards(&site, wanted.state, now).await? } else { Vec::new() };
    let tab = |label, state: Option<job::State>, count| Tab {
        label,
        count,
        link: format!("/jobs{}", wanted.query(state, None)),
        chosen: state == wanted.state,
    };
    let all = counts.queued + counts.running + counts.done + counts.failed + counts.cancelled;
    let frame = Frame::new(&visitor, "/jobs");
    let page = Jobs {
        frame: &frame,
        headline: headline(counts),
        tabs: vec![
            tab("All", None, all),
            tab("Running", Some(job::State::Running), counts.running),
            tab("Waiting", Some(job::State::Queued), counts.queued),
            tab("Failed", Some(job::State::Failed), counts.failed),
            tab("Done", Some(job::State::Done), counts.done),
        ],
        first,
        what: work::doing(wanted.state),
        cards,
        rows: jobs
            .iter()
            .map(|job| {
                let title = job.title.and_then(|id| Some((id, names.get(&id)?.clone())));
                Row::of(job, title, now)
            })
            .collect(),
        query: wanted.query(wanted.state, wanted.before),
        next: next.map(|before| format!("/jobs{}", wanted.query(wanted.state, Some(before)))),
    };
    Ok(render(&frame, &page))
}

/// The state of the queue in a sentence.
fn headline(counts: jobs::Counts) -> String {
    let count = |n: u64, one: &str, more: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {more}"),
    };
    match (counts.running, counts.queued, counts.failed) {
        (0, 0, 0) => "Nothing to do.".into(),
        (0, 0, failed) => {
            format!("Nothing is running. {}.", count(failed, "job has failed", "jobs have failed"))
        }
        (running, 0, _) => format!("{}.", count(running, "job is running", "jobs are running")),
        (running, queued, _) => {
            format!("{}, {} waiting.", count(running, "job is running", "jobs are running"), queued)
        }
    }
}

/// Names of the titles that jobs work for; those of deleted ones are missing.
async fn names(site: &Site, jobs: &[Job]) -> Result<HashMap<TitleId, String>, ApiError> {
    let ids: BTreeSet<TitleId> = jobs.iter().filter_map(|job| job.title).collect();
    let ids: Vec<TitleId> = ids.into_iter().collect();
    let titles = site.catalogue().titles_of(&ids).await.map_err(ApiError::internal)?;
    Ok(titles.into_iter().map(|title| (title.id, title.name)).collect())
}
