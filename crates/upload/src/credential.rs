//! The access key of one upload. It is computed, not kept: there is nothing to leak from a table or to forget.

use std::fmt;

use aws_lc_rs::hmac;
use model::{AccountId, BucketName, Key, UploadId};

use crate::record::Upload;
use crate::{Result, Uploads};

/// Prefix of the ids of such access keys; those of `identity` are capitals and digits.
const PREFIX: &str = "upload-";

/// An access key that writes the parts of one open upload.
pub struct Credential {
    /// The account that started the upload; the caller checks that it still may.
    pub account: AccountId,
    /// The upload.
    pub upload: UploadId,
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: Key,
    /// The secret that signs.
    pub secret: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("upload", &self.upload).finish_non_exhaustive()
    }
}

impl Uploads {
    /// The credential behind an access key id; `None` if it is not one of ours or its upload has ended.
    pub async fn credential(&self, id: &str) -> Result<Option<Credential>> {
        let Some(upload) = id.strip_prefix(PREFIX).and_then(|text| text.parse::<UploadId>().ok()) else {
            return Ok(None);
        };
        let open = self.find(upload).await?.filter(|upload| upload.completed_at.is_none());
        Ok(open.map(|upload| {
            let secret = self.secret(&upload);
            let Upload { id, account, bucket, key, .. } = upload;
            Credential { account, upload: id, bucket, key, secret }
        }))
    }

    /// The access key id of an upload.
    pub(crate) fn key_id(upload: &Upload) -> String {
        format!("{PREFIX}{}", upload.id)
    }

    /// The secret access key of an upload: bound to it and to its account.
    pub(crate) fn secret(&self, upload: &Upload) -> String {
        let text = format!("s3 upload 1|{}|{}", upload.id, upload.account);
        hex::encode(hmac::sign(&self.inner.key, text.as_bytes()).as_ref())
    }
}
