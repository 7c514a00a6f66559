//! Resources that the server's process uses while it is watched, from `/proc`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Serialize;

/// How often memory is measured.
const LOOK: Duration = Duration::from_millis(50);

/// Resources used.
#[derive(Debug, Serialize)]
pub(crate) struct Spent {
    /// User and system time of the process, its ended children not counted.
    pub(crate) cpu_seconds: f64,
    pub(crate) rss_before_bytes: u64,
    pub(crate) rss_peak_bytes: u64,
    pub(crate) rss_after_bytes: u64,
}

/// A process under watch.
pub(crate) struct Watch {
    pid: u32,
    cpu: f64,
    before: u64,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    looking: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn begin(pid: u32) -> anyhow::Result<Self> {
        let (peak, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (highest, ended) = (peak.clone(), stop.clone());
        let looking = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                highest.fetch_max(rss(pid).unwrap_or(0), Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        Ok(Self { pid, cpu: cpu(pid)?, before: rss(pid)?, peak, stop, looking })
    }

    pub(crate) fn end(self) -> anyhow::Result<Spent> {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.join().map_err(|_| anyhow!("nobody looked at the memory"))?;
        Ok(Spent {
            cpu_seconds: cpu(self.pid)? - self.cpu,
            rss_before_bytes: self.before,
            rss_peak_bytes: self.peak.load(Ordering::Relaxed),
            rss_after_bytes: rss(self.pid)?,
        })
    }
}

fn fields(pid: u32) -> anyhow::Result<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the server is gone")?;
    // The command's name is in parentheses and may contain anything.
    let (_, rest) = stat.rsplit_once(')').context("an odd /proc")?;
    Ok(rest.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect())
}

/// proc_pid_stat(5), fields 14 and 15, counted from the third on.
fn cpu(pid: u32) -> anyhow::Result<f64> {
    let fields = fields(pid)?;
    let ticks = fields[11] + fields[12];
    #[expect(clippy::cast_precision_loss, reason = "seconds of a test")]
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Field 24.
fn rss(pid: u32) -> anyhow::Result<u64> {
    Ok(fields(pid)?[21] * rustix::param::page_size() as u64)
}
