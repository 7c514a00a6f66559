//! Deleting titles: gone from sight at once, restorable for a while, and then without a trace.

use db::{Tx, args};
use model::{AccountId, AssetId, Generation, ObjectId, Timestamp, TitleId};

use crate::{Catalogue, Error, Result, Title, withdrawal};

/// Replaced generations that one look finds.
const BATCH: u32 = 50;
/// Deleted titles of a page.
pub const PAGE: u32 = 200;

/// How a title is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// End of the time in which it can be restored; then it is deleted permanently.
    pub purge_at: Timestamp,
    /// Whether the bytes of its upload stay.
    pub spare_source: bool,
    /// Whether its owner deletes it, who may restore it then.
    pub by_owner: bool,
}

/// Remains of a title to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// The upload it was made of.
    pub source_object: ObjectId,
    /// Whether the upload is kept anyway.
    pub spare_source: bool,
    /// Its assets: their folders in bucket `media` go.
    pub assets: Vec<AssetId>,
}

const DELETE: &str =
    "UPDATE titles SET deleted_at = $2, purge_at = $3, spare_source = $4, deleted_by_owner = $5
    WHERE id = $1 AND deleted_at IS NULL";

/// Also for a title that is deleted already: its time may only come sooner.
const SOONER: &str = "UPDATE titles SET purge_at = $2, spare_source = $3
    WHERE id = $1 AND deleted_at IS NOT NULL AND purge_at > $2";

const GONE: &str = "INSERT INTO gone_assets (asset, title, at)
    SELECT DISTINCT asset, title, CAST($2 AS BIGINT) FROM generations WHERE title = $1
    ON CONFLICT (asset) DO NOTHING";

const RESTORE: &str = "UPDATE titles SET deleted_at = NULL, purge_at = NULL
    WHERE id = $1 AND deleted_at IS NOT NULL AND NOT purging
        AND (CAST($2 AS TEXT) IS NULL OR (owner = $2 AND deleted_by_owner))";

/// Deleted titles that can be restored.
macro_rules! deleted {
    ($rest:literal) => {
        concat!(
            "SELECT t.*, g.posters, g.first_posters, g.storyboard, COALESCE(g.weight * 1000 / g.total_weight, 0) AS progress,
                FALSE AS playable
            FROM titles t LEFT JOIN generations g ON g.id = t.generation
            WHERE t.deleted_at IS NOT NULL AND NOT t.purging AND ",
            $rest
        )
    };
}

const DELETED: &str = deleted!(
    "(CAST($1 AS BIGINT) IS NULL OR (t.deleted_at, t.id) < ($1, $2)) ORDER BY t.deleted_at DESC, t.id DESC LIMIT $3"
);
const DELETED_OWN: &str = deleted!(
    "(CAST($1 AS BIGINT) IS NULL OR (t.deleted_at, t.id) < ($1, $2)) AND t.owner = $4 AND t.deleted_by_owner
    ORDER BY t.deleted_at DESC, t.id DESC LIMIT $3"
);
const DELETED_ONE: &str =
    deleted!("(t.id = $1 OR t.name = $1) ORDER BY t.deleted_at DESC, t.id DESC LIMIT 1");

const DOOMED: &str =
    "SELECT id FROM titles WHERE deleted_at IS NOT NULL AND purge_at <= $1 ORDER BY purge_at";

const PURGE: &str = "UPDATE titles SET purging = TRUE
    WHERE id = $1 AND deleted_at IS NOT NULL AND purge_at <= $2 RETURNING source_object, spare_source";

const TAKE: &str = "DELETE FROM chunks WHERE (generation, track, chunk) IN
        (SELECT c.generation, c.track, c.chunk FROM chunks c JOIN generations g ON g.id = c.generation
            WHERE g.title = $1 AND (CAST($2 AS TEXT) IS NULL OR g.id = $2) LIMIT $3)
    RETURNING object";

/// The one that is shown stays, and so does the newest while it is being made.
const SUPERSEDED: &str = "SELECT g.id, g.asset, g.title FROM generations g
    JOIN titles t ON t.id = g.title JOIN generations shown ON shown.id = t.generation
    WHERE t.deleted_at IS NULL AND g.id <> t.generation AND shown.complete
        AND shown.completed_at <= $1 AND g.created_at <= $1
    ORDER BY g.id LIMIT $2";

impl Catalogue {
    /// Deletes a title when `tx` commits: it is no longer shown or delivered. For a deleted one, its removal can be
    /// moved forward.
    pub async fn delete(&self, tx: &mut Tx, now: Timestamp, id: TitleId, how: &Removal) -> Result<()> {
        let Removal { purge_at, spare_source, by_owner } = *how;
        if tx.execute(DELETE, args![id, now, purge_at, spare_source, by_owner]).await? == 1 {
            tx.execute(GONE, args![id, now]).await?;
            // Also for when it is restored: addresses that were given out for it would work again.
            withdrawal::write(tx, id).await?;
            return Ok(());
        }
        match tx.execute(SOONER, args![id, purge_at, spare_source]).await? {
            0 => Err(Error::NoTitle { title: id }),
            _ => Ok(()),
        }
    }

