//! Refusals of the pipeline in words that say what to do.

use http_face::ApiError;
use pipeline::Error;

/// The answer to a refusal of the pipeline.
pub fn refused(error: Error) -> ApiError {
    match error {
        Error::Idle { .. } => ApiError::conflict("idle", "Nothing is queued or running for this title."),
        Error::UnderWay { .. } => ApiError::conflict(
            "under_way",
            "This title is being processed. Wait until it is done, or cancel it first.",
        ),
        Error::NothingFailed { .. } => {
            ApiError::conflict("nothing_failed", "This title is published, and nothing failed.")
        }
        Error::SourceGone { .. } => {
            ApiError::conflict("source_gone", "The original file no longer exists. Upload it again.")
        }
        Error::SourceStays { .. } => {
            ApiError::conflict("source_kept", "The original file is not being deleted.")
        }
        Error::Jobs(jobs::Error::State { state, what, .. }) => {
            ApiError::conflict("job_state", format!("This job is {state}: you cannot {what}."))
        }
        Error::Jobs(jobs::Error::NotFound { .. }) => ApiError::not_found("job_not_found", "Job not found."),
        Error::Catalogue(catalogue::Error::NoTitle { .. }) => {
            ApiError::not_found("title_not_found", "Title not found.")
        }
        other => ApiError::internal(other),
    }
}
