//! What each kind of job does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use encode::chunk::{self, Encoded};
use encode::{Look, Probed, captions, fields, plan as planning};
use futures::future::try_join_all;
use jobs::Fault;
use pipeline::work::{OfChunk, OfTitle};
use pipeline::{Early, Made, Showing, Work};

use crate::pictures::pictures;
use crate::run::{Worker, now};
use crate::scratch::{Scratch, stage};
use crate::sources::{Local, Sources};
use crate::stop::Stop;
use crate::turn::Turn;

/// How often a running encode is looked at for somebody who waits.
const SHOW: Duration = Duration::from_millis(300);

/// Does a job; ends soon when its turn is cancelled.
pub(crate) async fn run(worker: &Worker, sources: &Sources, turn: &Turn<'_>) -> Result<(), Stop> {
    match Work::of(turn.lease)? {
        Some(Work::Plan(of)) => plan(worker, sources, turn, &of).await,
        Some(Work::Chunk(of)) => encode_chunk(worker, sources, turn, &of).await,
        Some(Work::Pictures(of)) => pictures(worker, sources, turn, &of).await,
        Some(Work::Publish(of)) => {
            turn.report.stage("counting and measuring");
            Ok(worker.pipeline.publish(turn.lease, &of).await?)
        }
        None => {
            let fault = Fault::Permanent(format!("this version knows no jobs of kind `{}`", turn.lease.kind));
            Err(Stop::Failed { fault, log: Vec::new() })
        }
    }
}

async fn plan(worker: &Worker, sources: &Sources, turn: &Turn<'_>, of: &OfTitle) -> Result<(), Stop> {
    let title = worker.pipeline.title(of.title).await?;
    let no = |error: encode::Error| Stop::encode(&error, of.title);
    let object = title.source_object;
    let reading = || turn.report.stage("reading the source");
    turn.report.stage("fetching the source");
    let parts = turn.unless_stopped(sources.to_probe(object)).await?;
    let looked = match &parts {
        Some(parts) => {
            reading();
            let probe = encode::probe_parts(&worker.tools, &worker.jail, parts.path());
            // The probe does not wait for what the look for captions reads beyond it.
            let both = async { Ok(tokio::join!(probe, sources.to_find_captions(object, parts))) };
            let (looked, more) = turn.unless_stopped(both).await?;
            more?;
            match looked {
                Err(error) if !may_be_for_holes(&error) => return Err(no(error)),
                looked => looked.ok(),
            }
        }
        None => None,
    };
    // What was fetched in vain takes its room from the whole source no longer.
    let (local, Probed { mut source, notes }) = match parts.zip(looked) {
        Some((parts, looked)) => {
            worker.pipeline.found_room(of.title).await?;
            (Arc::new(parts), looked)
        }
        // Whatever is wrong, the holes may be the reason.
        None => {
            turn.report.stage("fetching the source");
            let whole = turn.unless_stopped(sources.whole(object)).await?;
            reading();
            worker.pipeline.found_room(of.title).await?;
            let probe = encode::probe(&worker.tools, &worker.jail, whole.path());
            let looked = turn.unless_stopped(async { probe.await.map_err(no) }).await?;
            (whole, looked)
        }
    };
    worker.queue.log(now(), turn.lease, &notes).await?;
    worker.pipeline.probed(turn.lease, of.title, &source).await?;
    turn.report.stage("planning");
    let scratch = Scratch::make(worker, turn.lease).await?;
    let template = worker.pipeline.templates().named(&title.template).map_err(no)?;
    let (tools, jail) = (&worker.tools, &worker.jail);
    let (file, scratch, cancel) = (local.path(), scratch.path(), &turn.cancel);
    let look = Look { tools, jail, source: &source, file, scratch, cancel };
    let (headers, captions, fields) = tokio::try_join!(
        worker.headers.headers(tools, jail, &source, template, scratch, cancel),
        captions::in_picture(look),
        fields::are_hidden(look),
    )
    .map_err(no)?;
    source.captions.extend(captions);
    if let Some(video) = &mut source.video {
        video.interlaced |= fields;
    }
    let plan = planning::make(&source, template, &headers, &tools.fingerprint()).map_err(no)?;
    Ok(worker.pipeline.planned(turn.lease, of.title, &source, &plan).await?)
}

