//! The ends of an upload: complete, given up.

use blob::{By, Chosen, Complete, Means};
use catalogue::{Changed, Edit};
use db::args;

use crate::record::Upload;
use crate::{Error, Result, Uploads};

const COMPLETED: &str = "UPDATE browser_uploads SET completed_at = $2 WHERE id = $1 AND completed_at IS NULL";
const DELETE: &str = "DELETE FROM browser_uploads WHERE id = $1";

impl Uploads {
    /// Makes the object of all parts; when this answers, the file is acknowledged. Asked again, it answers the same.
    ///
    /// # Errors
    /// [`Error::Incomplete`].
    pub async fn complete(&self, upload: &Upload) -> Result<()> {
        if upload.completed_at.is_some() {
            return Ok(());
        }
        let stored = self.stored(upload).await?;
        let count = upload.cut().count();
        let have = u32::try_from(stored.len()).unwrap_or(u32::MAX);
        // Once it is complete there are no parts; then only this row lags behind.
        if have != count && have > 0 {
            return Err(Error::Incomplete { missing: count.saturating_sub(have) });
        }
        let chosen =
            |part: blob::Part| Chosen { number: part.number, etag: part.etag(), checksum: part.checksum };
        let complete = Complete {
            parts: stored.into_iter().map(chosen).collect(),
            checksum: None,
            size: Some(upload.size),
            condition: blob::Condition::default(),
            by: By::Client(Means::CompleteMultipartUpload),
        };
        match self.inner.blob.complete_upload(&upload.bucket, &upload.key, upload.id, complete).await {
            Ok(_) => {}
            Err(blob::Error::NoSuchUpload(id)) => return Err(Error::NoUpload(id)),
            Err(blob::Error::PartOrder) => return Err(Error::Incomplete { missing: count }),
            Err(other) => return Err(other.into()),
        }
        self.inner.db.execute(COMPLETED, args![upload.id, self.inner.db.now()]).await?;
        tracing::info!(upload = %upload.id, bytes = upload.size, "upload complete");
        Ok(())
    }

    /// Gives up an upload: its parts and its draft go. One that is complete is only taken from the list.
    pub async fn discard(&self, upload: &Upload) -> Result<()> {
        let wanted = self.close(upload).await? && !self.taken_over(upload).await?;
        let mut tx = self.inner.db.begin().await?;
        tx.execute(DELETE, args![upload.id]).await?;
        if !wanted {
            self.inner.catalogue.drop_draft(&mut tx, &upload.bucket, &upload.key).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Lets no part come any more; answers whether the upload is complete. What is known of it here does not count:
    /// it may have been completed since it was read, from another window. The store knows, and from now on for good.
    async fn close(&self, upload: &Upload) -> Result<bool> {
        if upload.completed_at.is_some() {
            return Ok(true);
        }
        match self.inner.blob.abort_upload(&upload.bucket, &upload.key, upload.id).await {
            Ok(()) | Err(blob::Error::NoSuchUpload(_)) => {}
            Err(other) => return Err(other.into()),
        }
        match self.inner.blob.head(&upload.bucket, &upload.key).await {
            Ok(_) => Ok(true),
            Err(blob::Error::NoSuchKey) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Whether a title has the draft: until then a complete upload's draft is wanted, it says whose the title is and
    /// who may see it.
    async fn taken_over(&self, upload: &Upload) -> Result<bool> {
        let draft = self.inner.catalogue.draft_of(&upload.bucket, &upload.key).await?;
        Ok(draft.is_some_and(|draft| draft.title.is_some()))
    }

    /// Changes what is written about the title to be, or about the title that it has become, which is answered.
    pub async fn edit(&self, upload: &Upload, edit: &Edit<'_>) -> Result<Option<Changed>> {
        Ok(self.inner.catalogue.edit_draft(&upload.bucket, &upload.key, edit).await?)
    }
}
