//! A chunk of a title: it is encoded, shown during that to viewers who wait for it, and stored.

use std::convert::Infallible;
use std::time::Duration;

use encode::chunk::{self, Encoded};
use futures::future::try_join_all;
use pipeline::work::OfChunk;
use pipeline::{Early, Made, Showing};

use crate::holes;
use crate::scratch::{Scratch, stage};
use crate::sources::{Local, Sources};
use crate::stop::Stop;
use crate::turn::Turn;
use crate::worker::Worker;

/// How often a running encode is looked at for somebody who waits.
const SHOW: Duration = Duration::from_millis(300);

/// Encodes a chunk and stores it.
pub(crate) async fn run(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    of: &OfChunk,
) -> Result<(), Stop> {
    if let Some(why) = worker.pipeline.find_room(of).await? {
        return Err(Stop::Held { why });
    }
    let title = worker.pipeline.title(of.title).await?;
    let asset = worker.pipeline.asset(of.asset, of.generation).await?;
    let no = |error: encode::Error| Stop::encode(&error, of.title);
    let template = worker.pipeline.templates().of_plan(&asset.plan.template).map_err(|e| no(e.into()))?;
    let scratch = Scratch::make(worker, turn.lease).await?;
    let runner = worker.runner(&turn.cancel);
    // Until the chunk is stored.
    let showing = worker.pipeline.showing(of);
    let encode = async |local: &Local, holes: bool| {
        turn.report.stage("encoding");
        let work = chunk::Work {
            plan: &asset.plan,
            chunk: of.chunk,
            source: &asset.source,
            file: local.path(),
            holes,
            scratch: scratch.path(),
        };
        let progress = |p: chunk::Progress| turn.report.progress(p.permille, p.speed);
        tokio::select! {
            encoded = chunk::encode(runner, template, work, progress) => encoded,
            never = show(&showing, work) => match never {},
        }
    };
    turn.report.stage("fetching the source");
    let object = title.source_object;
    let encoded = match turn.unless_stopped(sources.to_encode(object, &asset, of.chunk)).await? {
        Some(parts) => match encode(&parts, true).await {
            Err(error) if holes::may_be_why(&error) => {
                tracing::info!(chunk = of.chunk, %error, "re-encoded from the whole source");
                None
            }
            encoded => Some(encoded.map_err(no)?),
        },
        None => None,
    };
    // Parts that were fetched in vain free their space for the whole source.
    let encoded = match encoded {
        Some(encoded) => encoded,
        None => {
            showing.clear();
            turn.report.stage("fetching the source");
            let whole = turn.unless_stopped(sources.whole(object, &asset.source.pieces)).await?;
            encode(&whole, false).await.map_err(no)?
        }
    };
    let notes: Vec<String> = encoded.iter().filter_map(|one| one.note.clone()).collect();
    worker.queue.log(worker.queue.now(), turn.lease, &notes).await?;
    turn.report.stage("storing");
    // Each waits for the disk; together they wait once.
    let staged = encoded.into_iter().map(|one| async move {
        let bytes = stage(worker, &one.path, Some(one.bytes)).await?;
        let (sha256, index) = (one.sha256, one.index.encode());
        Ok::<_, Stop>(Made { track: one.track, bytes, sha256, index, note: one.note })
    });
    let made = try_join_all(staged).await?;
    Ok(worker.pipeline.encoded(turn.lease, of, made).await?)
}

/// Shows what is written of a chunk that a viewer waits for, while it is being encoded.
async fn show(showing: &Showing, work: chunk::Work<'_>) -> Infallible {
    let mut known = chunk::SoFar::default();
    loop {
        tokio::time::sleep(SHOW).await;
        if !showing.is_wanted() {
            continue;
        }
        match chunk::so_far(work, &mut known).await {
            Ok(tracks) => {
                for Encoded { track, path, index, .. } in tracks {
                    if let Ok(bytes) = tokio::fs::read(&path).await {
                        showing.show(track, Early { index, bytes: bytes.into() });
                    }
                    let _ = tokio::fs::remove_file(&path).await;
                }
            }
            // Nothing is written yet, or what is wrong shows when the encode ends.
            Err(error) => tracing::trace!(%error, "nothing to be shown early"),
        }
    }
}
