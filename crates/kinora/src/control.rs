//! The control socket: how commands speak to the running server. HTTP with JSON over a Unix socket in the data
//! folder; who can open the folder may do everything.

pub(crate) mod client;
pub(crate) mod people;
pub(crate) mod s3_key;
pub(crate) mod server;

use std::collections::BTreeMap;

use model::{AssetId, ConfigurationId, Generation, JobId, TitleId, job, title};
use playback::Format;
use seal::Purpose;
use serde::{Deserialize, Serialize};

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "control.sock";

/// Every answer that is not a success.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is wrong and what to do.
    pub(crate) message: String,
}

/// A title in a listing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Title {
    pub(crate) id: TitleId,
    pub(crate) name: String,
    pub(crate) state: title::State,
    /// Why it failed or was rejected, or what it waits for.
    pub(crate) reason: Option<String>,
    /// Per cent, 0 to 100.
    pub(crate) progress: u16,
    /// Whether the first seconds can be played.
    pub(crate) playable: bool,
    pub(crate) duration_ms: Option<u64>,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) template: String,
    /// Until when a deleted title can be restored, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) purge: Option<String>,
}

/// How a title is deleted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delete {
    /// For good, instead of restorable for a while.
    pub(crate) now: bool,
    pub(crate) keep_source: bool,
}

/// What a command did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Did {
    pub(crate) title: Option<TitleId>,
    /// Jobs that were stopped or queued.
    pub(crate) jobs: u64,
}

/// A title with what is stored of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TitleDetail {
    #[serde(flatten)]
    pub(crate) title: Title,
    pub(crate) asset: Option<AssetId>,
    pub(crate) generation: Option<Generation>,
    /// Whether the upload stays once the title is published.
    pub(crate) keep_source: bool,
    /// Bytes of the upload; `None` once they are gone.
    pub(crate) source_bytes: Option<u64>,
    pub(crate) renditions: Vec<Rendition>,
    pub(crate) chunks: Vec<Chunk>,
}

/// A rendition of a plan.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rendition {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) codec: String,
    /// bit/s.
    pub(crate) max_rate: u32,
}

/// A stored chunk of a track.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// `v0`, `a0`.
    pub(crate) track: String,
    pub(crate) chunk: u32,
    pub(crate) bytes: u64,
    /// Of the plaintext, lower-case hex.
    pub(crate) sha256: String,
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    pub(crate) title: Option<TitleId>,
    pub(crate) title_name: Option<String>,
    pub(crate) state: job::State,
    /// Why it is where it is.
    pub(crate) reason: String,
    /// Per cent, 0 to 100.
    pub(crate) progress: u16,
    /// Times real time, while encoding.
    pub(crate) speed: Option<f64>,
    pub(crate) attempt: u32,
    pub(crate) created: String,
}

/// A job with its log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobDetail {
    #[serde(flatten)]
    pub(crate) job: Job,
    pub(crate) payload: serde_json::Value,
    /// Last lines of the log, oldest first.
    pub(crate) log: Vec<String>,
}

/// What `url` asks for.
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

/// A packaging configuration.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Configuration {
    pub(crate) id: ConfigurationId,
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) settings: serde_json::Value,
}

/// A packaging configuration to be added.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewConfiguration {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) settings: serde_json::Value,
}

/// What an upload became.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Imported {
    /// The title, unless no rule speaks of the key.
    pub(crate) title: Option<TitleId>,
}

/// What an event did.
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

/// Which key of the ring gets a successor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewRingKey {
    pub(crate) purpose: Purpose,
}

/// What a rotation did.
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
    /// Since when it is sent.
    pub(crate) since: String,
    /// Whether the value before is accepted too.
    pub(crate) previous: bool,
    /// What it is for.
    pub(crate) purpose: String,
}

/// Where a test goes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MailTest {
    pub(crate) address: String,
}

/// What `doctor` found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
}

/// One look at something.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) ok: bool,
    /// Whether something should be done though nothing is broken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) remind: bool,
    /// What was found, and what to do if it is not in order.
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
