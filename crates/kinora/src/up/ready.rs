//! What a person or a script needs to know once everything answers.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::folder;

/// Addresses, keys, the first sign-in. Contains secrets: it is printed once and written to a private file.
#[derive(Serialize)]
pub(crate) struct Ready {
    pub(super) http: String,
    pub(super) s3: String,
    pub(super) s3_access_key: String,
    pub(super) s3_secret_key: String,
    /// The folder that mails are put into, when no mail server takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mailbox: Option<PathBuf>,
    pub(super) operator_link: String,
    /// What must not be forgotten.
    #[serde(skip)]
    pub(super) reminder: Option<&'static str>,
}

impl Ready {
    /// Writes the ready file: it appears whole, readable by its owner only.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        folder::write_private(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Where nobody can read it, as in a file on a full disk, it is not said.
    pub(super) fn print(&self) {
        let mut text = format!(
            "
Kinora is ready.

  Site            {}
  Sign in         {}
                  (works once; makes you the operator)
  Mails           {}

  S3              {}
  Access key      {}
  Secret key      {}

Put a film in:    kinora import FILE   or any S3 client, bucket `source`
Stop with Ctrl-C; everything is kept.

",
            self.http,
            self.operator_link,
            self.mailbox.as_ref().map_or("by the mail server".into(), |folder| folder.display().to_string()),
            self.s3,
            self.s3_access_key,
            self.s3_secret_key,
        );
        if let Some(reminder) = self.reminder {
            let line = "!".repeat(80);
            text += &format!("{line}\n{}\n{line}\n", reminder.replace(". ", ".\n"));
        }
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}
