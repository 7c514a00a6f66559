//! Errors of the queue.

use model::JobId;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tables of the queue could not be read or written.
    #[error("job queue")]
    Database(#[from] db::Error),
    /// The worker no longer holds the job: its lease ran out and another took it, or the job was cancelled.
    /// Whatever it made must be thrown away.
    #[error("the lease of job {job} is lost")]
    LeaseLost {
        /// The job.
        job: JobId,
    },
    /// There is no such job.
    #[error("there is no job {job}")]
    NotFound {
        /// The requested job.
        job: JobId,
    },
    /// The job's state does not allow what was asked.
    #[error("job {job} is {state}: cannot {what}")]
    State {
        /// The job.
        job: JobId,
        /// Where it stands.
        state: &'static str,
        /// The operation.
        what: &'static str,
    },
    /// Two members of a group, or a member and another job, have the same key.
    #[error("a job with the key `{key}` already exists")]
    KeyTaken {
        /// The idempotency key.
        key: String,
    },
    /// A text is larger than the queue keeps.
    #[error("the {what} has {bytes} bytes; at most {most} are stored")]
    TooLarge {
        /// Payload, result, kind or key.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// A payload or result is not what its reader expects.
    #[error("the {what} of job {job} cannot be read")]
    Json {
        /// The job.
        job: JobId,
        /// Payload or result.
        what: &'static str,
        /// The parser's answer.
        #[source]
        source: serde_json::Error,
    },
    /// A column holds a word that this version does not know.
    #[error("`{word}` is not a {what}")]
    Word {
        /// State of a job or of a group.
        what: &'static str,
        /// The value found.
        word: String,
    },
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(source) if source.is_retryable())
    }
}
