//! The first job of a title: what is its source, and what shall be made of it?

use std::sync::Arc;
use std::time::Duration;

use catalogue::Title;
use encode::{Look, Probed, captions, fields, plan as planning};
use pipeline::work::OfTitle;

use crate::holes;
use crate::scratch::Scratch;
use crate::sources::{Local, Sources};
use crate::stop::Stop;
use crate::turn::Turn;
use crate::worker::Worker;

/// How long a whole source stays for the jobs that come after its plan.
const KEPT: Duration = Duration::from_secs(5);

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
    let parts = read_parts(worker, sources, turn, &title).await?;
    let is_whole = parts.is_none();
    let read = match parts {
        Some(read) => read,
        None => read_whole(worker, sources, turn, &title).await?,
    };
    let (local, Probed { mut source, notes }) = read;
    worker.queue.log(worker.queue.now(), turn.lease, &notes).await?;
    worker.pipeline.probed(turn.lease, of.title, &source).await?;
    turn.report.stage("planning");
    let scratch = Scratch::make(worker, turn.lease).await?;
    let template = worker.pipeline.templates().named(&title.template).map_err(|e| no(e.into()))?;
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
    if is_whole {
        // The first chunks need it as well, and are there as soon as the plan is.
        sources.keep(local, source.bytes, KEPT).await;
    }
    Ok(worker.pipeline.planned(turn.lease, of.title, (&source, &notes), &plan).await?)
}

/// Reads a source from parts of it; `None` where the whole is needed, from which they take no space then.
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
    let runner = worker.runner(&turn.cancel);
    let no = |error: encode::Error| Stop::encode(&error, title.id);
    let object = title.source_object;
    let whole = turn.unless_stopped(sources.whole(object, &[])).await?;
    turn.report.stage("reading the source");
    worker.pipeline.found_room(title.id).await?;
    let probed = turn.unless_stopped(async { Ok(encode::probe(runner, whole.path()).await) }).await?;
    let jumps = match probed {
        Err(encode::Error::ClockJumps(jumps)) => *jumps,
        probed => return Ok((whole, probed.map_err(no)?)),
    };
    // Its space is needed for the copy with one clock.
    drop(whole);
    turn.report.stage("setting the clock of the source");
    let whole = turn.unless_stopped(sources.whole(object, &jumps.pieces)).await?;
    let probe = encode::probe_set(runner, whole.path(), jumps);
    let probed = turn.unless_stopped(async { probe.await.map_err(no) }).await?;
    Ok((whole, probed))
}
