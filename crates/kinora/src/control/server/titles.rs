//! Titles, jobs, uploads, events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use blob::{Attributes, By, Condition, Means, New};
use catalogue::{Audience, List};
use jobs::Filter;
use model::{BucketName, Key, TitleId, title};
use pipeline::Outcome;
use serde::Deserialize;

use super::{Answer, Parts, Refused, now, percent, rfc3339};
use crate::control::{Chunk, EventAnswer, Imported, Job, JobDetail, Rendition, Title, TitleDetail};

/// Most rows that a listing prints.
const MOST_ROWS: u32 = 1000;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    title: Option<String>,
    state: Option<String>,
}

pub(super) async fn list(State(parts): State<Parts>, Query(which): Query<Which>) -> Answer<Vec<Title>> {
    let state = match which.state.as_deref() {
        Some(word) => Some(title::State::parse(word).ok_or_else(|| {
            let words: Vec<&str> = title::State::ALL.iter().map(|s| s.as_str()).collect();
            Refused::bad(format!("`{word}` is not a state: {}", words.join(", ")))
        })?),
        None => None,
    };
    let mut wanted = List { state, limit: 200, ..List::newest(Audience::Operator) };
    let mut found = Vec::new();
    loop {
        let page = parts.catalogue.list(&wanted).await?;
        wanted.before = page.last().map(|t| t.id);
        found.extend(page.iter().map(view));
        if page.len() < 200 || found.len() >= MOST_ROWS as usize {
            return Ok(Json(found));
        }
    }
}

pub(super) fn view(title: &catalogue::Title) -> Title {
    Title {
        id: title.id.to_string(),
        name: title.name.clone(),
        state: title.state.as_str().to_owned(),
        reason: title.reason.clone(),
        progress: percent(title.progress),
        playable: title.playable,
        duration_ms: title.duration_ms,
        created: rfc3339(title.created_at),
        bucket: title.bucket.to_string(),
        key: title.source_key.to_string(),
        template: title.template.clone(),
        purge: title.purge_at.map(rfc3339),
    }
}

pub(super) async fn show(State(parts): State<Parts>, Path(wanted): Path<String>) -> Answer<TitleDetail> {
    let title = parts.title(&wanted).await?;
    let mut detail = TitleDetail {
        title: view(&title),
        asset: title.asset.map(|id| id.to_string()),
        generation: title.generation.map(|id| id.to_string()),
        keep_source: title.keep_source,
        source_bytes: parts.pipeline.source_bytes(&title).await?,
        renditions: Vec::new(),
        chunks: Vec::new(),
    };
    let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(Json(detail)) };
    let asset = parts.catalogue.asset(asset, generation).await?;
    detail.renditions = asset
        .plan
        .renditions
        .iter()
        .map(|r| Rendition {
            width: r.width,
            height: r.height,
            codec: r.codec.clone(),
            max_rate: r.max_rate.0,
        })
        .collect();
    for track in asset.plan.tracks() {
        let rows = parts.catalogue.chunks(generation, track).await?;
        detail.chunks.extend(rows.into_iter().map(|row| Chunk {
            track: row.track.to_string(),
            chunk: row.chunk,
            bytes: row.bytes,
            sha256: hex::encode(row.sha256),
        }));
    }
    Ok(Json(detail))
}

pub(super) async fn jobs(State(parts): State<Parts>, Query(which): Query<Which>) -> Answer<Vec<Job>> {
    let title = match &which.title {
        Some(wanted) => Some(parts.title(wanted).await?.id),
        None => None,
    };
    let state = match which.state.as_deref() {
        Some(word) => Some(model::job::State::parse(word).ok_or_else(|| {
            Refused::bad(format!("`{word}` is not a state: queued, running, done, failed, cancelled"))
        })?),
        None => None,
    };
    let mut filter = Filter { state, title, limit: 500, ..Filter::default() };
    let (mut found, mut names) = (Vec::new(), HashMap::new());
    loop {
        let page = parts.jobs.list(&filter).await?;
        filter.before = page.last().map(|job| job.id);
        for job in &page {
            found.push(job_view(&parts, job, &mut names).await?);
        }
        if page.len() < 500 || found.len() >= MOST_ROWS as usize {
            return Ok(Json(found));
        }
    }
}

