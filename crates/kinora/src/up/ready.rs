//! What a person or a script needs to know once everything answers.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use identity::{Buckets, Role};
use model::Timestamp;
use serde::Serialize;

use super::traces::{OPERATOR, S3_KEY};
use crate::folder;
use crate::house::House;

/// Addresses, keys, the first sign-in. Contains secrets: it is printed once and written to a private file.
#[derive(Serialize)]
pub(super) struct Ready {
    http: String,
    s3: String,
    s3_access_key: String,
    s3_secret_key: String,
    /// The folder that mails are put into, when no mail server takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<PathBuf>,
    operator_link: String,
    /// What must not be forgotten.
    #[serde(skip)]
    reminder: Option<&'static str>,
}

impl Ready {
    /// Makes what the first start needs and later starts find: operator, sign-in link, S3 key.
    pub(super) async fn of(house: &House) -> anyhow::Result<Self> {
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        let identity = &house.identity;
        let operator = identity.ensure_account(OPERATOR, Role::Operator, now).await?;
        let link = identity.create_link(operator.id, None, now).await?;
        let (key, secret) = identity.ensure_access_key(operator.id, S3_KEY, &Buckets::All, now).await?;
        Ok(Self {
            http: house.place.origin.clone(),
            s3: house.place.s3_origin.clone(),
            s3_access_key: key.id,
            s3_secret_key: secret.expose_str().context("the stored S3 key is not text")?.to_owned(),
            mailbox: house.mailbox.clone(),
            operator_link: link.address(&house.place.origin),
            reminder: house.reminder()?,
        })
    }

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
