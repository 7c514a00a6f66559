//! Why a process did not get into the jail.

/// A failure of this crate; [`Error::is_retryable`] says whether another attempt may end better.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no launcher of the jail, or a mandatory layer is missing.
    #[error("cannot enter the jail: {reason}")]
    NotEntered {
        /// The error of the jailed process.
        reason: String,
    },
    /// The system gave no process, or not what it needs to enter the jail and become the tool: that may pass.
    #[error("cannot start a jailed process: {reason}")]
    NotStarted {
        /// The system's error.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether another attempt may end better.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotStarted { .. } => true,
            Self::NotEntered { .. } => false,
        }
    }
}
