//! States of a title.

use serde::{Deserialize, Serialize};

/// The way of a title: received → probed → planned → encoding → published, or failed/rejected with a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The upload is complete and recorded.
    Received,
    /// The source was read: it is media we can play.
    Probed,
    /// The grid is fixed and manifests could be rendered.
    Planned,
    /// Chunks are being encoded.
    Encoding,
    /// Every chunk is there and verified.
    Published,
    /// Something of ours went wrong; the reason says what to do.
    Failed,
    /// The source cannot be played; the reason says why, in words for people.
    Rejected,
}

impl State {
    /// Every state, in the order a title passes them.
    pub const ALL: [Self; 7] = [
        Self::Received,
        Self::Probed,
        Self::Planned,
        Self::Encoding,
        Self::Published,
        Self::Failed,
        Self::Rejected,
    ];

    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Probed => "probed",
            Self::Planned => "planned",
            Self::Encoding => "encoding",
            Self::Published => "published",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }

    /// Whether the pipeline is finished with the title.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Published | Self::Failed | Self::Rejected)
    }
}

/// The audience that may see and watch a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its owner and operators.
    Private,
    /// Everyone who is signed in.
    Members,
    /// Everyone, guests too.
    Public,
}

impl Visibility {
    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Members => "members",
            Self::Public => "public",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Private, Self::Members, Self::Public].into_iter().find(|v| v.as_str() == word)
    }
}
