//! Rewriting rows of a table, however many there are.

use crate::{Args, Db, Error, Row, Sql, Tx, args};

/// Rows that are read and written in one transaction.
const BATCH: u32 = 500;

/// How the rows of a table are rewritten. Made by [`rewrite!`](crate::rewrite!).
#[derive(Debug, Clone, Copy)]
pub struct Rewrite {
    /// Keeps every other writer away from the table until the transaction ends.
    pub alone: Sql,
    /// Reads the rows that are still to be written, in the order of their `id`: of an id above `$1`, at most `$2` of
    /// them, and `$3` is what tells them from the others.
    pub read: &'static str,
    /// Writes one: `$1` is its `id`, and the rest what the caller gives for it.
    pub write: &'static str,
}

/// Makes a [`Rewrite`] of a table's name, the columns that are read (with `id`), the condition, in which `$3` tells these
/// rows from the others, and what is set: from `$2` on it is what the caller gives for a row.
///
/// ```
/// const CUT: db::Rewrite = db::rewrite!("things", "id, name", "LENGTH(name) > $3", "name = $2");
/// assert_eq!(
///     CUT.read,
///     "SELECT id, name FROM things WHERE id > $1 AND (LENGTH(name) > $3) ORDER BY id LIMIT $2"
/// );
/// assert_eq!(CUT.write, "UPDATE things SET name = $2 WHERE id = $1");
/// ```
#[macro_export]
macro_rules! rewrite {
    ($table:literal, $columns:literal, $which:literal, $set:literal) => {
        $crate::Rewrite {
            // The one lock that also keeps row locks away, so that this never waits for a transaction that waits for
            // it.
            alone: $crate::Sql {
                sqlite: "SELECT 1",
                postgres: concat!("LOCK TABLE ", $table, " IN EXCLUSIVE MODE"),
            },
            read: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE id > $1 AND (",
                $which,
                ") ORDER BY id LIMIT $2"
            ),
            write: concat!("UPDATE ", $table, " SET ", $set, " WHERE id = $1"),
        }
    };
}

impl Db {
    /// Rewrites rows in batches, each in a transaction of its own in which nobody else writes to the table; answers
    /// how many. `which` is the condition's `$3`; `change` gives what is written for a row, its `id` first, or `None` where
    /// it stays as it is.
    ///
    /// Broken off at any point it is begun again and finds what is left; of several that run at once each row is written
    /// by one. When this answers, none is left but those that were to stay.
    pub async fn rewrite<E: From<Error>>(
        &self,
        how: &Rewrite,
        which: &str,
        mut change: impl FnMut(&Row) -> Result<Option<Args>, E>,
    ) -> Result<u64, E> {
        let (mut after, mut written) = (String::new(), 0);
        // A look first: where nothing is to be done nobody is kept away.
        while self.opt(how.read, args![&after, 1, which]).await?.is_some() {
            let mut tx = self.begin().await?;
            tx.all(tx.pick(how.alone), args![]).await?;
            let rows = tx.all(how.read, args![&after, BATCH, which]).await?;
            let changes =
                rows.iter().filter_map(|row| change(row).transpose()).collect::<Result<Vec<_>, E>>()?;
            if let Some(last) = rows.last() {
                after = last.get("id")?;
            }
            drop(rows);
            written += write(&mut tx, how, changes).await?;
            tx.commit().await?;
        }
        Ok(written)
    }
}

async fn write(tx: &mut Tx, how: &Rewrite, changes: Vec<Args>) -> crate::Result<u64> {
    let mut written = 0;
    for args in changes {
        written += tx.execute(how.write, args).await?;
    }
    Ok(written)
}
