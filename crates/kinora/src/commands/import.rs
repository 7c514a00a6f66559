//! `kinora import`: uploads files through the control socket and follows their titles.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use indicatif::{ProgressBar, ProgressStyle};
use model::title::State;
use model::{Clock, TitleId};
use tokio_util::io::ReaderStream;

use crate::cli::{Import, Until};
use crate::client::{self, Body};
use crate::commands::shown::Title;
use crate::control::Imported;
use crate::print;

/// How often a title is polled.
const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(command: Import) -> anyhow::Result<()> {
    for file in &command.files {
        let there = std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
        if !there.is_file() {
            bail!("{} is not a file", file.display());
        }
    }
    let mut ended = Vec::new();
    let mut failed = 0;
    for file in &command.files {
        match one(file, &command).await {
            Ok(title) => {
                failed += usize::from(title.as_ref().is_some_and(broke));
                ended.extend(title);
            }
            Err(error) => {
                eprintln!("{}: {error:#}", file.display());
                failed += 1;
            }
        }
    }
    if command.output.json {
        print::json(&ended)?;
    }
    if failed > 0 {
        bail!("{failed} of {} files did not become playable titles", command.files.len())
    } else {
        Ok(())
    }
}

/// Whether a title will never play.
fn broke(title: &Title) -> bool {
    matches!(title.state, State::Failed | State::Rejected)
}

async fn one(file: &Path, command: &Import) -> anyhow::Result<Option<Title>> {
    let name = file.file_name().and_then(|n| n.to_str()).context("the file's name is not UTF-8")?;
    let bar = bar(name);
    let id = upload(file, name, command, &bar).await?;
    let Some(id) = id else {
        bar.finish_with_message("stored; no rule makes it a title");
        return Ok(None);
    };
    let title = follow(id, command, &bar).await?;
    match title.reason.as_deref().filter(|_| broke(&title)) {
        Some(reason) => bar.finish_with_message(format!("{}: {}", title.state.as_str(), print::safe(reason))),
        None => bar.finish_with_message(format!("{}  {}", title.state.as_str(), title.id)),
    }
    if !bar.is_hidden() {
        return Ok(Some(title));
    }
    // Without a terminal the bar is silent: one line says how it ended.
    eprintln!(
        "{}  {}  {}",
        print::safe(name),
        title.state.as_str(),
        print::safe(title.reason.as_deref().unwrap_or_default())
    );
    Ok(Some(title))
}

fn bar(name: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix}  {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style).with_prefix(print::safe(name));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Streams the file; answers the id of the title it became.
async fn upload(
    file: &Path,
    name: &str,
    command: &Import,
    bar: &ProgressBar,
) -> anyhow::Result<Option<TitleId>> {
    let open =
        tokio::fs::File::open(file).await.with_context(|| format!("cannot read {}", file.display()))?;
    let total = open.metadata().await?.len();
    let (begin, shown) = (Instant::now(), bar.clone());
    let mut sent = 0_u64;
    let stream = ReaderStream::with_capacity(open, 256 * 1024).map(move |read| {
        read.map(|bytes: Bytes| {
            sent += bytes.len() as u64;
            shown.set_message(upload_line(sent, total, begin.elapsed()));
            Frame::data(bytes)
        })
    });
    let body: Body = BodyExt::boxed(StreamBody::new(stream));
    let prefix = command.prefix.trim_end_matches('/');
    let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    let mut path = format!("/import?key={}&bytes={total}", client::encode(&key));
    if let Some(template) = &command.template {
        path += &format!("&template={}", client::encode(template));
    }
    if let Some(visibility) = command.visibility {
        path += &format!("&visibility={}", visibility.as_str());
    }
    let mut client = command.server.connect_running().await?;
    // A refusal while the file is on its way may be lost: writing fails before the answer is read.
    let ask = format!("{path}&asks=true");
    client.call::<Imported>("PUT", &ask, client::body(Bytes::new())).await?;
    let imported: Imported = client.call("PUT", &path, body).await?;
    Ok(imported.title)
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn upload_line(sent: u64, total: u64, elapsed: Duration) -> String {
    let percent = if total == 0 { 100.0 } else { 100.0 * sent as f64 / total as f64 };
    let speed = sent as f64 / elapsed.as_secs_f64().max(0.001);
    let left = (total.saturating_sub(sent)) as f64 / speed.max(1.0);
    let left = Clock(Duration::from_secs_f64(left.min(1e9)).as_millis().try_into().unwrap_or(u64::MAX));
    format!("uploading  {percent:3.0}%  {:.0} MiB/s, {left} left", speed / 1_048_576.0)
}

async fn follow(id: TitleId, command: &Import, bar: &ProgressBar) -> anyhow::Result<Title> {
    let mut client = command.server.connect_running().await?;
    let begin = Instant::now();
    loop {
        let title: api::titles::Title = client.get(&format!("/api/titles/{id}")).await?;
        let title = Title::from(title);
        let enough = match command.until {
            Until::Uploaded => true,
            Until::Playable => title.playable,
            Until::Published => false,
        };
        if title.state.is_final() || enough {
            return Ok(title);
        }
        bar.set_message(encode_line(&title, begin.elapsed()));
        tokio::time::sleep(LOOK).await;
    }
}

fn encode_line(title: &Title, elapsed: Duration) -> String {
    let mut line = format!("{}  {:3}%", title.state.as_str(), title.progress);
    let (done, elapsed_ms) =
        (u64::from(title.progress), u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    if let Some(duration) = title.duration_ms.filter(|_| done > 0 && elapsed_ms > 0) {
        let tenths = duration.saturating_mul(done) / 10 / elapsed_ms;
        line += &format!("  {}.{}× speed", tenths / 10, tenths % 10);
        line += &format!(", {} left", Clock(elapsed_ms * (100 - done.min(100)) / done));
    }
    if title.playable {
        line += ", playable now";
    }
    line
}
