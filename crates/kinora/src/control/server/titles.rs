//! Titles, uploads, events.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use blob::{Attributes, By, Condition, Means, New};
use catalogue::{Audience, List};
use model::{BucketName, Key, title};
use pipeline::Outcome;
use serde::Deserialize;

use super::{Answer, MAX_ROWS, Refused, percent, rfc3339};
use crate::control::{Chunk, EventAnswer, Imported, Rendition, Title, TitleDetail};
use crate::house::House;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    state: Option<title::State>,
}

pub(super) async fn list(State(house): State<House>, Query(which): Query<Which>) -> Answer<Vec<Title>> {
    let mut wanted = List { state: which.state, limit: 200, ..List::newest(Audience::Operator) };
    let mut found = Vec::new();
    loop {
        let page = house.catalogue.list(&wanted).await?;
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

pub(super) async fn show(State(house): State<House>, Path(wanted): Path<String>) -> Answer<TitleDetail> {
    let title = house.title(&wanted).await?;
    let mut detail = TitleDetail {
        title: view(&title),
        asset: title.asset,
        generation: title.generation,
        keep_source: title.keep_source,
        source_bytes: house.pipeline.source_bytes(&title).await?,
        renditions: Vec::new(),
        chunks: Vec::new(),
    };
    let (Some(asset), Some(generation)) = (title.asset, title.generation) else { return Ok(Json(detail)) };
    let asset = house.catalogue.asset(asset, generation).await?;
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
        let rows = house.catalogue.chunks(generation, track).await?;
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
    /// Whether it only asks what speaks against the upload; the body is empty then.
    #[serde(default)]
    asks: bool,
}

/// Stores the body as a new object of bucket `source`, as any client's upload; with a template it becomes a title in the
/// same transaction, otherwise by the rules. What is bound to fail is refused before the body is read.
pub(super) async fn import(
    State(house): State<House>,
    Query(upload): Query<Upload>,
    body: Body,
) -> Answer<Imported> {
    let (bucket, key): (_, Key) = (BucketName::source(), upload.key.parse()?);
    if let Some(template) = &upload.template {
        house.pipeline.templates().named(template)?;
    }
    match house.blob.head(&bucket, &key).await {
        Ok(_) => return Err(taken(&key)),
        Err(blob::Error::NoSuchKey) => {}
        Err(error) => return Err(error.into()),
    }
    if upload.asks {
        return Ok(Json(Imported { title: None }));
    }
    let staged = house.blob.stage(body.into_data_stream(), Some(upload.bytes), None).await?;
    let new = New {
        bucket,
        key: key.clone(),
        attributes: Attributes::default(),
        condition: Condition::Absent,
        by: By::Client(Means::Put),
    };
    let mut tx = house.db.begin().await?;
    let committed = house.blob.commit_in(&mut tx, staged, new).await;
    let object = committed.map_err(|error| match error {
        blob::Error::Precondition => taken(&key),
        error => error.into(),
    })?;
    let title = match upload.template.as_deref().or_else(|| house.pipeline.template_for(&object)) {
        Some(template) => Some(house.pipeline.start_in(&mut tx, &object, template).await?.title()),
        None => None,
    };
    tx.commit().await?;
    house.blob.announce();
    house.jobs.wake();
    Ok(Json(Imported { title }))
}

/// The object that is there may be all that a title can be encoded anew from: it is not replaced.
fn taken(key: &Key) -> Refused {
    let source = BucketName::source();
    Refused::bad(format!("there is a file `{key}` in `{source}` already: name another folder with --prefix"))
}

pub(super) async fn event(State(house): State<House>, body: Bytes) -> Answer<EventAnswer> {
    let mut answer = EventAnswer { started: Vec::new(), already: Vec::new() };
    for outcome in house.pipeline.accept(&body).await? {
        match outcome {
            Outcome::Started(id) => answer.started.push(id),
            Outcome::Already(id) => answer.already.push(id),
        }
    }
    Ok(Json(answer))
}
