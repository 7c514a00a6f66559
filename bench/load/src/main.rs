//! Viewers by the thousand against one Kinora: each with a signature and a connection of its own, fetching playlists,
//! then segments at a player's pace or faster. Every body is compared with the first copy of it.
//!
//! It prints one JSON object: requests, errors, times, bytes, and what the server's process spent during the run. It
//! ends with 1 when anything went wrong.
//!
//! ```text
//! load --key private.pem --key-id K1 --viewers 2000 --seconds 60 --pid 4711 http://127.0.0.1:8080/out/v1/…/index.m3u8
//! ```

mod copies;
mod playlist;
mod process;
mod report;
mod same;
mod viewer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use clap::Parser;
use model::Timestamp;
use sign::SigningKey;
use tokio::task::JoinSet;
use url::Url;

use report::{Report, Tally};
use viewer::{Plan, Viewer};

/// Behaves as many viewers at once.
#[derive(Parser)]
pub(crate) struct Options {
    /// Multivariant playlists, `http://address:port/out/v1/{asset}/{configuration}/{generation}/index.m3u8`
    #[arg(required = true)]
    urls: Vec<Url>,
    /// Private P-256 key, PKCS#8 PEM, whose public half the edge knows
    #[arg(long)]
    key: PathBuf,
    /// The id that the edge knows it by
    #[arg(long)]
    key_id: String,
    #[arg(long, default_value_t = 2000)]
    viewers: u32,
    /// How long they watch
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How many seconds of film a viewer fetches in a second; 0 for as many as come
    #[arg(long, default_value_t = 1.0)]
    pace: f64,
    /// Seconds over which viewers arrive
    #[arg(long, default_value_t = 2)]
    arrive: u64,
    /// Loopback addresses that viewers come from, 127.1.0.1 and on
    #[arg(long, default_value_t = 16)]
    addresses: u8,
    /// The server's process, whose CPU time and memory are reported
    #[arg(long)]
    pid: Option<u32>,
    /// Fetches the first segment once per viewer and at once, and nothing else
    #[arg(long)]
    same: bool,
    /// With `--same`: each viewer asks for other bytes of it
    #[arg(long)]
    ranges: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, most).context("cannot open more files")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run(Arc::new(options)))?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(options: Arc<Options>) -> anyhow::Result<Report> {
    let Options { key, key_id, viewers, .. } = &*options;
    let pem = std::fs::read_to_string(key).with_context(|| format!("cannot read {}", key.display()))?;
    let key = SigningKey::from_pem(key_id, &pem)?;
    ensure!(*viewers > 0 && options.addresses > 0, "nobody would come");
    let viewers = viewers_of(&options, &key)?;
    let plan = Arc::new(Plan::new(&options));
    if options.same {
        return same::run(&options, &plan, viewers).await;
    }
    let watch = options.pid.map(process::Watch::begin).transpose()?;
    let mut running = JoinSet::new();
    for viewer in viewers {
        running.spawn(viewer.watch(plan.clone()));
    }
    let mut tally = Tally::default();
    while let Some(done) = running.join_next().await {
        tally.add(done?);
    }
    let spent = watch.map(process::Watch::end).transpose()?;
    Ok(tally.report(plan.began.elapsed(), spent))
}

/// Every second one shows cookies, the others a path token; no two signatures are the same.
fn viewers_of(options: &Options, key: &SigningKey) -> anyhow::Result<Vec<Viewer>> {
    let hour = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600;
    (0..options.viewers)
        .map(|n| {
            let url = &options.urls[n as usize % options.urls.len()];
            let until = Timestamp(i64::try_from(hour + u64::from(n))? * 1000);
            let address = [127, 1, 0, 1 + u8::try_from(n % u32::from(options.addresses))?];
            let delay = Duration::from_secs(options.arrive) * n / options.viewers;
            Viewer::new(n, url, key, until, address.into(), delay)
        })
        .collect()
}
