//! Errors between a source and its chunks.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::Rejection;
use crate::jumps::Jumps;

/// A failure of this crate; [`Error::is_retryable`] says whether another attempt may end better.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source is not something Kinora can play; no attempt will change that.
    #[error("{0}")]
    Rejected(Rejection),
    /// The source's clock jumps: it can be read once [`crate::clock::set`] has given a copy of it one clock.
    #[error("{}", Rejection::JumpingClock)]
    ClockJumps(Box<Jumps>),
    /// ffmpeg or ffprobe is not installed where we looked.
    #[error("`{tool}` was not found; install ffmpeg 5.1 or newer or name its path in the configuration")]
    ToolMissing {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
    },
    /// The tool is older than what we were measured with.
    #[error("`{path}` is version {found}, 5.1 or newer is needed")]
    ToolTooOld {
        /// The executable.
        path: PathBuf,
        /// The version that it reports.
        found: String,
    },
    /// The tool does not do what we need of it.
    #[error("`{path}` cannot be used: {reason}")]
    ToolUnusable {
        /// The executable.
        path: PathBuf,
        /// The missing feature.
        reason: String,
    },
    /// The tool could not be started or its pipes could not be read.
    #[error("cannot run `{tool}`")]
    Run {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A step of our own broke: a bug, or a runtime that is being shut down.
    #[error("a background task panicked")]
    Broke {
        /// How.
        #[from]
        source: runtime::Broke,
    },
    /// A chunk needs more of its source than was expected.
    #[error("the chunk needs the whole source")]
    Holes,
    /// No tool could be started in the jail.
    #[error(transparent)]
    Jail(#[from] jail::Error),
    /// The source or the scratch folder cannot be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The tool ended with a failure code.
    #[error("{tool} stopped with code {code}{}", tail(.log))]
    Exited {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// Its exit code.
        code: i32,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The tool was ended by a signal that we did not send: a crash, or a limit of the jail.
    #[error("{tool} was ended by signal {signal}{}", tail(.log))]
    Signalled {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// The signal's number.
        signal: i32,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The tool says that its disk was full, where there is space now.
    #[error("{tool} could not write its output{}", tail(.log))]
    Unwritten {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The tool was killed because it made no progress.
    #[error("{tool} made no progress for {} s and was stopped{}", .after.as_secs(), tail(.log))]
    Stalled {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// How long it was given.
        after: Duration,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The tool was killed because it took longer than it was given.
    #[error("{tool} did not finish within {} s and was stopped{}", .after.as_secs(), tail(.log))]
    OutOfTime {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// How long it was given.
        after: Duration,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The tool answered with more than we are willing to read.
    #[error("{tool} answered with more than {limit} bytes")]
    TooMuchOutput {
        /// `ffmpeg` or `ffprobe`.
        tool: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// ffprobe's answer has another shape than the one it documents.
    #[error("cannot parse the output of ffprobe: {reason}")]
    Answer {
        /// The expectation that was not met.
        reason: String,
    },
    /// There is no such job template, or it was changed after the plan was made.
    #[error(transparent)]
    Template(#[from] template::Error),
    /// The plan cannot be made, or contradicts itself or its source.
    #[error("the plan is not possible: {reason}")]
    Plan {
        /// The problem.
        reason: String,
    },
    /// The plan was made for another build of the encoder or another number of threads.
    #[error("the plan was made for the encoder `{plan}`; this is `{here}`")]
    OtherEncoder {
        /// The plan's fingerprint.
        plan: String,
        /// Ours.
        here: String,
    },
    /// ffmpeg's output cannot be read.
    #[error("cannot read the encoded file")]
    Encoded(#[source] package::Error),
    /// ffmpeg's output does not match the plan.
    #[error("the encoded file does not match the plan: {reason}")]
    Unplanned {
        /// The difference.
        reason: String,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether another attempt may end better (the retrying itself is the job queue's).
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Jail(error) => error.is_retryable(),
            Self::Run { .. }
            | Self::Broke { .. }
            | Self::File { .. }
            | Self::Exited { .. }
            | Self::Signalled { .. }
            | Self::Unwritten { .. }
            | Self::Stalled { .. }
            | Self::OutOfTime { .. }
            | Self::Holes
            | Self::Encoded(_)
            | Self::Unplanned { .. } => true,
            Self::Rejected(_)
            | Self::ClockJumps(_)
            | Self::ToolMissing { .. }
            | Self::ToolTooOld { .. }
            | Self::ToolUnusable { .. }
            | Self::TooMuchOutput { .. }
            | Self::Answer { .. }
            | Self::Template(_)
            | Self::Plan { .. }
            | Self::OtherEncoder { .. }
            | Self::Cancelled => false,
        }
    }

    /// Whether a tool was killed for taking too long: another attempt may take as long again.
    pub fn is_overdue(&self) -> bool {
        matches!(self, Self::Stalled { .. } | Self::OutOfTime { .. })
    }

    /// The last lines of the tool's log, oldest first; empty where no tool spoke.
    pub fn log(&self) -> &[String] {
        match self {
            Self::Exited { log, .. }
            | Self::Signalled { log, .. }
            | Self::Unwritten { log, .. }
            | Self::Stalled { log, .. }
            | Self::OutOfTime { log, .. } => log,
            _ => &[],
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

fn tail(log: &[String]) -> String {
    log.last().map(|line| format!(": {line}")).unwrap_or_default()
}
