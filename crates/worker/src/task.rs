//! What each kind of job does.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use blob::Staged;
use encode::chunk::{self, Encoded};
use encode::template::Template;
use encode::{captions, first_frame, plan as planning};
use futures::StreamExt;
use jobs::{Fault, Lease, Progress};
use model::TitleId;
use pipeline::work::{OfChunk, OfTitle};
use pipeline::{Early, Made, Showing, Work};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use crate::pictures::pictures;
use crate::run::{Worker, now};
use crate::sources::{Local, Sources};

/// How often a running encode is looked at for somebody who waits.
const SHOW: Duration = Duration::from_millis(300);

/// How far a running job is, for the next beat of its lease.
#[derive(Debug, Default)]
pub(crate) struct Report(Mutex<Progress>);

impl Report {
    pub(crate) fn now(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stage(&self, message: &str) {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beat.message = Some(message.to_owned());
    }

    fn progress(&self, permille: u16, speed: Option<f64>) {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beat.permille = permille;
        beat.speed = speed;
    }
}

/// Why a job did not end well.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The source cannot be played: words for a person.
    Rejected { title: TitleId, reason: String },
    /// There is no room on the disk now: the job waits, and nothing is held against it.
    Held { why: String },
    /// Something went wrong; `log` are the last lines of the tool that did.
    Failed { fault: Fault, log: Vec<String> },
}

impl Stop {
    pub(crate) fn failed(error: &dyn std::error::Error, again: bool) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            reason += &format!(": {deeper}");
            cause = deeper.source();
        }
        let fault = if again { Fault::Transient(reason) } else { Fault::Permanent(reason) };
        Self::Failed { fault, log: Vec::new() }
    }

    fn encode(error: &encode::Error, title: TitleId) -> Self {
        if let encode::Error::Rejected(rejection) = error {
            return Self::Rejected { title, reason: rejection.to_string() };
        }
        let mut stop = Self::failed(error, error.is_retryable());
        if let Self::Failed { log, .. } = &mut stop {
            *log = error.log().to_vec();
        }
        stop
    }
}

impl From<pipeline::Error> for Stop {
    fn from(error: pipeline::Error) -> Self {
        Self::failed(&error, error.is_retryable())
    }
}

impl From<blob::Error> for Stop {
    fn from(error: blob::Error) -> Self {
        match error {
            blob::Error::NoSpace { .. } => Self::Held { why: format!("{}: {error}", pipeline::WAITS) },
            other => Self::failed(&other, true),
        }
    }
}

impl From<jobs::Error> for Stop {
    fn from(error: jobs::Error) -> Self {
        Self::failed(&error, error.is_retryable())
    }
}

pub(crate) async fn run(
    worker: &Worker,
    sources: &Sources,
    lease: &Lease,
    report: &Report,
    cancel: &CancellationToken,
) -> Result<(), Stop> {
    match Work::of(lease)? {
        Some(Work::Plan(of)) => plan(worker, sources, lease, &of, report, cancel).await,
        Some(Work::Chunk(of)) => encode_chunk(worker, sources, lease, &of, report, cancel).await,
        Some(Work::Pictures(of)) => pictures(worker, sources, lease, &of, report, cancel).await,
        Some(Work::Publish(of)) => {
            report.stage("counting and measuring");
            Ok(worker.pipeline.publish(lease, &of).await?)
        }
        None => {
            let fault = Fault::Permanent(format!("this version knows no jobs of kind `{}`", lease.kind));
            Err(Stop::Failed { fault, log: Vec::new() })
        }
    }
}

async fn plan(
    worker: &Worker,
    sources: &Sources,
    lease: &Lease,
    of: &OfTitle,
    report: &Report,
    cancel: &CancellationToken,
) -> Result<(), Stop> {
    let title = worker.pipeline.title(of.title).await?;
    let no = |error: encode::Error| Stop::encode(&error, of.title);
    report.stage("fetching the source");
    let parts = sources.to_probe(title.source_object).await?;
    let looked = match &parts {
        Some(parts) => {
            let probe = encode::probe_parts(&worker.tools, &worker.jail, parts.path());
            look(probe, report, cancel).await?.ok()
        }
        None => None,
    };
    let (local, (mut source, notes)) = match (looked, parts) {
        (Some(looked), Some(parts)) => (Arc::new(parts), looked),
        // Whatever is wrong, the holes may be the reason.
        _ => {
            report.stage("fetching the source");
            let whole = sources.whole(title.source_object).await?;
            let probe = encode::probe_and_note(&worker.tools, &worker.jail, whole.path());
            let looked = look(probe, report, cancel).await?.map_err(no)?;
            (whole, looked)
        }
    };
    worker.queue.log(now(), lease, &notes).await?;
    worker.pipeline.probed(lease, of.title, &source).await?;
    report.stage("planning");
    let scratch = scratch(worker, lease).await?;
    let template = Template::named(&title.template).map_err(no)?;
    let (tools, jail) = (&worker.tools, &worker.jail);
    let (headers, within) = tokio::try_join!(
        first_frame::headers(tools, jail, &source, &template, &scratch.0, cancel),
        captions::within(tools, jail, &source, local.path(), &scratch.0, cancel),
    )
    .map_err(no)?;
    source.captions.extend(within);
    let plan = planning::make(&source, &template, &headers, &tools.fingerprint()).map_err(no)?;
    Ok(worker.pipeline.planned(lease, of.title, &source, &plan).await?)
}

