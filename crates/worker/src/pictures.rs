//! Posters and storyboards.

use std::sync::Arc;

use encode::stills;
use jobs::Lease;
use pipeline::Stills;
use pipeline::work::{OfPictures, Pictures};
use tokio_util::sync::CancellationToken;

use crate::run::Worker;
use crate::scratch::{Scratch, stage};
use crate::sources::Sources;
use crate::stop::Stop;
use crate::task::{Report, unless_stopped};

pub(crate) async fn pictures(
    worker: &Worker,
    sources: &Sources,
    lease: &Lease,
    of: &OfPictures,
    report: &Report,
    cancel: &CancellationToken,
) -> Result<(), Stop> {
    let title = worker.pipeline.title(of.title).await?;
    let asset = worker.pipeline.asset(of.asset, of.generation).await?;
    report.stage("fetching the source");
    let object = title.source_object;
    let parts = match of.pictures {
        Pictures::Posters => unless_stopped(cancel, sources.to_look(object, &asset)).await?,
        Pictures::Storyboard => None,
    };
    let file = match parts {
        Some(parts) => Arc::new(parts),
        None => unless_stopped(cancel, sources.whole(object)).await?,
    };
    let scratch = Scratch::make(worker, lease).await?;
    // Pictures never decide over a title: also what would reject it only ends their own job.
    let failed = |error: encode::Error| Stop::of_encoder(&error);
    let work = stills::Work { source: &asset.source, file: file.path(), scratch: scratch.path() };
    let (tools, jail) = (&worker.tools, &worker.jail);
    let made = match of.pictures {
        Pictures::Posters => {
            report.stage("choosing a picture");
            let mut posters = vec![];
            for poster in stills::posters(tools, jail, work, cancel).await.map_err(failed)? {
                posters.push((poster.width, stage(worker, &poster.path, None).await?));
            }
            Stills::Posters(posters)
        }
        Pictures::Storyboard => {
            report.stage("taking pictures");
            let board = stills::storyboard(tools, jail, work, cancel).await.map_err(failed)?;
            let mut made = None;
            if let Some(board) = board {
                let mut sheets = vec![];
                for sheet in &board.sheets {
                    sheets.push(stage(worker, sheet, None).await?);
                }
                made = Some((board.facts, sheets));
            }
            Stills::Storyboard(made)
        }
    };
    Ok(worker.pipeline.pictures_made(lease, of, made).await?)
}
