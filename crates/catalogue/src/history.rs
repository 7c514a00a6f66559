//! Watch history: which account watched what, and how far.

use db::{Row, args};
use model::{AccountId, Timestamp, TitleId};

use crate::{Catalogue, Result};

/// Most entries of a list.
const PAGE: u32 = 200;

/// How far an account is in a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// The title.
    pub title: TitleId,
    /// Where it stopped, in ms.
    pub position_ms: u64,
    /// When that was.
    pub at: Timestamp,
}

/// A late report of an older moment changes nothing.
const REMEMBER: &str = "INSERT INTO history (account, title, position_ms, watched_at)
    SELECT $1, id, $3, $4 FROM titles WHERE id = $2 AND deleted_at IS NULL
    ON CONFLICT (account, title) DO UPDATE
    SET position_ms = excluded.position_ms, watched_at = excluded.watched_at
    WHERE history.watched_at <= excluded.watched_at";

const RECENT: &str =
    "SELECT h.title, h.position_ms, h.watched_at FROM history h JOIN titles t ON t.id = h.title
    WHERE h.account = $1 AND t.deleted_at IS NULL ORDER BY h.watched_at DESC, h.title DESC LIMIT $2";

const POSITION: &str = "SELECT title, position_ms, watched_at FROM history WHERE account = $1 AND title = $2";

impl Catalogue {
    /// Remembers how far an account is in a title.
    pub async fn remember_position(&self, account: AccountId, watched: Watched) -> Result<()> {
        self.db.execute(REMEMBER, args![account, watched.title, watched.position_ms, watched.at]).await?;
        Ok(())
    }

    /// How far an account is in a title; `None` if it never watched it.
    pub async fn position(&self, account: AccountId, title: TitleId) -> Result<Option<Watched>> {
        self.db.opt(POSITION, args![account, title]).await?.as_ref().map(read).transpose()
    }

    /// Titles that an account watched last, newest first, at most `limit` and never more than 200.
    pub async fn history(&self, account: AccountId, limit: u32) -> Result<Vec<Watched>> {
        self.db.all(RECENT, args![account, limit.min(PAGE)]).await?.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Watched> {
    Ok(Watched { title: row.get("title")?, position_ms: row.get("position_ms")?, at: row.get("watched_at")? })
}
