//! Posters and storyboards. Those of a film are made from keyframes of its encode, and only the cover of a song from the
//! source.

use std::path::PathBuf;

use catalogue::Asset;
use encode::stills::{self, Poster};
use encode::{Look, Runner};
use model::media::Storyboard;
use pipeline::Stills;
use pipeline::work::{OfPictures, Pictures};
use template::Template;

use crate::scratch::{Scratch, stage};
use crate::sources::Sources;
use crate::stop::Stop;
use crate::turn::Turn;
use crate::worker::Worker;

/// Makes pictures of a title and stores them.
pub(crate) async fn run(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    of: &OfPictures,
) -> Result<(), Stop> {
    let asset = worker.pipeline.asset(of.asset, of.generation).await?;
    let scratch = Scratch::make(worker, turn.lease).await?;
    let runner = worker.runner(&turn.cancel);
    let made = if asset.source.video.is_none() {
        turn.report.stage("fetching the source");
        let title = worker.pipeline.title(of.title).await?;
        let file = turn.unless_stopped(sources.whole(title.source_object, &asset.source.pieces)).await?;
        turn.report.stage("looking for a cover");
        let look = Look { runner, source: &asset.source, file: file.path(), scratch: scratch.path() };
        Stills::Posters(staged(worker, stills::cover(look).await.map_err(failed)?).await?)
    } else {
        let template = worker
            .pipeline
            .templates()
            .of_plan(&asset.plan.template)
            .map_err(|error| failed(error.into()))?;
        let film = Film { worker, runner, asset: &asset, template, scratch: &scratch };
        match of.pictures {
            Pictures::First => {
                turn.report.stage("choosing a picture");
                let segments = pipeline::keyframes::head(&asset);
                Stills::First(staged(worker, film.posters(&segments, true).await?).await?)
            }
            Pictures::Posters => {
                turn.report.stage("choosing a picture");
                let segments = stills::candidates(&asset.plan);
                Stills::Posters(staged(worker, film.posters(&segments, false).await?).await?)
            }
            Pictures::Storyboard => {
                turn.report.stage("taking pictures");
                let mut made = None;
                if let Some((facts, sheets)) = film.storyboard().await? {
                    let mut kept = vec![];
                    for sheet in &sheets {
                        kept.push(stage(worker, sheet, None).await?);
                    }
                    made = Some((facts, kept));
                }
                Stills::Storyboard(made)
            }
        }
    };
    Ok(worker.pipeline.pictures_made(turn.lease, of, made).await?)
}

/// Pictures never decide over a title: also what would reject it only ends their own job.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn failed(error: encode::Error) -> Stop {
    Stop::of_encoder(&error)
}

async fn staged(worker: &Worker, posters: Vec<Poster>) -> Result<Vec<(u32, blob::Staged)>, Stop> {
    let mut kept = vec![];
    for poster in posters {
        kept.push((poster.width, stage(worker, &poster.path, None).await?));
    }
    Ok(kept)
}

/// A film whose encode is looked at.
struct Film<'a> {
    worker: &'a Worker,
    runner: Runner<'a>,
    asset: &'a Asset,
    template: &'a Template,
    scratch: &'a Scratch,
}

impl Film<'_> {
    /// Chooses among the keyframes of these segments, as far as they are stored: `lively` takes none that is nearly black or
    /// white.
    async fn posters(&self, segments: &[u32], lively: bool) -> Result<Vec<Poster>, Stop> {
        let smallest = self.by_size().first().copied();
        let Some(smallest) = smallest else { return Ok(vec![]) };
        let (file, found) = self.keyframes(smallest, segments).await?;
        if found.is_empty() {
            return Ok(vec![]);
        }
        let best = stills::best(self.frames(smallest, &file), found.len()).await.map_err(failed)?;
        let Some(best) = best.filter(|best| best.is_lively || !lively) else { return Ok(vec![]) };
        let sharp = self.sharp();
        let (file, _) = self.keyframes(sharp, &found[best.at..=best.at]).await?;
        stills::posters(self.frames(sharp, &file)).await.map_err(failed)
    }

    async fn storyboard(&self) -> Result<Option<(Storyboard, Vec<PathBuf>)>, Stop> {
        let Some(smallest) = self.by_size().first().copied() else { return Ok(None) };
        let board = stills::board(&self.asset.source, &self.asset.plan.grid);
        // One that an earlier version put into the queue before the encode is complete; another follows it.
        let Some((facts, segments)) = board.filter(|_| self.asset.complete) else { return Ok(None) };
        let mut sheets = vec![];
        for (n, tiles) in (0..).zip(segments.chunks((facts.columns * facts.rows) as usize)) {
            let (file, _) = self.keyframes(smallest, tiles).await?;
            match stills::sheet(self.frames(smallest, &file), &facts, n).await.map_err(failed)? {
                Some(sheet) => sheets.push(sheet),
                None => return Ok(None),
            }
        }
        Ok(Some((facts, sheets)))
    }

    /// Keyframes as a file, and the segments that have theirs in it.
    async fn keyframes(&self, rendition: u16, segments: &[u32]) -> Result<(PathBuf, Vec<u32>), Stop> {
        let found = self.worker.pipeline.keyframes(self.asset, rendition, segments).await?;
        let path = self.scratch.path().join("keyframes.mp4");
        let written = tokio::fs::write(&path, &found.bytes).await;
        written.map_err(|error| Stop::of(&error, jobs::Fault::Transient))?;
        Ok((path, found.segments))
    }

    fn frames<'b>(&'b self, rendition: u16, file: &'b std::path::Path) -> stills::Keyframes<'b> {
        stills::Keyframes {
            runner: self.runner,
            file,
            rendition: &self.asset.plan.renditions[usize::from(rendition)],
            source: &self.asset.source,
            template: self.template,
            scratch: self.scratch.path(),
        }
    }

    /// The renditions, smallest first.
    fn by_size(&self) -> Vec<u16> {
        let renditions = &self.asset.plan.renditions;
        let mut numbers: Vec<u16> = (0..).take(renditions.len()).collect();
        numbers.sort_by_key(|n| renditions[usize::from(*n)].width);
        numbers
    }

    /// The smallest that no poster has to be enlarged from, or the largest.
    fn sharp(&self) -> u16 {
        let numbers = self.by_size();
        let widest = stills::WIDTHS[stills::WIDTHS.len() - 1];
        let enough = |n: &&u16| self.asset.plan.renditions[usize::from(**n)].width >= widest;
        numbers.iter().find(enough).or(numbers.last()).copied().unwrap_or(0)
    }
}
