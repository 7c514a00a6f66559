//! Encodes a whole file as the product does, without store and queue: probe, plan, all chunks by some workers.
//!
//! ```text
//! encode_file FILE [--template NAME] [--workers N] [--threads N] [--out FOLDER]
//! ```
//!
//! Prints one line of JSON with seconds of each step. With `--out` every track is left there as one MP4.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use encode::chunk::{Encoded, Work, encode};
use encode::{Runner, Tools, first_frame, plan, probe};
use jail::Jail;
use model::Plan;
use package::{TrackInit, cmaf};
use template::Templates;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    file: PathBuf,
    template: String,
    workers: usize,
    threads: Option<u16>,
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let own = args.next().unwrap_or_default();
    if args.next().is_some_and(|first| first == "jail") {
        return jail::main(std::env::args_os().skip(2));
    }
    let done = options(std::env::args().skip(1)).and_then(|options| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run(options, Jail::new([own, "jail".into()])))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, Failure> {
    let file = args
        .next()
        .ok_or("usage: encode_file FILE [--template T] [--workers N] [--threads N] [--out FOLDER]")?;
    let mut options =
        Options { file: file.into(), template: "reference".into(), workers: 2, threads: None, out: None };
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--template" => options.template = value,
            "--workers" => options.workers = value.parse()?,
            "--threads" => options.threads = Some(value.parse()?),
            "--out" => options.out = Some(value.into()),
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

async fn run(options: Options, jail: Jail) -> Result<(), Failure> {
    let started = Instant::now();
    let mut tools = Tools::find()?;
    if let Some(threads) = options.threads {
        tools = tools.with_threads(threads);
    }
    let found = started.elapsed();
    let scratch = tempfile::tempdir()?;
    let never = CancellationToken::new();
    let runner = Runner { tools: &tools, jail: &jail, cancel: &never };
    let source = probe(runner, &options.file).await?.source;
    let probed = started.elapsed();
    let templates = Templates::default();
    let template = templates.named(&options.template)?;
    let headers = first_frame::headers(runner, &source, template, scratch.path()).await?;
    let plan = Arc::new(plan::make(&source, template, &headers, &tools.fingerprint())?);
    let planned = started.elapsed();

    let next = Arc::new(AtomicU32::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..options.workers.max(1) {
        let (tools, jail, plan, source, next) =
            (tools.clone(), jail.clone(), plan.clone(), source.clone(), next.clone());
        let (file, scratch, never) = (options.file.clone(), scratch.path().to_owned(), never.clone());
        let template = template.clone();
        workers.spawn(async move {
            let runner = Runner { tools: &tools, jail: &jail, cancel: &never };
            let mut done = vec![];
            loop {
                let chunk = next.fetch_add(1, Ordering::Relaxed);
                if plan.chunks.len() <= chunk as usize {
                    return Ok::<Vec<Encoded>, encode::Error>(done);
                }
                let work = Work {
                    plan: &plan,
                    chunk,
                    source: &source,
                    file: &file,
                    holes: false,
                    scratch: &scratch,
                };
                done.extend(encode(runner, &template, work, |_| ()).await?);
            }
        });
    }
    let mut encoded = vec![];
    while let Some(done) = workers.join_next().await {
        encoded.extend(done??);
    }
    let finished = started.elapsed();
    let chunks: Vec<String> =
        plan.chunks.iter().map(|c| format!("\"{:?} {:?}\"", c.of, c.segments)).collect();
    println!(
        "{{\"find\":{:.3},\"probe\":{:.3},\"plan\":{:.3},\"encode\":{:.3},\"bytes\":{},\"chunks\":[{}]}}",
        found.as_secs_f64(),
        (probed - found).as_secs_f64(),
        (planned - probed).as_secs_f64(),
        (finished - planned).as_secs_f64(),
        encoded.iter().map(|chunk| chunk.bytes).sum::<u64>(),
        chunks.join(","),
    );
    if let Some(out) = options.out {
        join(&plan, encoded, &out)?;
    }
    Ok(())
}

/// Writes every track as its init segment and all its chunks.
fn join(plan: &Plan, mut encoded: Vec<Encoded>, out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out)?;
    encoded.sort_by_key(|chunk| chunk.index.first_segment);
    for track in plan.tracks() {
        let mut bytes = cmaf::init(&TrackInit::of(plan, track)?)?.to_vec();
        for chunk in encoded.iter().filter(|chunk| chunk.track == track) {
            bytes.extend(std::fs::read(&chunk.path)?);
        }
        std::fs::write(out.join(format!("{track}.mp4")), bytes)?;
    }
    Ok(())
}