async fn encode_chunk(worker: &Worker, sources: &Sources, turn: &Turn<'_>, of: &OfChunk) -> Result<(), Stop> {
    if let Some(why) = worker.pipeline.find_room(of).await? {
        return Err(Stop::Held { why });
    }
    let title = worker.pipeline.title(of.title).await?;
    let asset = worker.pipeline.asset(of.asset, of.generation).await?;
    let template = worker.pipeline.templates().of_plan(&asset.plan.template);
    let template = template.map_err(|error| Stop::encode(&error, of.title))?;
    let scratch = Scratch::make(worker, turn.lease).await?;
    let (tools, jail) = (&worker.tools, &worker.jail);
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
            encoded = chunk::encode(template, tools, jail, work, &turn.cancel, progress) => encoded,
            never = show(&showing, work) => match never {},
        }
    };
    turn.report.stage("fetching the source");
    let object = title.source_object;
    let parts = turn.unless_stopped(sources.to_encode(object, &asset, of.chunk)).await?;
    let encoded = match &parts {
        Some(parts) => encode(parts, true).await,
        None => Err(encode::Error::Holes),
    };
    let encoded = match encoded {
        Err(error) if may_be_for_holes(&error) => {
            if parts.is_some() {
                tracing::info!(chunk = of.chunk, %error, "encoded again from the whole source");
            }
            drop(parts);
            showing.clear();
            turn.report.stage("fetching the source");
            encode(&*turn.unless_stopped(sources.whole(object)).await?, false).await
        }
        encoded => encoded,
    };
    let encoded = encoded.map_err(|error| Stop::encode(&error, of.title))?;
    let notes: Vec<String> = encoded.iter().filter_map(|one| one.note.clone()).collect();
    worker.queue.log(now(), turn.lease, &notes).await?;
    turn.report.stage("storing");
    // Each waits for the disk; together they wait once.
    let staged = encoded.into_iter().map(|one| async move {
        let bytes = stage(worker, &one.path, Some(one.bytes)).await?;
        Ok::<_, Stop>(Made { track: one.track, bytes, sha256: one.sha256, index: one.index.encode() })
    });
    let made = try_join_all(staged).await?;
    Ok(worker.pipeline.encoded(turn.lease, of, made).await?)
}

/// Whether what was read from parts of a source may have failed for what they leave out, as almost everything may.
fn may_be_for_holes(error: &encode::Error) -> bool {
    use encode::Error::{Cancelled, Jail, NotStarted, Unwritten};

    !matches!(error, Cancelled | Unwritten { .. } | Jail { .. } | NotStarted { .. }) && !db::is_full(error)
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

#[cfg(test)]
mod fallback;

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_has_nothing_to_do_with_the_source_is_no_reason_to_copy_it_whole() {
        let file = |kind| encode::Error::File { path: "/scratch".into(), source: io::Error::from(kind) };
        for (error, expected) in [
            (encode::Error::Holes, true),
            (file(io::ErrorKind::UnexpectedEof), true),
            (file(io::ErrorKind::StorageFull), false),
            (file(io::ErrorKind::QuotaExceeded), false),
            (encode::Error::Unwritten { tool: "ffmpeg", log: vec![] }, false),
            (encode::Error::Cancelled, false),
            (encode::Error::NotStarted { reason: "no processes".into() }, false),
            (encode::Error::Jail { reason: "no launcher".into() }, false),
        ] {
            assert_eq!(may_be_for_holes(&error), expected, "{error:?}");
        }
    }
}
