//! Errors in bytes, plans and requests.

use model::plan::Track;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes were not read or an answer was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes end within something.
    #[error("{what} is truncated")]
    Truncated {
        /// The box or structure.
        what: &'static str,
    },
    /// Bytes contradict their format.
    #[error("{what}: {why}")]
    Malformed {
        /// The box or structure.
        what: &'static str,
        /// The problem.
        why: &'static str,
    },
    /// A box or structure that must be there is not.
    #[error("no {what}")]
    Missing {
        /// The box or structure.
        what: &'static str,
    },
    /// A format, codec or version that this crate does not read.
    #[error("{what} `{found}` is not supported")]
    Unsupported {
        /// The field with an unknown value.
        what: &'static str,
        /// The value.
        found: String,
    },
    /// A number leaves the range its format can hold, or a limit of ours.
    #[error("{what} is too large")]
    TooLarge {
        /// The number.
        what: &'static str,
    },
    /// The plan has no such track.
    #[error("there is no track {0}")]
    NoTrack(Track),
    /// The track has no such segment.
    #[error("track {track} has no segment {number}")]
    NoSegment {
        /// The track.
        track: Track,
        /// The delivered segment's number.
        number: u32,
    },
    /// No caption track, no still picture, no time of that kind.
    #[error("there is no {what} {number}")]
    NotThere {
        /// The requested thing.
        what: &'static str,
        /// Which.
        number: u64,
    },
    /// The answer needs every byte of the asset, and some are still to come.
    #[error("the asset is not complete")]
    Incomplete,
    /// The configuration asks for something this title cannot be given.
    #[error("the packaging configuration does not fit: {0}")]
    Configuration(&'static str),
    /// The plan contradicts itself.
    #[error("the plan is broken: {0}")]
    Plan(&'static str),
    /// An index is not that of the chunk that was asked for.
    #[error("the index of chunk {chunk} of track {track} does not hold segment {segment}")]
    Index {
        /// The track.
        track: Track,
        /// The chunk's number in the plan.
        chunk: u32,
        /// The grid segment it should hold.
        segment: u32,
    },
}

impl Error {
    /// Whether the request names something that does not exist, rather than something being broken.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoTrack(_) | Self::NoSegment { .. } | Self::NotThere { .. })
    }
}
