//! Posters and storyboards.

use std::sync::Arc;

use encode::{Look, stills};
use pipeline::Stills;
use pipeline::work::{OfPictures, Pictures};

use crate::run::Worker;
use crate::scratch::{Scratch, stage};
use crate::sources::Sources;
use crate::stop::Stop;
use crate::turn::Turn;

/// Makes pictures of a title and stores them.
pub(crate) async fn run(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    of: &OfPictures,
) -> Result<(), Stop> {
    let title = worker.pipeline.title(of.title).await?;
    let asset = worker.pipeline.asset(of.asset, of.generation).await?;
    turn.report.stage("fetching the source");
    let object = title.source_object;
    let parts = match of.pictures {
        Pictures::Posters => turn.unless_stopped(sources.to_look(object, &asset)).await?,
        Pictures::Storyboard => None,
    };
    let file = match parts {
        Some(parts) => Arc::new(parts),
        None => turn.unless_stopped(sources.whole(object)).await?,
    };
    let scratch = Scratch::make(worker, turn.lease).await?;
    // Pictures never decide over a title: also what would reject it only ends their own job.
    let failed = |error: encode::Error| Stop::of_encoder(&error);
    let (runner, source) = (worker.runner(&turn.cancel), &asset.source);
    let look = Look { runner, source, file: file.path(), scratch: scratch.path() };
    let made = match of.pictures {
        Pictures::Posters => {
            turn.report.stage("choosing a picture");
            let mut posters = vec![];
            for poster in stills::posters(look).await.map_err(failed)? {
                posters.push((poster.width, stage(worker, &poster.path, None).await?));
            }
            Stills::Posters(posters)
        }
        Pictures::Storyboard => {
            turn.report.stage("taking pictures");
            let board = stills::storyboard(look).await.map_err(failed)?;
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
    Ok(worker.pipeline.pictures_made(turn.lease, of, made).await?)
}
