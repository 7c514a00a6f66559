//! Why somebody does not watch.

use model::title::State;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused or failed call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such title, or they may not know of it: the two are not told apart.
    #[error("no such title")]
    NoTitle,
    /// They may see the title but not watch it.
    #[error("this account may not watch this title")]
    Denied,
    /// There is nothing to watch yet, or never will be.
    #[error("this title cannot be played now: it is {}", .state.as_str())]
    NotReady {
        /// Where the title stands.
        state: State,
    },
    /// The playback session ended, was revoked, is somebody else's or never was.
    #[error("this playback session has ended")]
    NoSession,
    /// There is no such packaging configuration.
    #[error("there is no packaging configuration `{name}`")]
    NoConfiguration {
        /// The requested name, cut.
        name: String,
    },
    /// Unknown format.
    #[error("`{name}` is not a format: use `hls`, `hls-ts`, `dash` or `mp4`")]
    Format {
        /// The requested name, cut.
        name: String,
    },
    /// The address that viewers use is not one that a policy can name.
    #[error("`{origin}` is not a scheme and host")]
    Origin {
        /// The given origin, cut.
        origin: String,
    },
    /// An address was to work longer than one may.
    #[error("a URL is valid for 1 to {most} s (`playback.token_seconds`)")]
    TooLong {
        /// The longest life, in s.
        most: u32,
    },
    /// There are as many trusted keys as there may be.
    #[error("at most {most} signing keys can be trusted; remove one first")]
    TooManyKeys {
        /// The limit.
        most: usize,
    },
    /// The key id is in use, or was.
    #[error("there is already a signing key `{id}`")]
    KeyExists {
        /// The `Key-Pair-Id`.
        id: String,
    },
    /// There is no such trusted key.
    #[error("there is no trusted signing key `{id}`")]
    NoKey {
        /// The requested id, cut.
        id: String,
    },
    /// A key or signature could not be made or read.
    #[error(transparent)]
    Sign(#[from] sign::Error),
    /// A new value of the CDN secret is on its way already.
    #[error("a rotation of the CDN secret is already running; the edge switches within seconds")]
    Rotating,
    /// A stored secret can not be opened.
    #[error(transparent)]
    Vault(#[from] seal::Error),
    /// A stored secret opens and is not what was written.
    #[error("invalid stored {what}")]
    Stored {
        /// Which one.
        what: &'static str,
    },
    /// The catalogue failed.
    #[error("catalogue")]
    Catalogue(#[from] catalogue::Error),
    /// The database failed.
    #[error("cannot read or write playback sessions")]
    Database(#[from] db::Error),
}

/// For messages: foreign text, cut.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
