//! Uploads of files, events.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use blob::{Attributes, By, Condition, Means, New};
use model::{BucketName, Key, title};
use pipeline::Outcome;
use serde::Deserialize;

use super::{Answer, Refused};
use crate::control::{EventAnswer, Imported};
use crate::house::House;

#[derive(Debug, Deserialize)]
pub(super) struct Upload {
    key: String,
    bytes: u64,
    template: Option<String>,
    /// Visibility of the title; when absent, that of the settings.
    visibility: Option<title::Visibility>,
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
        Some(template) => {
            let usual = || house.pipeline.visibility_of(&object.bucket, &object.key);
            let visibility = upload.visibility.unwrap_or_else(usual);
            Some(house.pipeline.start_for(&mut tx, &object, template, visibility).await?.title())
        }
        None => None,
    };
    tx.commit().await?;
    house.blob.announce();
    house.jobs.wake();
    Ok(Json(Imported { title }))
}

/// The existing object may be the only source from which a title can be re-encoded: it is not replaced.
fn taken(key: &Key) -> Refused {
    let source = BucketName::source();
    Refused::bad(format!(
        "there is already a file `{key}` in `{source}`: choose another folder with --prefix"
    ))
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
