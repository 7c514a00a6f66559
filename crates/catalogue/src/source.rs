//! The upload that a title was made of: whether the title needs its bytes, and whether they stay afterwards.

use db::{Sql, Tx, args, sql};
use model::title::State;
use model::{ObjectId, Timestamp, TitleId};

use crate::{Catalogue, Error, Result};

const HOLD: &str = "UPDATE titles SET source_held = TRUE
    WHERE id = $1 AND NOT source_held RETURNING source_object";
const LOCK: Sql = sql!("SELECT id FROM titles WHERE id = $1" [FOR UPDATE]);
const LOCK_SHOWN: Sql = sql!(
    "SELECT state, source_dropped_at FROM titles WHERE id = $1 AND deleted_at IS NULL" [FOR UPDATE]
);
const LET_GO: &str = "UPDATE titles SET source_held = FALSE
    WHERE id = $1 AND source_held RETURNING source_object";

/// What decides whether work for a title may begin.
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

    /// Notes that the title needs its source no more when `tx` commits; answers the object if that is new: the caller
    /// then releases it.
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

    /// Notes when the source was dropped, when `tx` commits; answers the object, which the caller discards. `None` if
    /// that had happened before.
    pub async fn drop_source(&self, tx: &mut Tx, now: Timestamp, id: TitleId) -> Result<Option<ObjectId>> {
        let sql = "UPDATE titles SET keep_source = FALSE, source_dropped_at = $2
            WHERE id = $1 AND source_dropped_at IS NULL RETURNING source_object";
        let row = tx.opt(sql, args![id, now]).await?;
        Ok(row.map(|row| row.get("source_object")).transpose()?)
    }

    /// Whether the title is published, and its source need not stay.
    pub async fn is_source_unneeded(&self, tx: &mut Tx, id: TitleId) -> Result<bool> {
        let sql = "SELECT id FROM titles WHERE id = $1 AND state = 'published' AND NOT keep_source";
        Ok(tx.opt(sql, args![id]).await?.is_some())
    }
}
