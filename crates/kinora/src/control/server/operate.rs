//! What operators do to titles and jobs.

use axum::Json;
use axum::extract::{Path, State};
use model::TitleId;
use pipeline::{By, Purge, SourceFile};

use super::titles::view;
use super::{Answer, now};
use crate::control::{Delete, Did, Title};
use crate::house::House;

fn did(title: Option<TitleId>, jobs: u64) -> Json<Did> {
    Json(Did { title, jobs })
}

pub(super) async fn cancel(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = house.title(&wanted).await?.id;
    Ok(did(Some(title), house.pipeline.cancel(title, By::CommandLine).await?))
}

pub(super) async fn retry(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = house.title(&wanted).await?.id;
    Ok(did(Some(title), house.pipeline.retry(title).await?))
}

pub(super) async fn reencode(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = house.title(&wanted).await?.id;
    house.pipeline.reencode(title).await?;
    Ok(did(Some(title), 1))
}

pub(super) async fn drop_source(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = house.title(&wanted).await?.id;
    house.pipeline.drop_source(title).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn delete(
    State(house): State<House>,
    Path(wanted): Path<String>,
    Json(how): Json<Delete>,
) -> Answer<Did> {
    let title = match house.title(&wanted).await {
        Ok(title) => title.id,
        // One that is deleted already may go sooner.
        Err(_) if how.now => house.deleted(&wanted).await?,
        Err(refused) => return Err(refused),
    };
    let bytes = if how.now { Purge::Now } else { Purge::Later };
    let file = if how.keep_source { SourceFile::Stays } else { SourceFile::Goes };
    house.pipeline.delete(title, bytes, file).await?;
    house.playback.settle(now()).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn deleted(State(house): State<House>) -> Answer<Vec<Title>> {
    Ok(Json(house.catalogue.restorable().await?.iter().map(view).collect()))
}

pub(super) async fn restore(State(house): State<House>, Path(wanted): Path<String>) -> Answer<Did> {
    let title = house.deleted(&wanted).await?;
    house.pipeline.restore(title).await?;
    house.playback.refresh(now()).await?;
    Ok(did(Some(title), 0))
}

pub(super) async fn cancel_job(State(house): State<House>, Path(id): Path<String>) -> Answer<Did> {
    let job = house.job(&id).await?;
    Ok(did(job.title, house.pipeline.cancel_job(job.id, By::CommandLine).await?))
}

pub(super) async fn retry_job(State(house): State<House>, Path(id): Path<String>) -> Answer<Did> {
    let job = house.job(&id).await?;
    Ok(did(job.title, house.pipeline.retry_job(job.id).await?))
}
