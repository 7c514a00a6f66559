//! Errors of the catalogue.

use model::plan::Track;
use model::title::State;
use model::{Generation, TitleId};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tables of the catalogue could not be read or written.
    #[error("catalogue")]
    Database(#[from] db::Error),
    /// There is no such title, or it was deleted.
    #[error("there is no title {title}")]
    NoTitle {
        /// The requested title.
        title: TitleId,
    },
    /// A title never goes backwards, and ends once.
    #[error("title {title} is {} and cannot become {}", from.as_str(), to.as_str())]
    Transition {
        /// The title.
        title: TitleId,
        /// Where it stands.
        from: State,
        /// Where it should have gone.
        to: State,
    },
    /// There is no such generation, or its title was deleted.
    #[error("there is no generation {generation}")]
    NoGeneration {
        /// The requested generation.
        generation: Generation,
    },
    /// The generation cannot be complete.
    #[error("generation {generation} has {stored} of {expected} chunks")]
    Incomplete {
        /// The generation.
        generation: Generation,
        /// Chunk rows that exist.
        stored: u64,
        /// Chunk rows its plan asks for.
        expected: u64,
    },
    /// The plan has no such chunk of that track.
    #[error("the plan has no chunk {chunk} of track {track}")]
    NotPlanned {
        /// The track.
        track: Track,
        /// The chunk's number.
        chunk: u32,
    },
    /// The chunk is stored with other bytes: the first written stand.
    #[error("chunk {chunk} of track {track} is already stored with different content")]
    ChunkDiffers {
        /// The track.
        track: Track,
        /// The chunk's number.
        chunk: u32,
    },
    /// The plan was written by another version of Kinora.
    #[error("the plan has format {found}; this version reads {known}")]
    PlanVersion {
        /// Its format.
        found: u16,
        /// The format this version reads.
        known: u16,
    },
    /// The plan has nothing to encode.
    #[error("a plan needs at least one chunk")]
    EmptyPlan,
    /// A stored value is not what this version writes.
    #[error("the stored {what} cannot be read")]
    Json {
        /// Plan, source, measured figures or configuration.
        what: &'static str,
        /// The parser's answer.
        #[source]
        source: serde_json::Error,
    },
    /// A column holds a word that this version does not know.
    #[error("`{word}` is not a {what}")]
    Word {
        /// State, visibility, kind or track.
        what: &'static str,
        /// The value found.
        word: String,
    },
    /// There is no such packaging group.
    #[error("there is no packaging group `{name}`")]
    NoGroup {
        /// The requested name.
        name: String,
    },
    /// There is no such packaging configuration.
    #[error("there is no packaging configuration `{name}`")]
    NoConfiguration {
        /// The requested name.
        name: String,
    },
    /// The name is taken.
    #[error("the packaging {what} `{name}` already exists")]
    Taken {
        /// Group or configuration.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is built in, and everything relies on it.
    #[error("the packaging {what} `{name}` is built in and cannot be removed")]
    ReadyMade {
        /// Group or configuration.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The group has configurations.
    #[error("the packaging group `{name}` has configurations: remove those first")]
    GroupInUse {
        /// Its name.
        name: String,
    },
    /// There are as many as there may be.
    #[error("at most {most} packaging {what}s are allowed")]
    TooMany {
        /// Group or configuration.
        what: &'static str,
        /// Their number.
        most: u32,
    },
    /// The settings of a packaging configuration cannot be meant.
    #[error("invalid packaging configuration: {why}")]
    Packaging {
        /// The problem.
        why: &'static str,
    },
    /// The name is empty, too long or has control characters.
    #[error("a title's name has 1 to 200 characters and no control characters")]
    Name,
    /// The description is too long or has control characters.
    #[error("a description has at most 5000 characters and no control characters but line breaks")]
    Description,
    /// Somebody else changed the title since it was read.
    #[error("title {title} was changed in the meantime")]
    Stale {
        /// The title.
        title: TitleId,
    },
    /// There is no draft for a file of that name.
    #[error("there is no such draft")]
    NoDraft,
}

impl Error {
    /// Whether the same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(source) if source.is_retryable())
    }

    /// Whether the disk of the database is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Database(source) if source.is_full())
    }
}
