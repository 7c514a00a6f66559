//! Why there is no such template.

/// A failure of this crate; another attempt ends the same way.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such job template.
    #[error("there is no job template `{name}`; known templates: {known}")]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The job template was changed after the plan was made.
    #[error("the job template `{name}` was changed since this title was planned: re-encode the title")]
    Changed {
        /// Its name.
        name: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
