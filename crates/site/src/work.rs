//! The titles that are being worked on, stage by stage, and those that failed.

use std::collections::HashMap;

use api::work::{at_work, left_ms, titles};
use catalogue::Title;
use http_face::ApiError;
use jobs::AtWork;
use model::title::State as Stage;
use model::{JobId, Timestamp, TitleId, job};

use crate::{Site, words};

/// Lines of a log that are shown.
const LINES: u32 = 20;

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

/// The state of a tab's titles in words, for an empty tab.
pub(crate) fn doing(tab: Option<job::State>) -> &'static str {
    match tab {
        None => "being worked on, and none has failed",
        Some(job::State::Failed) => "failed or rejected",
        Some(job::State::Running | job::State::Queued) => "being worked on",
        Some(job::State::Done | job::State::Cancelled) => "shown here: finished titles are on the first page",
    }
}

/// The job whose log is shown with each title: the one that it failed with, or the newest that runs.
async fn told_by(
    site: &Site,
    titles: &[Title],
    at_work: &HashMap<TitleId, AtWork>,
) -> Result<HashMap<TitleId, JobId>, ApiError> {
    let (ended, going): (Vec<_>, Vec<_>) = titles.iter().partition(|title| title.state.is_final());
    let ended: Vec<_> = ended.iter().map(|title| title.id).collect();
    let failed = site.jobs().last_failed(&ended).await.map_err(ApiError::internal)?;
    let running = going.iter().filter_map(|title| Some((title.id, at_work.get(&title.id)?.newest)));
    Ok(failed.into_iter().chain(running).collect())
}

/// The cards of a tab of the jobs page.
pub(crate) async fn cards(
    site: &Site,
    tab: Option<job::State>,
    now: Timestamp,
) -> Result<Vec<Card>, ApiError> {
    let at_work = at_work(site.api()).await?;
    let titles = titles(site.api(), tab).await?;
    let told_by = told_by(site, &titles, &at_work).await?;
    let jobs: Vec<_> = told_by.values().copied().collect();
    let mut logs = site.jobs().log_tails(&jobs, LINES).await.map_err(ApiError::internal)?;
    let card = |title: &Title| {
        let log = told_by.get(&title.id).and_then(|job| logs.remove(job)).unwrap_or_default();
        let speed = at_work.get(&title.id).and_then(|at| at.speed).map(words::speed).unwrap_or_default();
        Card { log, speed, ..card(title, now) }
    };
    Ok(titles.iter().map(card).collect())
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
