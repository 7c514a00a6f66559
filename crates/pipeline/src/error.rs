//! Errors of the pipeline.

use model::{BucketName, Key, TitleId};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database.
    #[error("database")]
    Database(#[from] db::Error),
    /// The store.
    #[error("store")]
    Blob(#[from] blob::Error),
    /// The queue.
    #[error("queue")]
    Jobs(#[from] jobs::Error),
    /// The catalogue.
    #[error("catalogue")]
    Catalogue(#[from] catalogue::Error),
    /// An event that cannot be followed.
    #[error(transparent)]
    Record(#[from] crate::record::Error),
    /// An event names an object that is not there.
    #[error("there is no object `{key}` in bucket `{bucket}`: upload it first")]
    NoObject {
        /// The bucket.
        bucket: BucketName,
        /// The key.
        key: Key,
    },
    /// The original file was not to be deleted.
    #[error("the original file of title {title} is not being deleted")]
    SourceStays {
        /// The title.
        title: TitleId,
    },
    /// An object is known to have become a title, and there is none.
    #[error("the title of object {object} is gone")]
    NoTitleOf {
        /// The object.
        object: model::ObjectId,
    },
    /// A job template that does not exist.
    #[error(transparent)]
    NoTemplate(template::Error),
    /// A chunk arrived that does not belong to its plan.
    #[error("chunk {chunk} does not belong to the plan of title {title}")]
    NotPlanned {
        /// The title.
        title: TitleId,
        /// The chunk's number.
        chunk: u32,
    },
    /// A title's chunks are not all there although its jobs are done.
    #[error("{missing} chunks of title {title} are missing")]
    Incomplete {
        /// The title.
        title: TitleId,
        /// How many.
        missing: usize,
    },
    /// Nothing is queued or runs for a title.
    #[error("no work is queued or running for title {title}")]
    Idle {
        /// The title.
        title: TitleId,
    },
    /// A title is being worked on.
    #[error("title {title} is being worked on: wait until it is published, or cancel it first")]
    UnderWay {
        /// The title.
        title: TitleId,
    },
    /// There is nothing to be tried again.
    #[error("title {title} is published and nothing of it failed; use re-encode to encode it again")]
    NothingFailed {
        /// The title.
        title: TitleId,
    },
    /// The upload is needed and its bytes are gone.
    #[error("the upload of title {title} is gone: upload the file again")]
    SourceGone {
        /// The title.
        title: TitleId,
    },
    /// The database keeps everybody waiting: leases ran out of workers that live and cannot say so.
    #[error("checking leases waited {waited:?} for the database")]
    Stalled {
        /// How long a look at them has taken.
        waited: std::time::Duration,
    },
    /// A stored index cannot be read.
    #[error("the index of a stored chunk of title {title} cannot be read")]
    Index {
        /// The title.
        title: TitleId,
        /// The problem.
        #[source]
        source: package::Error,
    },
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database(e) => e.is_retryable(),
            Self::Jobs(e) => e.is_retryable(),
            Self::Blob(e) => e.is_retryable(),
            Self::Stalled { .. } => true,
            Self::Catalogue(e) => e.is_retryable(),
            _ => false,
        }
    }
}