    /// Brings a deleted title back when `tx` commits; with an owner, only one that they deleted themselves.
    /// [`Error::NoTitle`] if there is none, or once its bytes are being removed.
    pub async fn restore(&self, tx: &mut Tx, id: TitleId, owner: Option<AccountId>) -> Result<()> {
        if tx.execute(RESTORE, args![id, owner]).await? == 0 {
            return Err(Error::NoTitle { title: id });
        }
        tx.execute("DELETE FROM gone_assets WHERE title = $1", args![id]).await?;
        Ok(())
    }

    /// Deleted titles that can be restored, the last deleted first, at most [`crate::DELETED_PAGE`] of those after
    /// `after`: the last of the page before. With an owner, only those that they deleted themselves.
    pub async fn restorable(
        &self,
        owner: Option<AccountId>,
        after: Option<(Timestamp, TitleId)>,
    ) -> Result<Vec<Title>> {
        let (at, id) = after.unzip();
        let rows = match owner {
            None => self.db.all(DELETED, args![at, id, PAGE]).await?,
            Some(owner) => self.db.all(DELETED_OWN, args![at, id, PAGE, owner]).await?,
        };
        rows.iter().map(Title::read).collect()
    }

    /// The deleted title of this id, or the last deleted one of exactly this name, if it can be restored.
    pub async fn restorable_named(&self, wanted: &str) -> Result<Option<Title>> {
        self.db.opt(DELETED_ONE, args![wanted]).await?.as_ref().map(Title::read).transpose()
    }

    /// Assets of deleted titles: nobody gets a byte of them, whatever they show.
    pub async fn gone_assets(&self) -> Result<Vec<AssetId>> {
        let rows = self.db.all("SELECT asset FROM gone_assets ORDER BY asset", args![]).await?;
        Ok(rows.iter().map(|row| row.get("asset")).collect::<db::Result<_>>()?)
    }

    /// Forgets that assets are gone whose titles left no trace before `before`: nothing remembers them any more.
    pub async fn forget_gone(&self, before: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM gone_assets WHERE at <= $1 AND NOT EXISTS
            (SELECT 1 FROM titles t WHERE t.id = gone_assets.title)";
        Ok(self.db.execute(sql, args![before]).await?)
    }

    /// Deleted titles that are due for removal, also those that an earlier process started to remove.
    pub async fn due_for_removal(&self, now: Timestamp) -> Result<Vec<TitleId>> {
        let rows = self.db.all(DOOMED, args![now]).await?;
        Ok(rows.iter().map(|row| row.get("id")).collect::<db::Result<_>>()?)
    }

    /// Begins to remove a title: from now on it cannot be restored. `None` if it was restored or is gone.
    pub async fn begin_purge(&self, tx: &mut Tx, now: Timestamp, id: TitleId) -> Result<Option<Doomed>> {
        let Some(row) = tx.opt(PURGE, args![id, now]).await? else { return Ok(None) };
        let assets = tx.all("SELECT DISTINCT asset FROM generations WHERE title = $1", args![id]).await?;
        Ok(Some(Doomed {
            source_object: row.get("source_object")?,
            spare_source: row.get("spare_source")?,
            assets: assets.iter().map(|row| row.get("asset")).collect::<db::Result<_>>()?,
        }))
    }

    /// Takes at most `limit` chunk rows of a title (or of one generation of it) away when `tx` commits, and answers
    /// their objects, which the caller discards in the same transaction.
    pub async fn take_chunks(
        &self,
        tx: &mut Tx,
        title: TitleId,
        generation: Option<Generation>,
        limit: u32,
    ) -> Result<Vec<ObjectId>> {
        let rows = tx.all(TAKE, args![title, generation, limit]).await?;
        Ok(rows.iter().map(|row| row.get("object")).collect::<db::Result<_>>()?)
    }

    /// Removes the last rows of a title whose chunks were taken.
    pub async fn forget(&self, tx: &mut Tx, id: TitleId) -> Result<()> {
        for sql in [
            "DELETE FROM history WHERE title = $1",
            "DELETE FROM generations WHERE title = $1",
            "DELETE FROM titles WHERE id = $1 AND purging",
        ] {
            tx.execute(sql, args![id]).await?;
        }
        Ok(())
    }

    /// Generations that were replaced, or abandoned, before `before`: title, asset, generation.
    pub async fn superseded(&self, before: Timestamp) -> Result<Vec<(TitleId, AssetId, Generation)>> {
        let rows = self.db.all(SUPERSEDED, args![before, BATCH]).await?;
        let mut found = Vec::new();
        for row in rows {
            found.push((row.get("title")?, row.get("asset")?, row.get("id")?));
        }
        Ok(found)
    }

    /// Removes the row of a generation that is not shown and whose chunks were taken.
    pub async fn forget_generation(&self, tx: &mut Tx, generation: Generation) -> Result<()> {
        let sql = "DELETE FROM generations WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM titles t WHERE t.generation = generations.id)";
        tx.execute(sql, args![generation]).await?;
        Ok(())
    }
}