async fn job_view(
    parts: &Parts,
    job: &jobs::Job,
    names: &mut HashMap<TitleId, Option<String>>,
) -> Result<Job, Refused> {
    let title_name = match job.title {
        Some(id) => match names.entry(id) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(name_of(parts, id).await?).clone(),
        },
        None => None,
    };
    Ok(Job {
        id: job.id.to_string(),
        kind: job.kind.clone(),
        title: job.title.map(|id| id.to_string()),
        title_name,
        state: job.state.as_str().to_owned(),
        reason: job.reason(now()),
        progress: percent(job.progress),
        speed: job.speed,
        attempt: job.attempt,
        created: rfc3339(job.created_at),
    })
}

async fn name_of(parts: &Parts, id: TitleId) -> Result<Option<String>, Refused> {
    match parts.catalogue.title(id).await {
        Ok(title) => Ok(Some(title.name)),
        Err(catalogue::Error::NoTitle { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn job(State(parts): State<Parts>, Path(id): Path<String>) -> Answer<JobDetail> {
    let job = parts.job(&id).await?;
    let log = parts.jobs.log_lines(job.id).await?.into_iter().map(|line| line.line).collect();
    let view = job_view(&parts, &job, &mut HashMap::new()).await?;
    Ok(Json(JobDetail { job: view, payload: job.payload, log }))
}

pub(super) async fn pause(State(parts): State<Parts>) -> Answer<bool> {
    let changed = parts.jobs.pause(now(), pipeline::Work::ENCODING).await?;
    parts.jobs.pause(now(), pipeline::Work::PICTURES).await?;
    tracing::info!(changed, "encoding paused");
    Ok(Json(changed))
}

pub(super) async fn resume(State(parts): State<Parts>) -> Answer<bool> {
    parts.jobs.resume(pipeline::Work::PICTURES).await?;
    let changed = parts.jobs.resume(pipeline::Work::ENCODING).await?;
    tracing::info!(changed, "encoding resumed");
    Ok(Json(changed))
}

#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    key: String,
    bytes: u64,
    template: Option<String>,
}

/// Stores the body as an object of bucket `source`, as any client's upload; with a template it becomes a title in the
/// same transaction, otherwise by the rules.
pub(super) async fn import(
    State(parts): State<Parts>,
    Query(upload): Query<Upload>,
    body: Body,
) -> Answer<Imported> {
    let key: Key = upload.key.parse()?;
    let staged = parts.blob.stage(body.into_data_stream(), Some(upload.bytes), None).await?;
    let new = New {
        bucket: BucketName::source(),
        key,
        attributes: Attributes::default(),
        condition: Condition::None,
        by: By::Client(Means::Put),
    };
    let mut tx = parts.db.begin().await?;
    let object = parts.blob.commit_in(&mut tx, staged, new).await?;
    let title = match upload.template.as_deref().or_else(|| parts.pipeline.template_for(&object)) {
        Some(template) => Some(parts.pipeline.start_in(&mut tx, &object, template).await?.title()),
        None => None,
    };
    tx.commit().await?;
    parts.blob.announce();
    parts.jobs.wake();
    Ok(Json(Imported { title: title.map(|id| id.to_string()) }))
}

pub(super) async fn event(State(parts): State<Parts>, body: Bytes) -> Answer<EventAnswer> {
    let mut answer = EventAnswer { started: Vec::new(), already: Vec::new() };
    for outcome in parts.pipeline.accept(&body).await? {
        match outcome {
            Outcome::Started(id) => answer.started.push(id.to_string()),
            Outcome::Already(id) => answer.already.push(id.to_string()),
        }
    }
    Ok(Json(answer))
}
