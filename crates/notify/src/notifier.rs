//! The seam of all channels.

use std::fmt;

use async_trait::async_trait;
use model::Timestamp;

use crate::{Mail, Result};

/// A way that mails take: a folder ([`crate::Mailbox`]) or a mail server ([`crate::Smtp`]).
#[async_trait]
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Hands a mail over. When this answers, the mail is somebody else's responsibility (or on disk); the same `id`
    /// may be handed over again after a crash.
    ///
    /// # Errors
    /// [`crate::Error::is_permanent`] tells whether it is worth trying again.
    async fn send(&self, id: &str, mail: &Mail, now: Timestamp) -> Result<()>;

    /// Looks whether mails could be handed over now; answers what stands there.
    async fn check(&self) -> Result<String>;
}
