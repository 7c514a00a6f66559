//! The first job of a title: what is its source, and what shall be made of it?

use std::sync::Arc;

use catalogue::Title;
use encode::{Look, Probed, captions, fields, plan as planning};
use pipeline::work::OfTitle;

use crate::holes;
use crate::run::{Worker, now};
use crate::scratch::Scratch;
use crate::sources::{Local, Sources};
use crate::stop::Stop;
use crate::turn::Turn;

/// Reads a source and fixes the plan of its title.
pub(crate) async fn run(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    of: &OfTitle,
) -> Result<(), Stop> {
    let title = worker.pipeline.title(of.title).await?;
    let no = |error: encode::Error| Stop::encode(&error, of.title);
    turn.report.stage("fetching the source");
    let read = match read_parts(worker, sources, turn, &title).await? {
        Some(read) => read,
        None => read_whole(worker, sources, turn, &title).await?,
    };
    let (local, Probed { mut source, notes }) = read;
    worker.queue.log(now(), turn.lease, &notes).await?;
    worker.pipeline.probed(turn.lease, of.title, &source).await?;
    turn.report.stage("planning");
    let scratch = Scratch::make(worker, turn.lease).await?;
    let template = worker.pipeline.templates().named(&title.template).map_err(no)?;
    let (runner, scratch) = (worker.runner(&turn.cancel), scratch.path());
    let look = Look { runner, source: &source, file: local.path(), scratch };
    let (headers, captions, fields) = tokio::try_join!(
        worker.headers.headers(runner, &source, template, scratch),
        captions::in_picture(look),
        fields::are_hidden(look),
    )
    .map_err(no)?;
    source.captions.extend(captions);
    if let Some(video) = &mut source.video {
        video.interlaced |= fields;
    }
    let plan = planning::make(&source, template, &headers, &worker.tools.fingerprint()).map_err(no)?;
    Ok(worker.pipeline.planned(turn.lease, of.title, &source, &plan).await?)
}

/// Reads a source from parts of it; `None` where the whole is needed, from which they take no room then.
async fn read_parts(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    title: &Title,
) -> Result<Option<(Arc<Local>, Probed)>, Stop> {
    let object = title.source_object;
    let Some(parts) = turn.unless_stopped(sources.to_probe(object)).await? else { return Ok(None) };
    turn.report.stage("reading the source");
    let probe = encode::probe_parts(worker.runner(&turn.cancel), parts.path());
    // The probe does not wait for what the look for captions reads beyond it.
    let both = async { Ok(tokio::join!(probe, sources.to_find_captions(object, &parts))) };
    let (probed, more) = turn.unless_stopped(both).await?;
    more?;
    match probed {
        // Whatever is wrong, the holes may be the reason.
        Err(error) if holes::may_be_why(&error) => Ok(None),
        Err(error) => Err(Stop::encode(&error, title.id)),
        Ok(probed) => {
            worker.pipeline.found_room(title.id).await?;
            Ok(Some((Arc::new(parts), probed)))
        }
    }
}

/// Reads a source from the whole of it.
async fn read_whole(
    worker: &Worker,
    sources: &Sources,
    turn: &Turn<'_>,
    title: &Title,
) -> Result<(Arc<Local>, Probed), Stop> {
    turn.report.stage("fetching the source");
    let whole = turn.unless_stopped(sources.whole(title.source_object)).await?;
    turn.report.stage("reading the source");
    worker.pipeline.found_room(title.id).await?;
    let probe = encode::probe(worker.runner(&turn.cancel), whole.path());
    let no = |error: encode::Error| Stop::encode(&error, title.id);
    let probed = turn.unless_stopped(async { probe.await.map_err(no) }).await?;
    Ok((whole, probed))
}
