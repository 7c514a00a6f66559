//! One segment, asked for by all at once.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use http::StatusCode;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::copies::Print;
use crate::report::{Kind, Report, Tally};
use crate::viewer::{Plan, Viewer, join};
use crate::{Options, playlist, process};

/// Connects all, then lets them ask together for the first segment of the last variant.
pub(crate) async fn run(
    options: &Options,
    plan: &Arc<Plan>,
    mut viewers: Vec<Viewer>,
) -> anyhow::Result<Report> {
    let mut last = viewers.pop().context("nobody comes")?;
    let path = Arc::new(segment(&mut last).await?);
    let together = Arc::new(Barrier::new(viewers.len()));
    let watch = options.pid.map(process::Watch::begin).transpose()?;
    let ranges = options.ranges;
    let mut running = JoinSet::new();
    for (n, mut viewer) in viewers.into_iter().enumerate() {
        let (together, path, plan) = (together.clone(), path.clone(), plan.clone());
        running.spawn(async move {
            let connected = viewer.connection().await.map(drop);
            together.wait().await;
            connected?;
            let began = Instant::now();
            let range = ranges.then(|| n..2 * n + 2);
            let asked = range.clone().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
            let (status, pieces) = viewer.get(&path, asked.as_deref()).await?;
            let took = began.elapsed();
            if let Some(range) = range {
                ensure!(status == StatusCode::PARTIAL_CONTENT, "{range:?} of {path} answered {status}");
                return Ok((took, Some((range, pieces.concat()))));
            }
            ensure!(status == StatusCode::OK, "{path} answered {status}");
            ensure!(plan.copies.is_same(&path, Print::of(&pieces)), "{path} is not what the others got");
            anyhow::Ok((took, None))
        });
    }
    let (began, mut tally, mut parts) = (Instant::now(), Tally::default(), Vec::new());
    while let Some(done) = running.join_next().await {
        match done? {
            Ok((took, part)) => {
                tally.fetched(Kind::Segment, took, 0);
                parts.extend(part);
            }
            Err(error) => tally.failed(&error),
        }
    }
    let spent = watch.map(process::Watch::end).transpose()?;
    let took = began.elapsed();
    let (_, whole) = last.get(&path, None).await?;
    ensure!(options.ranges || plan.copies.is_same(&path, Print::of(&whole)), "all got something else");
    let whole = whole.concat();
    for (range, part) in parts {
        if whole.get(range.clone()) != Some(&part[..]) {
            tally.failed(&anyhow::anyhow!("{range:?} of {path} is something else"));
        }
    }
    Ok(tally.report(took, spent))
}

async fn segment(viewer: &mut Viewer) -> anyhow::Result<String> {
    let path = viewer.path().to_owned();
    let multivariant = playlist::multivariant(&text(viewer, &path).await?);
    let media = join(&path, multivariant.variants.last().context("no variant")?);
    let found = playlist::media(&text(viewer, &media).await?);
    let (segment, _) = found.segments.first().context("no segment")?;
    Ok(join(&media, segment))
}

async fn text(viewer: &mut Viewer, path: &str) -> anyhow::Result<String> {
    let (status, pieces) = viewer.get(path, None).await?;
    ensure!(status == StatusCode::OK, "{path} answered {status}");
    Ok(String::from_utf8(pieces.concat())?)
}
