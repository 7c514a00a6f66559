//! Jobs, and whether the encoder goes on.

use std::collections::{HashMap, HashSet};
use std::slice;

use axum::Json;
use axum::extract::{Path, Query, State};
use jobs::Filter;
use model::{TitleId, job};
use pipeline::Work;
use serde::Deserialize;

use super::{Answer, MAX_ROWS, Refused, now, percent, rfc3339};
use crate::control::{Job, JobDetail};
use crate::house::House;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// Id or name.
    title: Option<String>,
    state: Option<job::State>,
}

pub(super) async fn list(State(house): State<House>, Query(which): Query<Which>) -> Answer<Vec<Job>> {
    let title = match &which.title {
        Some(wanted) => Some(house.title(wanted).await?.id),
        None => None,
    };
    let mut filter = Filter { state: which.state, title, limit: 500, ..Filter::default() };
    let mut found = Vec::new();
    loop {
        let page = house.jobs.list(&filter).await?;
        filter.before = page.last().map(|job| job.id);
        let names = names(&house, &page).await?;
        found.extend(page.iter().map(|job| view(job, &names)));
        if page.len() < 500 || found.len() >= MAX_ROWS as usize {
            return Ok(Json(found));
        }
    }
}

fn view(job: &jobs::Job, names: &HashMap<TitleId, String>) -> Job {
    Job {
        id: job.id,
        kind: job.kind.clone(),
        title: job.title,
        title_name: job.title.and_then(|title| names.get(&title).cloned()),
        state: job.state,
        reason: job.reason(now()),
        progress: percent(job.progress),
        speed: job.speed,
        attempt: job.attempt,
        created: rfc3339(job.created_at),
    }
}

/// The names of the titles that these jobs are for; none of a deleted one.
async fn names(house: &House, jobs: &[jobs::Job]) -> Result<HashMap<TitleId, String>, Refused> {
    let titles: HashSet<TitleId> = jobs.iter().filter_map(|job| job.title).collect();
    let titles: Vec<TitleId> = titles.into_iter().collect();
    Ok(house.catalogue.titles_of(&titles).await?.into_iter().map(|title| (title.id, title.name)).collect())
}

pub(super) async fn show(State(house): State<House>, Path(id): Path<String>) -> Answer<JobDetail> {
    let job = house.job(&id).await?;
    let log = house.jobs.log_lines(job.id).await?.into_iter().map(|line| line.line).collect();
    let names = names(&house, slice::from_ref(&job)).await?;
    Ok(Json(JobDetail { job: view(&job, &names), payload: job.payload, log }))
}

pub(super) async fn pause(State(house): State<House>) -> Answer<bool> {
    let changed = house.jobs.pause(now(), Work::ENCODING).await?;
    house.jobs.pause(now(), Work::PICTURES).await?;
    tracing::info!(changed, "encoding paused");
    Ok(Json(changed))
}

pub(super) async fn resume(State(house): State<House>) -> Answer<bool> {
    house.jobs.resume(Work::PICTURES).await?;
    let changed = house.jobs.resume(Work::ENCODING).await?;
    tracing::info!(changed, "encoding resumed");
    Ok(Json(changed))
}
