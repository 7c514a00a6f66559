//! The upload that a title was made of: whether the title needs its bytes, and whether they stay afterwards.

use std::collections::HashMap;

use db::{Sql, Tx, args, sql};
use model::title::State;
use model::{AccountId, ObjectId, Timestamp, TitleId};

use crate::{Catalogue, Error, Result};

const HOLD: &str = "UPDATE titles SET source_held = TRUE
    WHERE id = $1 AND NOT source_held RETURNING source_object";
const LOCK: Sql = sql!("SELECT id FROM titles WHERE id = $1" [FOR UPDATE]);
const LOCK_SHOWN: Sql = sql!(
    "SELECT state, source_dropped_at FROM titles WHERE id = $1 AND deleted_at IS NULL" [FOR UPDATE]
);
const LET_GO: &str = "UPDATE titles SET source_held = FALSE
    WHERE id = $1 AND source_held RETURNING source_object";

/// Facts that decide whether work for a title may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Whether its upload was dropped.
    pub source_dropped: bool,
}

impl Catalogue {
    /// Waits until no other transaction decides over the title; `false` when it is gone.
    pub async fn lock(&self, tx: &mut Tx, id: TitleId) -> Result<bool> {
        Ok(tx.opt(tx.pick(LOCK), args![id]).await?.is_some())
    }

    /// The same for a title that is there for everyone: how it stands then, which it keeps until `tx` ends.
    /// [`Error::NoTitle`] when it is gone or deleted.
    pub async fn lock_shown(&self, tx: &mut Tx, id: TitleId) -> Result<Standing> {
        let row = tx.opt(tx.pick(LOCK_SHOWN), args![id]).await?.ok_or(Error::NoTitle { title: id })?;
        let word: String = row.get("state")?;
        let state = State::parse(&word).ok_or(Error::Word { what: "state of a title", word })?;
        let dropped: Option<Timestamp> = row.get_opt("source_dropped_at")?;
        Ok(Standing { state, source_dropped: dropped.is_some() })
    }

    /// Notes that the title needs its source when `tx` commits; answers the object if that is new: the caller then
    /// holds it.
    pub async fn hold_source(&self, tx: &mut Tx, id: TitleId) -> Result<Option<ObjectId>> {
        let row = tx.opt(HOLD, args![id]).await?;
        Ok(row.map(|row| row.get("source_object")).transpose()?)
    }

    /// Records that the title no longer needs its source when `tx` commits; answers the object if that is new: the
    /// caller then releases it.
    pub async fn let_go_source(&self, tx: &mut Tx, id: TitleId) -> Result<Option<ObjectId>> {
        let row = tx.opt(LET_GO, args![id]).await?;
        Ok(row.map(|row| row.get("source_object")).transpose()?)
    }

    /// Chooses whether the source stays once the title is published.
    pub async fn set_keep_source(&self, tx: &mut Tx, id: TitleId, keep: bool) -> Result<()> {
        let sql = "UPDATE titles SET keep_source = $2 WHERE id = $1 AND deleted_at IS NULL";
        match tx.execute(sql, args![id, keep]).await? {
            0 => Err(Error::NoTitle { title: id }),
            _ => Ok(()),
        }
    }

    /// Notes that the source is to be dropped at `at`, unless it is to be dropped sooner.
    pub async fn drop_source_at(&self, tx: &mut Tx, id: TitleId, at: Timestamp) -> Result<()> {
        let sql = "UPDATE titles SET source_purge_at = COALESCE(source_purge_at, $2)
            WHERE id = $1 AND deleted_at IS NULL AND source_dropped_at IS NULL";
        match tx.execute(sql, args![id, at]).await? {
            0 => Err(Error::NoTitle { title: id }),
            _ => Ok(()),
        }
    }

    /// Notes that the source stays after all; answers whether it was to be dropped and is still there.
    pub async fn restore_source(&self, tx: &mut Tx, id: TitleId) -> Result<bool> {
        let sql = "UPDATE titles SET source_purge_at = NULL
            WHERE id = $1 AND deleted_at IS NULL AND source_purge_at IS NOT NULL AND source_dropped_at IS NULL";
        Ok(tx.execute(sql, args![id]).await? > 0)
    }

    /// Titles whose sources are to be dropped by `now`.
    pub async fn sources_due(&self, now: Timestamp) -> Result<Vec<TitleId>> {
        let sql = "SELECT id FROM titles WHERE source_purge_at <= $1 ORDER BY source_purge_at LIMIT 200";
        let rows = self.db.all(sql, args![now]).await?;
        Ok(rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?)
    }

    /// Whether the source of a title, which the caller has locked, is to be dropped by `now`.
    pub async fn is_source_due(&self, tx: &mut Tx, id: TitleId, now: Timestamp) -> Result<bool> {
        let sql = "SELECT id FROM titles WHERE id = $1 AND source_purge_at <= $2";
        Ok(tx.opt(sql, args![id, now]).await?.is_some())
    }

    /// Notes when the source was dropped, when `tx` commits; answers the object, which the caller discards. `None` if
    /// that had happened before.
    pub async fn drop_source(&self, tx: &mut Tx, now: Timestamp, id: TitleId) -> Result<Option<ObjectId>> {
        let sql = "UPDATE titles SET keep_source = FALSE, source_dropped_at = $2, source_purge_at = NULL
            WHERE id = $1 AND source_dropped_at IS NULL RETURNING source_object";
        let row = tx.opt(sql, args![id, now]).await?;
        Ok(row.map(|row| row.get("source_object")).transpose()?)
    }

    /// The original files of an account's titles that were not dropped, also of titles that can be restored.
    pub async fn originals_of(&self, owner: AccountId) -> Result<Vec<ObjectId>> {
        let sql = "SELECT source_object FROM titles WHERE owner = $1 AND source_dropped_at IS NULL";
        let rows = self.db.all(sql, args![owner]).await?;
        Ok(rows.iter().map(|row| row.get("source_object")).collect::<db::Result<_>>()?)
    }

    /// The same of every account that has any.
    pub async fn originals(&self) -> Result<HashMap<AccountId, Vec<ObjectId>>> {
        let sql = "SELECT owner, source_object FROM titles
            WHERE owner IS NOT NULL AND source_dropped_at IS NULL";
        let mut all: HashMap<AccountId, Vec<ObjectId>> = HashMap::new();
        for row in self.db.all(sql, args![]).await? {
            all.entry(row.get("owner")?).or_default().push(row.get("source_object")?);
        }
        Ok(all)
    }

    /// Whether the title is published, and its source need not stay.
    pub async fn is_source_unneeded(&self, tx: &mut Tx, id: TitleId) -> Result<bool> {
        let sql = "SELECT id FROM titles WHERE id = $1 AND state = 'published' AND NOT keep_source";
        Ok(tx.opt(sql, args![id]).await?.is_some())
    }
}
