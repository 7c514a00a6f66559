//! Runs ffmpeg and ffprobe in the [jail](crate::jail): arguments, progress, watchdogs, the last words of the log.

mod arg;
mod command;
mod log;
mod progress;
#[cfg(feature = "fuzzing")]
pub(crate) mod reports;
mod room;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use arg::{Arg, Name, Piece};
pub use log::Said;
pub use progress::Progress;

use crate::jail::{Jail, Jailed, Limits, Order};
use crate::{Container, Error, Result, Tools};

/// Streams of a source that are looked at.
pub const MAX_STREAMS: u32 = 16;

/// Pixels of a frame that are decoded: 8192 × 8192.
pub const MAX_PIXELS: u64 = 8192 * 8192;

/// How long a tool that tells of its progress may make none.
pub const MAX_STALL: Duration = Duration::from_secs(60);

/// What every run takes: the tools, the jail that they are run in, and what stops them.
#[derive(Debug, Clone, Copy)]
pub struct Runner<'a> {
    /// What is run.
    pub tools: &'a Tools,
    /// Where it is run.
    pub jail: &'a Jail,
    /// Kills what is running.
    pub cancel: &'a CancellationToken,
}

impl Runner<'_> {
    /// Runs ffmpeg to its end and calls `each` for every report (about two a second).
    ///
    /// Dropping the future or cancelling kills the process.
    ///
    /// # Errors
    /// Every way a run can end but well; the variants of [`Error`] say which. Where the disk is full that is the error,
    /// however ffmpeg ended.
    pub async fn ffmpeg(self, run: Ffmpeg<'_>, mut each: impl FnMut(Progress) + Send) -> Result<Said> {
        let args = command::ffmpeg(run.input.container, run.before, run.after);
        let order = Order {
            program: self.tools.ffmpeg(),
            args: args.into_iter().map(OsString::from).collect(),
            input: Some(open(run.input.file)?),
            folder: Some(run.folder),
            limits: &run.limits,
        };
        let watched = Watched { tool: "ffmpeg", patience: run.patience, cancel: self.cancel };
        let (mut parser, mut last) = (progress::Parser::default(), Progress::default());
        let said = watched.run(self.jail, order, |bytes| {
            let mut moved = false;
            parser.feed(bytes, |now| {
                let at = |p: &Progress| (p.frame, p.out_time_us, p.bytes, p.end);
                moved |= at(&now) != at(&last);
                last = now;
                each(now);
            });
            Ok(moved)
        });
        said.await
    }

    /// Runs ffprobe to its end and hands its answer to `each`, piece by piece.
    ///
    /// Dropping the future or cancelling kills the process, and so does an error of `each`.
    ///
    /// # Errors
    /// Every way a run can end but well; the variants of [`Error`] say which.
    pub async fn ffprobe(
        self,
        run: Ffprobe<'_>,
        mut each: impl FnMut(&[u8]) -> Result<()> + Send,
    ) -> Result<Said> {
        let args = command::ffprobe(run.input.container, run.args);
        let order = Order {
            program: self.tools.ffprobe(),
            args: args.into_iter().map(OsString::from).collect(),
            input: Some(open(run.input.file)?),
            folder: None,
            limits: &run.limits,
        };
        let watched = Watched { tool: "ffprobe", patience: run.patience, cancel: self.cancel };
        let mut read = 0;
        let said = watched.run(self.jail, order, |bytes| {
            read += bytes.len() as u64;
            if read > run.max_output {
                return Err(Error::TooMuchOutput { tool: "ffprobe", limit: run.max_output });
            }
            each(bytes)?;
            Ok(true)
        });
        said.await
    }
}

/// A source on disk: the one file a tool may see.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Where it is.
    pub file: &'a Path,
    /// What its first bytes said.
    pub container: Container,
}

/// How long a tool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From start to end.
    pub wall: Duration,
    /// Without any progress: longer than [`MAX_STALL`] only where none is told of, or frames are skipped before it is.
    pub stall: Duration,
}

/// A run of ffmpeg over one source.
#[derive(Debug)]
pub struct Ffmpeg<'a> {
    /// What it reads.
    pub input: Input<'a>,
    /// Options of the input (`-ss`, …); the container, limits and the protocol are added.
    pub before: Vec<Arg>,
    /// Everything after the input: filters, maps, codecs, outputs ([`Arg::output`]).
    pub after: Vec<Arg>,
    /// The folder it writes to.
    pub folder: &'a Path,
    /// What it may use up.
    pub limits: Limits,
    /// How long it may take.
    pub patience: Patience,
}

/// A run of ffprobe over one source.
#[derive(Debug)]
pub struct Ffprobe<'a> {
    /// What it reads.
    pub input: Input<'a>,
    /// What to show and how.
    pub args: Vec<Arg>,
    /// Bytes of answer that are read.
    pub max_output: u64,
    /// What it may use up.
    pub limits: Limits,
    /// How long it may take; its answer is its progress.
    pub patience: Patience,
}

impl Patience {
    /// So long from start to end, of which [`MAX_STALL`] may be without progress.
    pub const fn of(wall: Duration) -> Self {
        Self { wall, stall: MAX_STALL }
    }
}

