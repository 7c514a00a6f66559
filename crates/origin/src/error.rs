//! Why a request is not answered with what it names.

use std::sync::Arc;

use http_face::ApiError;
use model::plan::Track;

/// Shorthand for results within this crate; caches hand one error to several requests.
pub(crate) type Result<T, E = Arc<Error>> = std::result::Result<T, E>;

/// A refused or failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The path names nothing.
    #[error("not found")]
    NotFound,
    /// The chunk is planned but not stored.
    #[error("chunk {chunk} of track {track} is not stored yet")]
    NotYet { track: Track, chunk: u32, segment: u32 },
    /// The chunk will not be stored.
    #[error("chunk {chunk} of track {track} will not be encoded: {reason}")]
    Never { track: Track, chunk: u32, reason: String },
    /// The request needs every byte of a title, and some are not encoded yet.
    #[error("the title is not complete yet")]
    Incomplete,
    /// The title is not available in this form.
    #[error("the title does not fit the packaging configuration: {0}")]
    Configuration(&'static str),
    /// The catalogue did not answer.
    #[error("cannot look the asset up")]
    Catalogue(#[source] catalogue::Error),
    /// The packager refused.
    #[error("cannot package the asset")]
    Package(#[source] package::Error),
    /// The sizes of a complete asset are not what this version reads.
    #[error("the sizes of the asset cannot be read")]
    Measured(#[source] serde_json::Error),
    /// The asset is complete, but its sizes were not kept.
    #[error("a complete asset has no sizes")]
    NotMeasured,
    /// The store did not give the bytes.
    #[error("cannot read the chunk")]
    Read(#[source] blob::Error),
    /// The bytes have to be waited for: nobody outside of the store sees that.
    #[error("the chunk is not in memory")]
    NotHeld,
    /// The index of a chunk that is still being encoded names bytes that have not come.
    #[error("the chunk has only {have} bytes so far; bytes up to {end} were requested")]
    Behind { end: u64, have: u64 },
    /// The runtime stops.
    #[error("rendering was interrupted")]
    Interrupted,
}

impl From<catalogue::Error> for Error {
    fn from(source: catalogue::Error) -> Self {
        match source {
            catalogue::Error::NoGeneration { .. } => Self::NotFound,
            source => Self::Catalogue(source),
        }
    }
}

impl From<runtime::Broke> for Error {
    fn from(_stopped: runtime::Broke) -> Self {
        Self::Interrupted
    }
}

impl From<package::Error> for Error {
    fn from(source: package::Error) -> Self {
        match source {
            source if source.is_not_found() => Self::NotFound,
            package::Error::Incomplete => Self::Incomplete,
            package::Error::Configuration(why) => Self::Configuration(why),
            source => Self::Package(source),
        }
    }
}

/// Encoding takes a while: who needs all of a title need not ask often.
const INCOMPLETE_RETRY_S: u32 = 30;

/// The answer for the client.
pub(crate) fn refusal(error: Arc<Error>) -> ApiError {
    match &*error {
        Error::NotFound => not_found(),
        Error::NotYet { .. } => {
            ApiError::unavailable("not_encoded_yet", "This part of the title is still being encoded.", 1)
                .caused_by(error)
        }
        Error::Never { .. } => {
            ApiError::not_found("not_encoded", "This part of the title could not be encoded.")
                .caused_by(error)
        }
        Error::Incomplete => ApiError::unavailable(
            "not_complete_yet",
            "This format is available once the whole title is encoded.",
            INCOMPLETE_RETRY_S,
        ),
        Error::Configuration(why) => {
            ApiError::new(http::StatusCode::UNPROCESSABLE_ENTITY, "configuration", format!("{why}."))
        }
        _ => ApiError::internal(error),
    }
}

pub(crate) fn not_found() -> ApiError {
    ApiError::not_found("no_such_media", "Not found.")
}
