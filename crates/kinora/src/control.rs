//! The control socket: how commands speak to the running server. HTTP with JSON over a Unix socket in the data
//! folder; every user that can open the folder may do everything. Titles, jobs and the other nouns are those of crate `api`;
//! what only the host can do has its messages here. `client` sends them, `server` answers.

use std::collections::BTreeMap;

use model::{FileId, TitleId};
use playback::Format;
use seal::Purpose;
use serde::{Deserialize, Serialize};

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "control.sock";

/// The stored file after which the check continues.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verify {
    /// `None` for the first ones.
    pub(crate) after: Option<FileId>,
}

/// Result of checking some stored files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Verified {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) damaged: u64,
    /// Files of which only the length could be compared.
    pub(crate) unknown: u64,
    /// Bytes of all files.
    pub(crate) all_bytes: u64,
    /// The file after which to continue; `None` after the last file.
    pub(crate) after: Option<FileId>,
}

/// Parameters of `url`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UrlRequest {
    /// Id or name.
    pub(crate) title: String,
    pub(crate) configuration: String,
    pub(crate) format: Format,
    pub(crate) seconds: u64,
    pub(crate) cookies: bool,
}

/// An address, and cookies when they were asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UrlAnswer {
    pub(crate) url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) cookies: BTreeMap<String, String>,
    /// RFC 3339.
    pub(crate) expires: String,
}

/// Result of an upload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// The title, unless no rule speaks of the key.
    pub(crate) title: Option<TitleId>,
}

/// Result of an event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EventAnswer {
    /// Titles that were started now.
    pub(crate) started: Vec<TitleId>,
    /// Titles that the same objects had become before.
    pub(crate) already: Vec<TitleId>,
}

/// A trusted public key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    /// `Key-Pair-Id`.
    pub(crate) id: String,
    /// `RSA-2048` or `P-256`.
    pub(crate) kind: String,
    pub(crate) created: String,
    /// Whether Kinora itself signs with it.
    pub(crate) own: bool,
}

/// A new trusted key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewKey {
    pub(crate) pem: String,
}

/// A key of the ring, without its bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RingKey {
    pub(crate) purpose: Purpose,
    pub(crate) version: u32,
    pub(crate) created: String,
}

/// The key of the ring to rotate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewRingKey {
    pub(crate) purpose: Purpose,
}

/// Result of a rotation.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rotated {
    pub(crate) purpose: Purpose,
    pub(crate) version: u32,
    /// Keys, secrets and rows that were sealed under the new key.
    pub(crate) renewed: u64,
    /// Keys, secrets and rows that do not open and stay as they are.
    pub(crate) unopened: u64,
}

/// A secret, without its value.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) version: u32,
    /// Time since which it is sent.
    pub(crate) since: String,
    /// Whether the value before is accepted too.
    pub(crate) previous: bool,
    /// Its purpose.
    pub(crate) purpose: String,
}

/// Where a test goes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MailTest {
    pub(crate) address: String,
}

/// Findings of `doctor`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
}

/// A check of the doctor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) ok: bool,
    /// Whether something should be done though nothing is broken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) remind: bool,
    /// The finding, and what to do if it is not good.
    pub(crate) finding: String,
}

impl Check {
    pub(crate) fn good(name: &str, finding: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, remind: false, finding: finding.into() }
    }

    pub(crate) fn remind(name: &str, finding: impl Into<String>) -> Self {
        Self { remind: true, ..Self::good(name, finding) }
    }

    /// How it begins on a terminal.
    pub(crate) fn mark(&self) -> &'static str {
        match (self.ok, self.remind) {
            (true, false) => "✓",
            (true, true) => "!",
            (false, _) => "✗",
        }
    }

    pub(crate) fn bad(name: &str, finding: impl Into<String>) -> Self {
        Self { name: name.into(), ok: false, remind: false, finding: finding.into() }
    }
}

/// A moment as JSON and tables show it.
pub(crate) fn rfc3339(at: model::Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|t| t.to_string()).unwrap_or_default()
}