impl Default for Patience {
    /// An hour.
    fn default() -> Self {
        Self::of(Duration::from_secs(3600))
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A jailed process with its watchdogs.
struct Watched<'a> {
    tool: &'static str,
    patience: Patience,
    cancel: &'a CancellationToken,
}

/// Why we ended it ourselves.
enum Stop {
    Stalled,
    OutOfTime,
    Error(Error),
}

impl Watched<'_> {
    /// Runs to the end; `take` gets the output and says whether it shows progress.
    async fn run(
        &self,
        jail: &Jail,
        order: Order<'_>,
        take: impl FnMut(&[u8]) -> Result<bool> + Send,
    ) -> Result<Said> {
        let (started, folder) = (Instant::now(), order.folder);
        let mut child = jail.spawn(order).await?;
        let (Some(output), Some(errors)) = (child.stdout(), child.stderr()) else {
            return Err(Error::Jail { reason: "it has no pipes".to_owned() });
        };
        let mut tail = log::Tail::default();
        let follow = self.follow(started, output, errors, &mut tail, take);
        let stop = follow.await.err();
        if stop.is_some() {
            child.kill();
        }
        let (status, stop) = match (stop, self.reap(&mut child, started).await?) {
            (None, (status, late)) => (status, late),
            (stop, (status, _)) => (status, stop),
        };
        let (tool, said) = (self.tool, tail.into_said());
        if let Some(folder) = folder
            && !matches!(stop, Some(Stop::Error(_)))
        {
            room::check(folder).await?;
        }
        match stop {
            Some(Stop::Error(error)) => Err(error),
            Some(Stop::Stalled) => Err(Error::Stalled { tool, after: self.patience.stall, log: said.lines }),
            Some(Stop::OutOfTime) => {
                Err(Error::OutOfTime { tool, after: self.patience.wall, log: said.lines })
            }
            None => ended(tool, status, said, folder.is_some()),
        }
    }

    /// Reads both pipes until they are closed or something is wrong.
    async fn follow(
        &self,
        started: Instant,
        mut output: impl AsyncRead + Unpin,
        mut errors: impl AsyncRead + Unpin,
        tail: &mut log::Tail,
        mut take: impl FnMut(&[u8]) -> Result<bool>,
    ) -> Result<(), Stop> {
        let failed = |source| Stop::Error(Error::Run { tool: self.tool, source });
        let (mut out, mut err) = (vec![0; 64 << 10], vec![0; 4 << 10]);
        let (mut out_open, mut err_open) = (true, true);
        let end = started + self.patience.wall;
        let mut moved = Instant::now();
        while out_open || err_open {
            let stalled = moved + self.patience.stall;
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(Stop::Error(Error::Cancelled)),
                () = tokio::time::sleep_until(end) => return Err(Stop::OutOfTime),
                () = tokio::time::sleep_until(stalled) => return Err(Stop::Stalled),
                read = output.read(&mut out), if out_open => match read.map_err(failed)? {
                    0 => out_open = false,
                    n => if take(&out[..n]).map_err(Stop::Error)? {
                        moved = Instant::now();
                    },
                },
                read = errors.read(&mut err), if err_open => match read.map_err(failed)? {
                    0 => err_open = false,
                    n => tail.feed(&err[..n]),
                },
            }
        }
        Ok(())
    }

    /// Waits for the end of a process whose pipes are closed; kills it if it lingers, and says why.
    async fn reap(&self, child: &mut Jailed, started: Instant) -> Result<(ExitStatus, Option<Stop>)> {
        let failed = |source| Error::Run { tool: self.tool, source };
        let end = started + self.patience.wall;
        let stop = tokio::select! {
            biased;
            status = child.wait() => return Ok((status.map_err(failed)?, None)),
            () = self.cancel.cancelled() => Stop::Error(Error::Cancelled),
            () = tokio::time::sleep_until(end) => Stop::OutOfTime,
            () = tokio::time::sleep(self.patience.stall) => Stop::Stalled,
        };
        child.kill();
        Ok((child.wait().await.map_err(failed)?, Some(stop)))
    }
}

/// What is made of a tool that ended by itself, where the disk that it `writes` to is not full now.
fn ended(tool: &'static str, status: ExitStatus, said: Said, writes: bool) -> Result<Said> {
    let Said { lines: log, no_room, .. } = said;
    if let Some(error) = status.code().and_then(|code| Jailed::never_started(code, &log)) {
        return Err(error);
    }
    match (status.code(), status.signal()) {
        // Also where it ends with 0: what it wrote is not whole.
        _ if no_room && writes => Err(Error::Unwritten { tool, log }),
        (Some(0), _) => Ok(Said { lines: log, ..said }),
        (Some(code), _) => Err(Error::Exited { tool, code, log }),
        (None, signal) => Err(Error::Signalled { tool, signal: signal.unwrap_or(0), log }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of a full disk, where there is room, make a failed try of a run, and never a fault of the source.
    #[test]
    fn an_end_is_told_by_what_was_said_and_the_code() {
        let (full, broken) = ("[error] Error closing file: No space left on device", "[error] Invalid data");
        for (line, wait_status, writes, expected) in [
            ("", 0, true, "Ok"),
            (broken, 0, true, "Ok"),
            (broken, 1 << 8, true, "Exited"),
            (broken, 9, true, "Signalled"),
            (full, 0, true, "Unwritten"),
            (full, 1 << 8, true, "Unwritten"),
            (full, 11, true, "Unwritten"),
            // Who writes nothing says it of something else.
            (full, 0, false, "Ok"),
            (full, 1 << 8, false, "Exited"),
            ("no namespace", 125 << 8, true, "Jail"),
            ("no memory", 124 << 8, true, "NotStarted"),
        ] {
            let mut tail = log::Tail::default();
            tail.feed(line.as_bytes());
            let end = ended("ffmpeg", ExitStatus::from_raw(wait_status), tail.into_said(), writes);
            let name = end.as_ref().map_or_else(|error| format!("{error:?}"), |_| "Ok".to_owned());
            assert!(name.starts_with(expected), "{line} {wait_status}: {end:?}");
            if let Err(error @ Error::Unwritten { .. }) = end {
                assert!(error.is_retryable() && error.log() == [line], "{error:?}");
            }
        }
    }
}
