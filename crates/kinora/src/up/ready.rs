//! Facts that a person or a script needs once everything answers.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use identity::{Buckets, Role};
use serde::Serialize;

use super::traces::{OPERATOR, S3_KEY};
use crate::folder;
use crate::house::House;

/// Addresses, keys, the first sign-in. Contains secrets: it is printed once and written to a private file.
#[derive(Serialize)]
pub(super) struct Ready {
    http: String,
    s3: String,
    /// The ready-made S3 key, while its account is an operator's.
    #[serde(flatten)]
    key: Option<S3Key>,
    /// The folder that mails are put into, when no mail server takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<PathBuf>,
    /// The sign-in link of the ready-made operator, while that is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator_link: Option<String>,
    /// Things that must not be forgotten.
    #[serde(skip)]
    reminder: Option<&'static str>,
}

/// The ready-made S3 key.
#[derive(Serialize)]
struct S3Key {
    s3_access_key: String,
    s3_secret_key: String,
}

impl Ready {
    /// Makes what the first start needs and later starts find: operator, sign-in link, S3 key. Operators may have taken
    /// its role from the ready-made account: then it gets neither link nor key, and others sign in.
    pub(super) async fn of(house: &House) -> anyhow::Result<Self> {
        let now = house.db.now();
        let identity = &house.identity;
        let operator = identity.ensure_account(OPERATOR, Role::Operator, now).await?;
        let operates = operator.role == Role::Operator && operator.suspended_at.is_none();
        let (mut operator_link, mut key) = (None, None);
        if operates {
            let link = identity.create_link(operator.id, None, now).await?;
            operator_link = Some(link.address(&house.place.origin));
            let (made, secret) = identity.ensure_access_key(operator.id, S3_KEY, &Buckets::All, now).await?;
            let s3_secret_key = secret.expose_str().context("the stored S3 key is not text")?.to_owned();
            key = Some(S3Key { s3_access_key: made.id, s3_secret_key });
        }
        Ok(Self {
            http: house.place.origin.clone(),
            s3: house.place.s3_origin.clone(),
            key,
            mailbox: house.mailbox.clone(),
            operator_link,
            reminder: house.reminder()?,
        })
    }

    /// Writes the ready file: it appears whole, readable by its owner only.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        folder::write_private(path, &serde_json::to_vec_pretty(self)?)
    }

    /// Where nobody can read it, as in a file on a full disk, it is not said.
    pub(super) fn print(&self) {
        let sign_in = match &self.operator_link {
            Some(link) => format!("{link}\n                  (works once; makes you the operator)"),
            None => format!(
                "kinora signin-link ADDRESS, of an operator\n                  ({OPERATOR} is suspended or not an \
                 operator any more)"
            ),
        };
        let (access, secret) = match &self.key {
            Some(key) => (&*key.s3_access_key, &*key.s3_secret_key),
            None => ("kinora s3-key new NAME --for ADDRESS, of an operator", "printed by that command"),
        };
        let mut text = format!(
            "
Kinora is ready.

  Site            {}
  Sign in         {sign_in}
  Mails           {}

  S3              {}
  Access key      {access}
  Secret key      {secret}

Upload a film:    kinora import FILE   or any S3 client with the bucket `source`
Stop with Ctrl-C; all data is kept.

",
            self.http,
            self.mailbox.as_ref().map_or("by the mail server".into(), |folder| folder.display().to_string()),
            self.s3,
        );
        if let Some(reminder) = self.reminder {
            let line = "!".repeat(80);
            text += &format!("{line}\n{}\n{line}\n", reminder.replace(". ", ".\n"));
        }
        let _ = std::io::stdout().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::folder::Folder;
    use crate::house::testing;

    #[tokio::test]
    async fn a_ready_made_operator_that_was_demoted_or_suspended_gets_no_link_and_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let (identity, now) = (&house.identity, Timestamp(1));
        let first = Ready::of(&house).await.unwrap();
        let key = first.key.as_ref().unwrap().s3_access_key.clone();
        identity.ensure_account("second@example.org", Role::Operator, now).await.unwrap();
        let account = identity.account_of(OPERATOR).await.unwrap().unwrap().id;

        for role in [Role::Viewer, Role::Creator] {
            identity.set_role(account, role, now).await.unwrap();
            let ready = Ready::of(&house).await.unwrap();
            assert!(ready.key.is_none() && ready.operator_link.is_none());
            let written = serde_json::to_value(&ready).unwrap();
            assert!(written.get("s3_access_key").is_none() && written.get("operator_link").is_none());
        }
        identity.set_role(account, Role::Operator, now).await.unwrap();
        identity.suspend(account, now).await.unwrap();
        assert!(Ready::of(&house).await.unwrap().key.is_none());
        identity.resume(account).await.unwrap();
        let again = Ready::of(&house).await.unwrap();
        assert_eq!(again.key.unwrap().s3_access_key, key);
        assert!(again.operator_link.is_some());
    }
}
