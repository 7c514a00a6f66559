//! Drafts: details of a title whose file is still being uploaded. The draft waits at the bucket
//! and key of the file; the title that the file becomes takes it over in the transaction that makes it.

use std::collections::{HashMap, HashSet};

use db::{Row, Sql, Tx, args, sql};
use model::title::Visibility;
use model::{AccountId, BucketName, Key, TitleId};

use crate::edit::{Checked, Edited, edit_in};
use crate::{Catalogue, Edit, Error, Result, title};

/// Details of a future title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The name it will have.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The audience that will see it.
    pub visibility: Visibility,
    /// The account that uploads it.
    pub owner: Option<AccountId>,
    /// The title that took it over; the draft is history then.
    pub title: Option<TitleId>,
}

/// A title that took its draft over, and was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The title.
    pub title: TitleId,
    /// Whether others may see it now than before; what is watched of it is to end then ([`Catalogue::withdrawals`]).
    pub visibility: bool,
}

const INSERT: &str = "INSERT INTO drafts (bucket, source_key, owner, name, description, visibility)
    VALUES ($1, $2, $3, $4, '', $5)";
const GET: &str = "SELECT * FROM drafts WHERE bucket = $1 AND source_key = $2";
const OF: Sql = sql!(
    "SELECT * FROM drafts WHERE bucket IN " [EACH "$1"] " AND source_key IN " [EACH "$2"]
);
const LOCK: Sql = sql!("SELECT * FROM drafts WHERE bucket = $1 AND source_key = $2" [FOR UPDATE]);
const EDIT: &str = "UPDATE drafts SET name = COALESCE($3, name), description = COALESCE($4, description),
    visibility = COALESCE($5, visibility) WHERE bucket = $1 AND source_key = $2";
const TAKEN: &str = "UPDATE drafts SET title = $3 WHERE bucket = $1 AND source_key = $2";

impl Catalogue {
    /// Begins a draft for a file that will come under this key; it is named after the file.
    pub async fn draft(
        &self,
        tx: &mut Tx,
        bucket: &BucketName,
        key: &Key,
        owner: AccountId,
        visibility: Visibility,
    ) -> Result<Draft> {
        let name = title::fit(&title::name_of(key));
        tx.execute(INSERT, args![bucket, key, owner, &name, visibility.as_str()]).await?;
        Ok(Draft { name, description: String::new(), visibility, owner: Some(owner), title: None })
    }

    /// The draft of a file, also after a title took it over.
    pub async fn draft_of(&self, bucket: &BucketName, key: &Key) -> Result<Option<Draft>> {
        self.db.opt(GET, args![bucket, key]).await?.as_ref().map(Draft::read).transpose()
    }

    /// The drafts of files, in their order, also after titles took them over.
    pub async fn drafts_of(&self, files: &[(&BucketName, &Key)]) -> Result<Vec<Option<Draft>>> {
        let buckets: HashSet<&str> = files.iter().map(|(bucket, _)| bucket.as_str()).collect();
        let list = |texts: Vec<&str>| serde_json::Value::from(texts).to_string();
        let keys = files.iter().map(|(_, key)| key.as_str()).collect();
        let args = args![list(buckets.into_iter().collect()), list(keys)];
        let mut found = HashMap::new();
        for row in self.db.all(self.db.pick(OF), args).await? {
            let place: (String, String) = (row.get("bucket")?, row.get("source_key")?);
            found.insert(place, Draft::read(&row)?);
        }
        let of = |bucket: &BucketName, key: &Key| found.get(&(bucket.to_string(), key.to_string())).cloned();
        Ok(files.iter().map(|(bucket, key)| of(bucket, key)).collect())
    }

    /// Changes a draft, or the title that took it over in the meantime. Answers that title.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Description`], [`Error::NoDraft`]; [`Error::NoTitle`] if the title was deleted.
    pub async fn edit_draft(
        &self,
        bucket: &BucketName,
        key: &Key,
        edit: &Edit<'_>,
    ) -> Result<Option<Changed>> {
        let edit = edit.checked()?;
        let mut tx = self.db.begin().await?;
        let draft = lock(&mut tx, bucket, key).await?.ok_or(Error::NoDraft)?;
        let changed = match draft.title {
            Some(title) => match edit_in(&mut tx, title, None, &edit).await? {
                Edited::As { visibility } => Some(Changed { title, visibility }),
                Edited::Not => return Err(Error::NoTitle { title }),
            },
            None => {
                let Checked { name, description, visibility, .. } = edit;
                tx.execute(EDIT, args![bucket, key, name, description, visibility]).await?;
                None
            }
        };
        tx.commit().await?;
        Ok(changed)
    }

    /// Forgets a draft when `tx` commits. A title that took it over stays.
    pub async fn drop_draft(&self, tx: &mut Tx, bucket: &BucketName, key: &Key) -> Result<()> {
        tx.execute("DELETE FROM drafts WHERE bucket = $1 AND source_key = $2", args![bucket, key]).await?;
        Ok(())
    }
}

impl Draft {
    fn read(row: &Row) -> Result<Self> {
        let visibility: String = row.get("visibility")?;
        Ok(Self {
            name: row.get("name")?,
            description: row.get("description")?,
            visibility: Visibility::parse(&visibility)
                .ok_or(Error::Word { what: "visibility", word: visibility })?,
            owner: row.get_opt("owner")?,
            title: row.get_opt("title")?,
        })
    }
}

/// The draft that nobody took over yet; edits wait until `tx` ends.
pub(crate) async fn waiting(tx: &mut Tx, bucket: &BucketName, key: &Key) -> Result<Option<Draft>> {
    Ok(lock(tx, bucket, key).await?.filter(|draft| draft.title.is_none()))
}

/// Says which title took a draft over.
pub(crate) async fn taken(tx: &mut Tx, bucket: &BucketName, key: &Key, title: TitleId) -> Result<()> {
    tx.execute(TAKEN, args![bucket, key, title]).await?;
    Ok(())
}

async fn lock(tx: &mut Tx, bucket: &BucketName, key: &Key) -> Result<Option<Draft>> {
    tx.opt(tx.pick(LOCK), args![bucket, key]).await?.as_ref().map(Draft::read).transpose()
}
