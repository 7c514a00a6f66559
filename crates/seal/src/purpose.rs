//! Purposes of keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The purpose of a key of the ring; a key serves no other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Data keys of stored objects.
    Media,
    /// Personal data in the database.
    Personal,
    /// One-time codes are derived from it; it seals nothing.
    Codes,
    /// Data of signed-in sessions.
    Sessions,
    /// Secrets that sign or let in: signing keys, access keys, the CDN secret.
    Signing,
    /// The one key of data folders before there was a ring; it only opens.
    Legacy,
}

impl Purpose {
    /// Purposes whose keys are made and rotated.
    pub const ALL: [Self; 5] = [Self::Media, Self::Personal, Self::Codes, Self::Sessions, Self::Signing];

    /// The word in files, associated data and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Personal => "personal",
            Self::Codes => "codes",
            Self::Sessions => "sessions",
            Self::Signing => "signing",
            Self::Legacy => "legacy",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = String;

    /// Reads one of [`Purpose::ALL`].
    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == word);
        found.ok_or_else(|| "choose media, personal, codes, sessions or signing".to_owned())
    }
}
