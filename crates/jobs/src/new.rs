//! New jobs for the queue.

use model::{Timestamp, TitleId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// Most bytes of a payload or result as JSON.
pub(crate) const JSON_BYTES: usize = 64 * 1024;
/// Most bytes of a kind.
const KIND_BYTES: usize = 64;
/// Most bytes of a key, a capability or a worker's name.
pub(crate) const NAME_BYTES: usize = 512;

/// A job to be done. Made by [`New::job`] and changed by struct update or the chained setters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct New {
    /// Kind of work: chooses the workers that claim it.
    pub kind: String,
    /// Parameters for the worker; at most 64 KiB as JSON.
    pub payload: Value,
    /// Higher runs first; 0 is usual.
    pub priority: i32,
    /// Not before this moment, some minutes away at most ([`Queue::pull_back`](crate::Queue::pull_back)); at once if
    /// `None`.
    pub run_at: Option<Timestamp>,
    /// How long after it is due its turn is, in ms: among jobs of one priority that are due, the one whose turn was first
    /// runs first. Parts of long work have a later turn each, so that short work gets in between.
    #[serde(default)]
    pub behind_ms: i64,
    /// The title it works for.
    pub title: Option<TitleId>,
    /// The capability that a worker needs (an encoder fingerprint); any worker if `None`.
    pub capability: Option<String>,
    /// Tries before it ends as failed, at least 1.
    pub max_attempts: u32,
    /// Idempotency key: at most one job ever has it.
    pub key: Option<String>,
}

impl New {
    /// A job of `kind` with five tries, usual priority, at once, for any worker.
    pub fn job(kind: impl Into<String>, payload: Value) -> Self {
        Self {
            kind: kind.into(),
            payload,
            priority: 0,
            run_at: None,
            behind_ms: 0,
            title: None,
            capability: None,
            max_attempts: 5,
            key: None,
        }
    }

    /// Sets the title it works for.
    pub fn title(self, title: TitleId) -> Self {
        Self { title: Some(title), ..self }
    }

    /// Sets the idempotency key.
    pub fn key(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Sets the priority.
    pub fn priority(self, priority: i32) -> Self {
        Self { priority, ..self }
    }

    /// Sets how long after it is due its turn is, in ms.
    pub fn behind_ms(self, behind_ms: i64) -> Self {
        Self { behind_ms, ..self }
    }

    /// Sets what a worker must be able to do.
    pub fn capability(self, capability: impl Into<String>) -> Self {
        Self { capability: Some(capability.into()), ..self }
    }

    pub(crate) fn check(&self) -> Result<String> {
        let bound = |what, text: &str, most| {
            if text.len() > most { Err(Error::TooLarge { what, bytes: text.len(), most }) } else { Ok(()) }
        };
        bound("kind", &self.kind, KIND_BYTES)?;
        bound("key", self.key.as_deref().unwrap_or_default(), NAME_BYTES)?;
        bound("capability", self.capability.as_deref().unwrap_or_default(), NAME_BYTES)?;
        let payload = self.payload.to_string();
        bound("payload", &payload, JSON_BYTES)?;
        Ok(payload)
    }
}

/// Jobs that belong together, and what follows when all are done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewGroup {
    /// The title they work for; members without one get it.
    pub title: Option<TitleId>,
    /// Idempotency key: at most one group ever has it; a second is not made.
    pub key: Option<String>,
    /// The members; without any, what follows is enqueued at once.
    pub members: Vec<New>,
    /// Enqueued in the transaction that completes the last member.
    pub then: Vec<New>,
}
