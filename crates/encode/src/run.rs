//! Runs ffmpeg and ffprobe in the [jail]: arguments, progress, watchdogs, the last words of the log.

mod command;
mod free_space;
mod lines;
mod log;
mod progress;
#[cfg(feature = "fuzzing")]
pub(crate) mod reports;
mod watched;

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use crate::arg::{Arg, Name, Piece};
pub use log::Said;
pub use progress::Progress;

pub(crate) use self::lines::Lines;
use self::watched::Watched;
use crate::{Container, Error, Result, Tools};
use jail::{Jail, Limits, Order};

/// Streams of a source that are looked at; fonts and covers are streams, too. What of them becomes a title is far less.
pub const MAX_STREAMS: u32 = 256;

/// Pixels of a frame that are decoded: 8192 × 8192.
pub const MAX_PIXELS: u64 = 8192 * 8192;

/// How long a tool that tells of its progress may make none.
pub const MAX_STALL: Duration = Duration::from_secs(60);

/// Context of every run: the tools, the jail that they run in, and the token that stops them.
#[derive(Debug, Clone, Copy)]
pub struct Runner<'a> {
    /// The tools to run.
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
        let watched = Watched { tool: "ffmpeg", timeouts: run.timeouts, cancel: self.cancel };
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
        let watched = Watched { tool: "ffprobe", timeouts: run.timeouts, cancel: self.cancel };
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
    /// The container, from its first bytes.
    pub container: Container,
}

/// How long a tool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From start to end.
    pub wall: Duration,
    /// Without any progress: longer than [`MAX_STALL`] only where none is told of, or frames are skipped before it is.
    pub stall: Duration,
}

/// A run of ffmpeg over one source.
#[derive(Debug)]
pub struct Ffmpeg<'a> {
    /// Its input.
    pub input: Input<'a>,
    /// Options of the input (`-ss`, …); the container, limits and the protocol are added.
    pub before: Vec<Arg>,
    /// Everything after the input: filters, maps, codecs, outputs ([`Arg::output`]).
    pub after: Vec<Arg>,
    /// The folder it writes to.
    pub folder: &'a Path,
    /// Its resource limits.
    pub limits: Limits,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// A run of ffprobe over one source.
#[derive(Debug)]
pub struct Ffprobe<'a> {
    /// Its input.
    pub input: Input<'a>,
    /// Arguments for what to show and how.
    pub args: Vec<Arg>,
    /// Bytes of answer that are read.
    pub max_output: u64,
    /// Its resource limits.
    pub limits: Limits,
    /// How long it may take; its answer is its progress.
    pub timeouts: Timeouts,
}

impl Timeouts {
    /// So long from start to end, of which [`MAX_STALL`] may be without progress.
    pub const fn of(wall: Duration) -> Self {
        Self { wall, stall: MAX_STALL }
    }
}

impl Default for Timeouts {
    /// An hour.
    fn default() -> Self {
        Self::of(Duration::from_secs(3600))
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })
}
