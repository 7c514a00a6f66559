//! Errors that keep the edge from starting or running.

use model::setting::OutOfRange;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A setting that cannot be, or a part that is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] OutOfRange),
    /// The CDN secret is not 8 to 128 visible ASCII characters.
    #[error("the CDN secret must have 8 to 128 visible ASCII characters")]
    Secret,
    /// The feed of permissions has ended.
    #[error("the feed of revocations and deletions ended")]
    Blind,
}
