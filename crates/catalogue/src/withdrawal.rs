//! Titles that were deleted or shown to others than before, kept until what was watched of them has ended.
//!
//! A withdrawal is written in the transaction that it is about, so that it is not forgotten, whatever fails afterwards.
//! The crate `playback` reads it, ends the playbacks, and deletes it in the same transaction.

use db::{Tx, args};
use model::{EndingId, TitleId};

use crate::{Catalogue, Result};

/// Most withdrawals that are read at a time.
const MOST: u32 = 100;

/// A title that its current viewers may no longer watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Withdrawal {
    /// Its name.
    pub id: EndingId,
    /// The title.
    pub title: TitleId,
}

const INSERT: &str = "INSERT INTO withdrawals (id, title) VALUES ($1, $2)";
const READ: &str = "SELECT * FROM withdrawals ORDER BY id LIMIT $1";
const FORGET: &str = "DELETE FROM withdrawals WHERE id = $1";

impl Catalogue {
    /// The withdrawals that are still to be carried out, the oldest first.
    pub async fn withdrawals(&self) -> Result<Vec<Withdrawal>> {
        let rows = self.db.all(READ, args![MOST]).await?;
        let read = rows.iter().map(|row| Ok(Withdrawal { id: row.get("id")?, title: row.get("title")? }));
        read.collect()
    }

    /// Forgets a withdrawal when `tx` commits: nobody watches the title any more who began before it.
    pub async fn forget_withdrawal(&self, tx: &mut Tx, id: EndingId) -> Result<()> {
        tx.execute(FORGET, args![id]).await?;
        Ok(())
    }
}

/// Writes down that what is watched of a title ends.
pub(crate) async fn write(tx: &mut Tx, title: TitleId) -> Result<()> {
    tx.execute(INSERT, args![EndingId::new(), title]).await?;
    Ok(())
}
