//! Uploads as they are read.

use catalogue::Draft;
use db::{Row, args};
use model::{AccountId, BucketName, Key, Timestamp, TitleId, UploadId};

use crate::{Cut, Error, Result, Uploads};

/// Uploads in a list.
const PAGE: u32 = 200;
/// How long a finished upload stays in the list, in ms: a day.
const SHOWN_MS: i64 = 86_400_000;

/// A file on its way, or arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id, also that of the multipart upload.
    pub id: UploadId,
    /// The account that started it.
    pub account: AccountId,
    /// Where the file goes.
    pub bucket: BucketName,
    /// The key it will have: one of its own, ending in the file's name.
    pub key: Key,
    /// The file's name as the browser said it.
    pub file: String,
    /// The file's size in bytes.
    pub size: u64,
    /// When the file was changed, in ms since 1970, as the browser said.
    pub modified_ms: i64,
    /// A few of the file's bytes, digested by the browser; means nothing here.
    pub fingerprint: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When all its bytes were there, if they are.
    pub completed_at: Option<Timestamp>,
}

/// An upload with how far it is and what is written about its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The upload.
    pub upload: Upload,
    /// Bytes that are acknowledged.
    pub received: u64,
    /// Details of the title; `None` if they were discarded.
    pub draft: Option<Draft>,
}

impl State {
    /// The title that it became.
    pub fn title(&self) -> Option<TitleId> {
        self.draft.as_ref()?.title
    }
}

impl Upload {
    /// How the file is cut.
    pub fn cut(&self) -> Cut {
        Cut::of(self.size)
    }

    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            account: row.get("account")?,
            bucket: row.get("bucket")?,
            key: row.get::<String>("source_key")?.parse().map_err(|_| Error::Row("key"))?,
            file: row.get("file")?,
            size: row.get("size")?,
            modified_ms: row.get("modified_ms")?,
            fingerprint: row.get("fingerprint")?,
            created_at: row.get("created_at")?,
            completed_at: row.get_opt("completed_at")?,
        })
    }
}

const GET: &str = "SELECT * FROM browser_uploads WHERE id = $1";
const LIST: &str = "SELECT * FROM browser_uploads
    WHERE account = $1 AND (completed_at IS NULL OR completed_at > $2)
    ORDER BY (completed_at IS NOT NULL), created_at DESC, id DESC LIMIT $3";

impl Uploads {
    /// The uploads of an account, oldest first: the open ones, and those that arrived within a day. If they are too
    /// many, the oldest that arrived are left out.
    pub async fn list(&self, account: AccountId, now: Timestamp) -> Result<Vec<State>> {
        let rows = self.inner.db.all(LIST, args![account, now.plus_ms(-SHOWN_MS), PAGE]).await?;
        let mut uploads = rows.iter().map(Upload::read).collect::<Result<Vec<_>>>()?;
        uploads.sort_by_key(|upload| (upload.created_at, upload.id));
        self.states(uploads).await
    }

    /// An upload of an account, open or arrived.
    ///
    /// # Errors
    /// [`Error::NoUpload`], also when it is another account's.
    pub async fn of(&self, account: AccountId, id: UploadId) -> Result<Upload> {
        let upload = self.find(id).await?.filter(|upload| upload.account == account);
        upload.ok_or(Error::NoUpload(id))
    }

    /// How far an upload is.
    pub async fn state(&self, upload: Upload) -> Result<State> {
        let states = self.states(vec![upload]).await?;
        Ok(states.into_iter().next().expect("every upload has a state"))
    }

    /// How far these uploads are, in their order.
    async fn states(&self, uploads: Vec<Upload>) -> Result<Vec<State>> {
        let open: Vec<UploadId> =
            uploads.iter().filter(|upload| upload.completed_at.is_none()).map(|upload| upload.id).collect();
        let came = self.inner.blob.came(&open).await?;
        let files: Vec<_> = uploads.iter().map(|upload| (&upload.bucket, &upload.key)).collect();
        let drafts = self.inner.catalogue.drafts_of(&files).await?;
        let state = |(upload, draft): (Upload, _)| {
            let received = match upload.completed_at {
                Some(_) => upload.size,
                None => came.get(&upload.id).map_or(0, |came| came.bytes),
            };
            State { upload, received, draft }
        };
        Ok(uploads.into_iter().zip(drafts).map(state).collect())
    }

    pub(crate) async fn find(&self, id: UploadId) -> Result<Option<Upload>> {
        self.inner.db.opt(GET, args![id]).await?.as_ref().map(Upload::read).transpose()
    }
}
