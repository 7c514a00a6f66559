//! The titles that are being worked on, stage by stage, and those that failed.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use catalogue::{Audience, List, Title};
use http_face::ApiError;
use jobs::{AtWork, Filter, Job};
use model::title::State as Stage;
use model::{Timestamp, TitleId, job};
use serde::Serialize;

use crate::answer::{Items, fresh};
use crate::{Site, words};

/// Titles of each state that are shown.
const MAX: u32 = 20;
/// The share that is stored, in ‰, from which on the time left can be told.
const TELLING: u64 = 50;
/// Lines of a log that are shown.
const LINES: usize = 20;

/// The stages of a title, in their order.
const STAGES: [(Stage, &str); 5] = [
    (Stage::Received, "Received"),
    (Stage::Probed, "Probed"),
    (Stage::Planned, "Planned"),
    (Stage::Encoding, "Encoding"),
    (Stage::Published, "Published"),
];

/// One stage of a title.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// `done`, `now`, `later`.
    pub(crate) class: &'static str,
}

/// A title that is being worked on or has failed.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: TitleId,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) state_word: &'static str,
    pub(crate) bad: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) progress: u16,
    pub(crate) percent: String,
    pub(crate) speed: String,
    pub(crate) left: String,
    pub(crate) reason: String,
    pub(crate) log: Vec<String>,
}

/// The same in JSON, as the page keeps it current.
#[derive(Debug, Serialize)]
pub(crate) struct Json {
    id: TitleId,
    name: String,
    state: Stage,
    /// In ‰.
    progress: u16,
    /// Times real time, all running encodes together.
    speed: Option<f64>,
    eta_ms: Option<u64>,
    reason: Option<String>,
}

/// What is shown with a tab of the jobs page.
fn states(tab: Option<job::State>) -> &'static [Stage] {
    match tab {
        None => {
            &[Stage::Encoding, Stage::Planned, Stage::Probed, Stage::Received, Stage::Failed, Stage::Rejected]
        }
        Some(job::State::Running) => &[Stage::Encoding, Stage::Planned, Stage::Probed, Stage::Received],
        Some(job::State::Queued) => &[Stage::Encoding, Stage::Planned, Stage::Probed, Stage::Received],
        Some(job::State::Failed) => &[Stage::Failed, Stage::Rejected],
        Some(job::State::Done | job::State::Cancelled) => &[],
    }
}

/// What the titles of a tab are doing, for when there are none.
pub(crate) fn doing(tab: Option<job::State>) -> &'static str {
    match tab {
        None => "being worked on, and none has failed",
        Some(job::State::Failed) => "failed or rejected",
        Some(job::State::Running | job::State::Queued) => "being worked on",
        Some(job::State::Done | job::State::Cancelled) => "shown here: finished titles are on the first page",
    }
}

async fn titles(site: &Site, tab: Option<job::State>) -> Result<Vec<Title>, ApiError> {
    let mut found = Vec::new();
    for state in states(tab) {
        let list = List { state: Some(*state), limit: MAX, ..List::newest(Audience::Operator) };
        found.extend(site.catalogue().list(&list).await.map_err(ApiError::internal)?);
    }
    Ok(found)
}

/// The titles that jobs run for.
async fn at_work(site: &Site) -> Result<HashMap<TitleId, AtWork>, ApiError> {
    let titles = site.jobs().at_work().await.map_err(ApiError::internal)?;
    Ok(titles.into_iter().map(|at| (at.title, at)).collect())
}

/// The job that a title failed with.
async fn failed(site: &Site, title: TitleId) -> Result<Option<Job>, ApiError> {
    let state = Some(job::State::Failed);
    let filter = Filter { state, title: Some(title), limit: 1, ..Filter::default() };
    Ok(site.jobs().list(&filter).await.map_err(ApiError::internal)?.pop())
}

/// Time that is left when the rest goes as what was done, in ms: from the share that is stored and when the title
/// came. Too little done says nothing.
pub(crate) fn left_ms(title: &Title, now: Timestamp) -> Option<u64> {
    let done = u64::from(title.progress);
    if title.state != Stage::Encoding || done < TELLING {
        return None;
    }
    let elapsed = u64::try_from(now.0 - title.created_at.0).ok()?;
    Some(elapsed.saturating_mul(1000_u64.saturating_sub(done)) / done)
}

/// The cards of a tab of the jobs page.
pub(crate) async fn cards(
    site: &Site,
    tab: Option<job::State>,
    now: Timestamp,
) -> Result<Vec<Card>, ApiError> {
    let at_work = at_work(site).await?;
    let mut cards = Vec::new();
    for title in titles(site, tab).await? {
        let mut log = Vec::new();
        let at = at_work.get(&title.id);
        let job = match title.state.is_final() {
            true => failed(site, title.id).await?.map(|job| job.id),
            false => at.map(|at| at.newest),
        };
        if let Some(job) = job {
            let lines = site.jobs().log_lines(job).await.map_err(ApiError::internal)?;
            log = lines.into_iter().map(|line| line.line).collect();
            log.drain(..log.len().saturating_sub(LINES));
        }
        let speed = at.and_then(|at| at.speed).map(words::speed).unwrap_or_default();
        cards.push(Card { log, speed, ..card(&title, now) });
    }
    Ok(cards)
}

fn card(title: &Title, now: Timestamp) -> Card {
    let bad = matches!(title.state, Stage::Failed | Stage::Rejected);
    Card {
        id: title.id,
        name: title.name.clone(),
        state: title.state.as_str(),
        state_word: words::state(title.state),
        bad,
        steps: steps(title),
        progress: title.progress,
        percent: words::percent(title.progress),
        speed: String::new(),
        left: left_ms(title, now).map(words::left).unwrap_or_default(),
        reason: words::sentence(title.reason.as_deref().unwrap_or_default()),
        log: Vec::new(),
    }
}

/// How far a title came; one that failed stands where its facts say it stopped.
fn steps(title: &Title) -> Vec<Step> {
    let reached = match title.state {
        Stage::Failed | Stage::Rejected if title.generation.is_some() => Stage::Encoding,
        Stage::Failed | Stage::Rejected if title.kind.is_some() => Stage::Probed,
        Stage::Failed | Stage::Rejected => Stage::Received,
        state => state,
    };
    let at = STAGES.iter().position(|(stage, _)| *stage == reached).unwrap_or(0);
    let class = |n: usize| match n.cmp(&at) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "now",
        std::cmp::Ordering::Greater => "later",
    };
    STAGES.iter().enumerate().map(|(n, (_, name))| Step { name, class: class(n) }).collect()
}

/// `GET /api/work?state=`
pub(crate) async fn api(
    State(site): State<Site>,
    http_face::take::Query(wanted): http_face::take::Query<crate::jobs_page::Wanted>,
) -> Result<Response, ApiError> {
    let now = site.now();
    let at_work = at_work(&site).await?;
    let item = |title: Title| Json {
        id: title.id,
        state: title.state,
        progress: title.progress,
        speed: at_work.get(&title.id).and_then(|at| at.speed),
        eta_ms: left_ms(&title, now),
        reason: title.reason,
        name: title.name,
    };
    let items = titles(&site, wanted.state()).await?.into_iter().map(item).collect();
    Ok(fresh(&Items::<Json>::all(items)))
}
