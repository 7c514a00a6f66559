//! Wrong codes in a row: growing pauses, and the end of codes for an address.
//!
//! Counted for an address and a requester, whether or not it has an account: a device that signed in before is counted
//! by itself, others by their network, so that nobody can make another one wait. All strangers together are counted,
//! too, for the end alone: guessing gets no further by being done from many places.

use db::{Row, Tx, args};
use model::Timestamp;

use crate::{Error, Result};

/// After so many wrong codes in a row there are no more codes. A hard limit.
const OFF: u32 = 100;
const HOUR_MS: i64 = 3_600_000;
/// Pauses longer than a code lives: nobody is sent one that they could not use.
const LONG_MS: i64 = 10 * 60_000;

/// Takes the row's lock, whether or not the row was there.
const LOCK: &str = "INSERT INTO failures (name, address_name, in_a_row, last_at) VALUES ($1, $2, 0, $3)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING in_a_row, last_at";
const COUNT: &str = "UPDATE failures SET in_a_row = in_a_row + 1, last_at = $2 WHERE name = $1";
const LOOK: &str = "SELECT in_a_row, last_at FROM failures WHERE name = $1";
const FORGET: &str = "DELETE FROM failures WHERE name = $1";
const FORGET_ADDRESS: &str = "DELETE FROM failures WHERE address_name = $1";

/// The keys under which failures are counted; they do not reveal an address.
#[derive(Debug)]
pub(crate) struct Whose {
    /// The device or network that shares the pauses.
    pub(crate) name: String,
    /// All strangers at the address; `None` for a device that signed in before.
    pub(crate) strangers: Option<String>,
    /// The counter of the address for all requesters.
    pub(crate) address_name: String,
}

/// Counts a failure before the code is checked, or refuses. Nothing counts until the transaction commits.
pub(crate) async fn take(tx: &mut Tx, whose: &Whose, now: Timestamp) -> Result<()> {
    let row = tx.one(LOCK, args![&whose.name, &whose.address_name, now]).await?;
    wait(&row, 0, now)?;
    tx.execute(COUNT, args![&whose.name, now]).await?;
    if let Some(strangers) = &whose.strangers {
        let row = tx.one(LOCK, args![strangers, &whose.address_name, now]).await?;
        refuse_when_off(&row)?;
        tx.execute(COUNT, args![strangers, now]).await?;
    }
    Ok(())
}

/// Refuses when a code that is sent now could not be used.
pub(crate) async fn look(tx: &mut Tx, whose: &Whose, now: Timestamp) -> Result<()> {
    if let Some(row) = tx.opt(LOOK, args![&whose.name]).await? {
        wait(&row, LONG_MS, now)?;
    }
    if let Some(strangers) = &whose.strangers
        && let Some(row) = tx.opt(LOOK, args![strangers]).await?
    {
        refuse_when_off(&row)?;
    }
    Ok(())
}

/// Forgets what was counted: the code was right.
pub(crate) async fn forget(tx: &mut Tx, whose: &Whose) -> Result<()> {
    for name in [Some(&whose.name), whose.strangers.as_ref()].into_iter().flatten() {
        tx.execute(FORGET, args![name]).await?;
    }
    Ok(())
}

/// Forgets everything for an address: its owner came in without a code.
pub(crate) async fn recover(tx: &mut Tx, address_name: &str) -> Result<()> {
    tx.execute(FORGET_ADDRESS, args![address_name]).await?;
    Ok(())
}

fn refuse_when_off(row: &Row) -> Result<()> {
    if row.get::<u32>("in_a_row")? >= OFF { Err(Error::CodesOff) } else { Ok(()) }
}

fn wait(row: &Row, patience_ms: i64, now: Timestamp) -> Result<()> {
    refuse_when_off(row)?;
    let in_a_row = row.get::<u32>("in_a_row")?;
    let left = row.get::<Timestamp>("last_at")?.0 + pause_ms(in_a_row) - now.0;
    if left > patience_ms.max(0) && pause_ms(in_a_row) > 0 {
        let retry_after_seconds = u32::try_from((left + 999) / 1000).unwrap_or(u32::MAX);
        return Err(Error::TooMany { retry_after_seconds });
    }
    Ok(())
}

/// The pause after so many wrong codes in a row: none for those of one challenge, then seconds that double, and after
/// every ten an hour, two, four, up to a day.
fn pause_ms(in_a_row: u32) -> i64 {
    match in_a_row {
        0..5 => 0,
        n if n % 10 == 0 => (HOUR_MS << (n / 10 - 1).min(5)).min(24 * HOUR_MS),
        n => 5000 << (n % 10).saturating_sub(5).min(4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        let seconds = |n| pause_ms(n) / 1000;
        assert_eq!([0, 1, 4].map(seconds), [0, 0, 0]);
        assert_eq!([5, 6, 7, 8, 9].map(seconds), [5, 10, 20, 40, 80]);
        assert_eq!([10, 20, 30, 40, 50, 60, 90].map(|n| seconds(n) / 3600), [1, 2, 4, 8, 16, 24, 24]);
        assert_eq!([11, 15, 16].map(seconds), [5, 5, 10]);
    }
}
