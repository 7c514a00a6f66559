//! Jobs, and whether the encoder goes on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
    let (mut found, mut names) = (Vec::new(), HashMap::new());
    loop {
        let page = house.jobs.list(&filter).await?;
        filter.before = page.last().map(|job| job.id);
        for job in &page {
            found.push(view(&house, job, &mut names).await?);
        }
        if page.len() < 500 || found.len() >= MAX_ROWS as usize {
            return Ok(Json(found));
        }
    }
}

async fn view(
    house: &House,
    job: &jobs::Job,
    names: &mut HashMap<TitleId, Option<String>>,
) -> Result<Job, Refused> {
    let title_name = match job.title {
        Some(id) => match names.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(name_of(house, id).await?).clone(),
        },
        None => None,
    };
    Ok(Job {
        id: job.id,
        kind: job.kind.clone(),
        title: job.title,
        title_name,
        state: job.state,
        reason: job.reason(now()),
        progress: percent(job.progress),
        speed: job.speed,
        attempt: job.attempt,
        created: rfc3339(job.created_at),
    })
}

async fn name_of(house: &House, id: TitleId) -> Result<Option<String>, Refused> {
    match house.catalogue.title(id).await {
        Ok(title) => Ok(Some(title.name)),
        Err(catalogue::Error::NoTitle { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn show(State(house): State<House>, Path(id): Path<String>) -> Answer<JobDetail> {
    let job = house.job(&id).await?;
    let log = house.jobs.log_lines(job.id).await?.into_iter().map(|line| line.line).collect();
    let seen = view(&house, &job, &mut HashMap::new()).await?;
    Ok(Json(JobDetail { job: seen, payload: job.payload, log }))
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
