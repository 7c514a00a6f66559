//! The operator's list of jobs.

use ::jobs::{Counts, Job};
use api::jobs::{self, Wanted};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http_face::{ApiError, take};
use model::{JobId, Timestamp, TitleId, job};

use crate::page::{Frame, render};
use crate::visitor::Visitor;
use crate::{Site, words, work};

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
            what: jobs::what(job),
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
    /// The state of the tab's titles, in words.
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
    let (jobs, next) = wanted.page(site.api()).await?;
    let counts = site.jobs().counts(now).await.map_err(ApiError::internal)?;
    let names = jobs::names(site.api(), &jobs).await?;
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
fn headline(counts: Counts) -> String {
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
