//! A folder with one file per mail: the channel for development.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use model::Timestamp;

use crate::{Error, Mail, Notifier, Result, Sender};

/// A folder that mails are put into. Readable by its owner only.
#[derive(Debug, Clone)]
pub struct Mailbox {
    folder: PathBuf,
    from: Sender,
}

impl Mailbox {
    /// Opens the folder, made when missing; `from` goes into every mail's `From`.
    pub fn open(folder: impl Into<PathBuf>, from: &str) -> Result<Self> {
        let from = Sender::parse(from)?;
        let folder = folder.into();
        durable::make_folder(&folder).map_err(|source| Error::Mailbox {
            what: "make folder",
            path: folder.clone(),
            source,
        })?;
        Ok(Self { folder, from })
    }

    /// Where the mails are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Notifier for Mailbox {
    /// Puts a mail in as `{id}.eml`. The file appears whole and stays after a crash; the same id replaces it.
    async fn send(&self, id: &str, mail: &Mail, now: Timestamp) -> Result<()> {
        let bytes = mail.to_bytes(&self.from, id, now)?;
        let path = self.folder.join(format!("{id}.eml"));
        let written = runtime::blocking(move || durable::write(&path, &bytes)).await;
        written.map_err(|source| Error::Mailbox {
            what: "write a mail into",
            path: self.folder.clone(),
            source,
        })
    }

    async fn check(&self) -> Result<String> {
        let folder = self.folder.clone();
        let there = tokio::fs::metadata(&folder).await;
        there.map_err(|source| Error::Mailbox { what: "look into", path: folder, source })?;
        Ok(format!("mails are written to {}, not sent", self.folder.display()))
    }
}
