//! Titles, uploads, events.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use blob::{Attributes, By, Condition, Means, New};
use catalogue::{Audience, List};
use model::{BucketName, Key, title};
use pipeline::Outcome;
use serde::Deserialize;

use super::{Answer, MAX_ROWS, Parts, percent, rfc3339};
use crate::control::{Chunk, EventAnswer, Imported, Rendition, Title, TitleDetail};

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    state: Option<title::State>,
}

pub(super) async fn list(State(parts): State<Parts>, Query(which): Query<Which>) -> Answer<Vec<Title>> {
    let mut wanted = List { state: which.state, limit: 200, ..List::newest(Audience::Operator) };
    let mut found = Vec::new();
    loop {
        let page = parts.catalogue.list(&wanted).await?;
        wanted.before = page.last().map(|t| t.id);
        found.extend(page.iter().map(view));
        if page.len() < 200 || found.len() >= MAX_ROWS as usize {
            return Ok(Json(found));
        }
    }
}

pub(super) fn view(title: &catalogue::Title) -> Title {
    Title {
        id: title.id,
        name: title.name.clone(),
        state: title.state,
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
        asset: title.asset,
        generation: title.generation,
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
    Ok(Json(Imported { title }))
}

pub(super) async fn event(State(parts): State<Parts>, body: Bytes) -> Answer<EventAnswer> {
    let mut answer = EventAnswer { started: Vec::new(), already: Vec::new() };
    for outcome in parts.pipeline.accept(&body).await? {
        match outcome {
            Outcome::Started(id) => answer.started.push(id),
            Outcome::Already(id) => answer.already.push(id),
        }
    }
    Ok(Json(answer))
}
