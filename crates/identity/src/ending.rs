//! Sessions and standings that ended, kept until what is played in them has ended as well.
//!
//! An ending is written in the transaction that it is about, so that it is not forgotten, whatever fails afterwards.
//! The crate `playback` reads it, ends the playbacks, and deletes it in the same transaction.

use db::{Db, Tx, args};
use model::{AccountId, EndingId, SessionId};

/// Most endings that are read at a time.
const MOST: u32 = 100;

/// A session or permission that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Its name.
    pub id: EndingId,
    /// The account whose playbacks end.
    pub account: AccountId,
    /// Only those that were begun in this session; `None` for all.
    pub session: Option<SessionId>,
}

const INSERT: &str = "INSERT INTO endings (id, account, session) VALUES ($1, $2, $3)";
const READ: &str = "SELECT * FROM endings ORDER BY id LIMIT $1";
const FORGET: &str = "DELETE FROM endings WHERE id = $1";

/// Endings that are still to be carried out, oldest first.
pub async fn waiting(db: &Db) -> db::Result<Vec<Ending>> {
    let rows = db.all(READ, args![MOST]).await?;
    rows.iter()
        .map(|row| {
            let session = row.get_opt("session")?;
            Ok(Ending { id: row.get("id")?, account: row.get("account")?, session })
        })
        .collect()
}

/// Forgets an ending when `tx` commits: nothing plays any more.
pub async fn forget(tx: &mut Tx, id: EndingId) -> db::Result<()> {
    tx.execute(FORGET, args![id]).await.map(drop)
}

/// Writes down that a session ended, or without one all that an account has.
pub(crate) async fn write(tx: &mut Tx, account: AccountId, session: Option<SessionId>) -> db::Result<()> {
    tx.execute(INSERT, args![EndingId::new(), account, session]).await.map(drop)
}
