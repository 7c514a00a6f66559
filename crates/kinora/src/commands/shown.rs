//! What commands print with `--json`: the answers of the API in the units of the command line, per cent and RFC 3339.

use api::titles::{Chunk, Rendition, Stored};
use identity::Role;
use model::{AccountId, AssetId, Generation, JobId, TitleId, job, title};
use serde::Serialize;

use crate::control::rfc3339;

/// A title in a listing.
#[derive(Debug, Clone, Serialize)]
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
    bucket: String,
    key: String,
    template: String,
    /// End of the time in which a deleted title can be restored, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purge: Option<String>,
}

/// A title with what is stored of it.
#[derive(Debug, Serialize)]
pub(crate) struct TitleDetail {
    #[serde(flatten)]
    pub(crate) title: Title,
    asset: Option<AssetId>,
    generation: Option<Generation>,
    keep_source: bool,
    source_bytes: Option<u64>,
    pub(crate) notes: Vec<String>,
    pub(crate) renditions: Vec<Rendition>,
    pub(crate) chunks: Vec<Chunk>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) damaged: Vec<String>,
}

/// A job.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) kind: String,
    title: Option<TitleId>,
    pub(crate) title_name: Option<String>,
    pub(crate) state: job::State,
    pub(crate) reason: String,
    /// Per cent, 0 to 100.
    pub(crate) progress: u16,
    /// Times real time, while encoding.
    pub(crate) speed: Option<f64>,
    pub(crate) attempt: u32,
    /// RFC 3339.
    pub(crate) created: String,
}

/// A job with its log.
#[derive(Debug, Serialize)]
pub(crate) struct JobDetail {
    #[serde(flatten)]
    pub(crate) job: Job,
    payload: serde_json::Value,
    /// Last lines of the log, oldest first.
    pub(crate) log: Vec<String>,
}

/// An account.
#[derive(Debug, Serialize)]
pub(crate) struct Person {
    id: AccountId,
    pub(crate) address: String,
    pub(crate) role: Role,
    pub(crate) suspended: bool,
    /// RFC 3339.
    pub(crate) created: String,
    pub(crate) stored_bytes: u64,
    pub(crate) uploading_bytes: u64,
    pub(crate) promised_bytes: u64,
}

/// An invitation that still works.
#[derive(Debug, Serialize)]
pub(crate) struct Invited {
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) role: Role,
    pub(crate) uses: u32,
    pub(crate) people: u32,
    /// RFC 3339.
    pub(crate) expires: String,
}

/// A key for S3 clients.
#[derive(Debug, Serialize)]
pub(crate) struct S3Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) role: Role,
    /// All when empty.
    pub(crate) buckets: Vec<String>,
    /// RFC 3339.
    pub(crate) created: String,
}

/// A key with its secret.
#[derive(Serialize)]
pub(crate) struct MadeS3Key {
    #[serde(flatten)]
    pub(crate) key: S3Key,
    pub(crate) secret: String,
    pub(crate) url: String,
}

impl From<api::invitations::Invitation> for Invited {
    fn from(of: api::invitations::Invitation) -> Self {
        let expires = rfc3339(of.expires_at);
        Self { id: of.id, address: of.address, role: of.role, uses: of.uses, people: of.people, expires }
    }
}

impl From<api::s3_keys::S3Key> for S3Key {
    fn from(of: api::s3_keys::S3Key) -> Self {
        let created = rfc3339(of.created_at);
        Self { id: of.id, name: of.name, address: of.address, role: of.role, buckets: of.buckets, created }
    }
}

impl From<api::s3_keys::MadeS3Key> for MadeS3Key {
    fn from(of: api::s3_keys::MadeS3Key) -> Self {
        Self { key: of.key.into(), secret: of.secret, url: of.url }
    }
}

impl From<api::people::Person> for Person {
    fn from(of: api::people::Person) -> Self {
        Self {
            id: of.id,
            address: of.address,
            role: of.role,
            suspended: of.suspended,
            created: rfc3339(of.created_at),
            stored_bytes: of.stored_bytes,
            uploading_bytes: of.uploading_bytes,
            promised_bytes: of.promised_bytes,
        }
    }
}

impl From<api::titles::Title> for Title {
    fn from(of: api::titles::Title) -> Self {
        let original = of.original;
        let (bucket, key, template) =
            original.map(|original| (original.bucket, original.key, original.template)).unwrap_or_default();
        Self {
            id: of.id,
            name: of.name,
            state: of.state,
            reason: of.reason,
            progress: percent(of.progress),
            playable: of.playable,
            duration_ms: of.duration_ms,
            created: rfc3339(of.created_at),
            bucket,
            key,
            template,
            purge: of.purge_at.map(rfc3339),
        }
    }
}

impl TitleDetail {
    pub(crate) fn of(mut title: api::titles::Title, stored: Stored) -> Self {
        let notes = title.notes.take().unwrap_or_default();
        let Stored { asset, generation, keep_source, source_bytes, renditions, chunks, damaged } = stored;
        let title = Title::from(title);
        Self { title, asset, generation, keep_source, source_bytes, notes, renditions, chunks, damaged }
    }
}

impl From<api::jobs::Job> for Job {
    fn from(of: api::jobs::Job) -> Self {
        Self {
            id: of.id,
            kind: of.kind,
            title: of.title,
            title_name: of.title_name,
            state: of.state,
            reason: of.reason,
            progress: percent(of.progress),
            speed: of.speed,
            attempt: of.attempt,
            created: rfc3339(of.created_at),
        }
    }
}

impl JobDetail {
    pub(crate) fn of(job: api::jobs::Detail, log: Vec<String>) -> Self {
        Self { job: job.job.into(), payload: job.payload, log }
    }
}

/// ‰ to per cent; 100 only when everything is done.
fn percent(permille: u16) -> u16 {
    permille.min(1000) / 10
}