/// Probes a source; an error of the outer kind is none of the source's.
async fn look<T>(
    probe: impl Future<Output = T>,
    report: &Report,
    cancel: &CancellationToken,
) -> Result<T, Stop> {
    report.stage("reading the source");
    // Dropping the probe kills its tools.
    cancel.run_until_cancelled(probe).await.ok_or_else(|| Stop::Failed {
        fault: Fault::Transient("the job was stopped".to_owned()),
        log: Vec::new(),
    })
}

async fn encode_chunk(
    worker: &Worker,
    sources: &Sources,
    lease: &Lease,
    of: &OfChunk,
    report: &Report,
    cancel: &CancellationToken,
) -> Result<(), Stop> {
    if let Some(why) = worker.pipeline.wait_for_room(of).await? {
        return Err(Stop::Held { why });
    }
    let title = worker.pipeline.title(of.title).await?;
    let asset = worker.pipeline.asset(of).await?;
    let scratch = scratch(worker, lease).await?;
    // Until the chunk is stored.
    let showing = worker.pipeline.showing(of);
    let encode = async |local: &Local, holes: bool| {
        report.stage("encoding");
        let work = chunk::Work {
            plan: &asset.plan,
            chunk: of.chunk,
            source: &asset.source,
            file: local.path(),
            holes,
            scratch: &scratch.0,
        };
        let progress = |p: chunk::Progress| report.progress(p.permille, p.speed);
        tokio::select! {
            encoded = chunk::encode(&worker.tools, &worker.jail, work, cancel, progress) => encoded,
            never = show(&showing, work) => match never {},
        }
    };
    report.stage("fetching the source");
    let parts = sources.to_encode(title.source_object, &asset, of.chunk).await?;
    let encoded = match &parts {
        Some(parts) => encode(parts, true).await,
        None => Err(encode::Error::Holes),
    };
    let encoded = match encoded {
        // Whatever is wrong, the holes may be the reason.
        Err(error) if !matches!(error, encode::Error::Cancelled) => {
            if parts.is_some() {
                tracing::info!(chunk = of.chunk, %error, "encoded again from the whole source");
            }
            drop(parts);
            showing.clear();
            report.stage("fetching the source");
            encode(&*sources.whole(title.source_object).await?, false).await
        }
        encoded => encoded,
    };
    let encoded = encoded.map_err(|error| Stop::encode(&error, of.title))?;
    let notes: Vec<String> = encoded.iter().filter_map(|one| one.note.clone()).collect();
    worker.queue.log(now(), lease, &notes).await?;
    report.stage("storing");
    let mut made = Vec::with_capacity(encoded.len());
    for one in encoded {
        let bytes = stage(worker, &one.path, Some(one.bytes)).await?;
        made.push(Made { track: one.track, bytes, sha256: one.sha256, index: one.index.encode() });
    }
    Ok(worker.pipeline.encoded(lease, of, made).await?)
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
                        showing.show(track, Early { index, bytes });
                    }
                    let _ = tokio::fs::remove_file(&path).await;
                }
            }
            // Nothing is written yet, or what is wrong shows when the encode ends.
            Err(error) => tracing::trace!(%error, "nothing to be shown early"),
        }
    }
}

/// Streams a file from the scratch folder into the store.
pub(crate) async fn stage(worker: &Worker, path: &Path, bytes: Option<u64>) -> Result<Staged, Stop> {
    let file = tokio::fs::File::open(path).await.map_err(|error| Stop::failed(&error, true))?;
    let stream = ReaderStream::with_capacity(file, 256 * 1024).map(|piece| piece);
    Ok(worker.blob.stage(stream, bytes, None).await?)
}

/// A folder for one try of one job; removed when the try ends, however it ends.
pub(crate) struct Scratch(pub(crate) PathBuf);

pub(crate) async fn scratch(worker: &Worker, lease: &Lease) -> Result<Scratch, Stop> {
    let path = worker.scratch.join(format!("{}-{}", lease.job, lease.attempt));
    tokio::fs::create_dir_all(&path).await.map_err(|error| Stop::failed(&error, true))?;
    Ok(Scratch(path))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed with the worker's folder at the next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
