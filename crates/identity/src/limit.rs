//! Limits in sliding windows, shared by all processes through the database.
//!
//! A row remembers the last moments something happened; its lock makes check and count one step.

use db::{Row, Sql, Tx, args, sql};
use model::Timestamp;

use crate::{Error, Result};

const HOUR_MS: i64 = 3_600_000;

/// At most `max` times within a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) ms: i64,
    pub(crate) max: u32,
}

impl Window {
    pub(crate) fn hour(max: u32) -> Self {
        Self { ms: HOUR_MS, max }
    }
}

/// Windows, and pauses after the first, second, … time within an hour (the last one repeats).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) windows: &'a [Window],
    pub(crate) pauses_seconds: &'a [u32],
}

/// Takes the row's lock, whether or not the row was there.
const LOCK: &str = "INSERT INTO throttles (name, moments, forget_at) VALUES ($1, '', $2)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING moments";
const READ: Sql = sql!("SELECT moments, forget_at FROM throttles WHERE name = $1" [FOR UPDATE]);
const WRITE: &str = "UPDATE throttles SET moments = $2, forget_at = $3 WHERE name = $1";
const FORGET: &str = "DELETE FROM throttles WHERE name = $1";

/// Counts one more for `name`, or refuses; answers how many were counted before within the longest window. Nothing
/// counts until the transaction commits.
///
/// Transactions that take several take them in the same order of kinds, so that none waits in a circle.
pub(crate) async fn take(tx: &mut Tx, name: &str, rules: Rules<'_>, now: Timestamp) -> Result<usize> {
    let mut moments = locked(tx, name, now).await?;
    let free = free_at(&moments, rules, now);
    if free > now {
        let retry_after_seconds = u32::try_from((free.0 - now.0 + 999) / 1000).unwrap_or(u32::MAX);
        return Err(Error::TooMany { retry_after_seconds });
    }
    let longest = longest_ms(rules.windows);
    let before = moments.iter().filter(|m| m.plus_ms(longest) > now).count();
    push(&mut moments, rules.windows, now);
    write(tx, name, &moments, now.plus_ms(longest)).await?;
    Ok(before)
}

/// Counts one more for `name` that is never refused, but may have later ones refused.
pub(crate) async fn count(tx: &mut Tx, name: &str, windows: &[Window], now: Timestamp) -> Result<()> {
    let mut moments = locked(tx, name, now).await?;
    push(&mut moments, windows, now);
    write(tx, name, &moments, now.plus_ms(longest_ms(windows))).await
}

/// Takes back up to `times` of what was counted for `name` since a moment.
pub(crate) async fn give_back(tx: &mut Tx, name: &str, since: Timestamp, times: u32) -> Result<()> {
    let Some(row) = tx.opt(tx.pick(READ), args![name]).await? else { return Ok(()) };
    let (mut moments, mut left) = (parse(&row)?, times);
    moments.retain(|moment| {
        let goes = *moment >= since && left > 0;
        left -= u32::from(goes);
        !goes
    });
    write(tx, name, &moments, row.get("forget_at")?).await
}

async fn locked(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Vec<Timestamp>> {
    parse(&tx.one(LOCK, args![name, now]).await?)
}

fn parse(row: &Row) -> Result<Vec<Timestamp>> {
    let text: String = row.get("moments")?;
    Ok(text.split(',').filter_map(|m| m.parse().ok().map(Timestamp)).collect())
}

/// Adds a moment and keeps as many as the windows look at.
fn push(moments: &mut Vec<Timestamp>, windows: &[Window], now: Timestamp) {
    moments.push(now);
    let keep = windows.iter().map(|w| w.max).max().unwrap_or(1) as usize;
    moments.drain(..moments.len().saturating_sub(keep));
}

fn longest_ms(windows: &[Window]) -> i64 {
    windows.iter().map(|w| w.ms).max().unwrap_or(HOUR_MS)
}

async fn write(tx: &mut Tx, name: &str, moments: &[Timestamp], forget: Timestamp) -> Result<()> {
    let text = moments.iter().map(|m| m.0.to_string()).collect::<Vec<_>>().join(",");
    tx.execute(WRITE, args![name, text, forget]).await?;
    Ok(())
}

/// Forgets what was counted for `name`.
pub(crate) async fn forget(tx: &mut Tx, name: &str) -> Result<()> {
    tx.execute(FORGET, args![name]).await?;
    Ok(())
}

/// When the next one is allowed: `now` or earlier means at once. `moments` ascend.
fn free_at(moments: &[Timestamp], rules: Rules<'_>, now: Timestamp) -> Timestamp {
    let mut free = now;
    for window in rules.windows {
        let oldest = match window.max as usize {
            0 => Some(now),
            max => moments.len().checked_sub(max).and_then(|at| moments.get(at).copied()),
        };
        free = free.max(oldest.map_or(now, |at| at.plus_ms(window.ms)));
    }
    let recent = moments.iter().filter(|m| m.plus_ms(HOUR_MS) > now).count();
    if let (Some(at), Some(last)) = (recent.checked_sub(1), moments.last()) {
        let pause = rules.pauses_seconds.get(at).or(rules.pauses_seconds.last()).copied().unwrap_or(0);
        // Without a pause a moment noted by a process whose clock is ahead holds nobody back.
        if pause > 0 {
            free = free.max(last.plus_ms(i64::from(pause) * 1000));
        }
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(moments: &[i64], windows: &[Window], pauses_seconds: &[u32], now: i64) -> i64 {
        let moments: Vec<_> = moments.iter().map(|m| Timestamp(*m)).collect();
        free_at(&moments, Rules { windows, pauses_seconds }, Timestamp(now)).0
    }

    #[test]
    fn a_window_slides() {
        let two_a_second = [Window { ms: 1000, max: 2 }];
        assert_eq!(free(&[], &two_a_second, &[], 500), 500);
        assert_eq!(free(&[0], &two_a_second, &[], 500), 500);
        assert_eq!(free(&[0, 400], &two_a_second, &[], 500), 1000);
        assert_eq!(free(&[0, 400], &two_a_second, &[], 1000), 1000);
        assert_eq!(free(&[0, 400, 1000], &two_a_second, &[], 1001), 1400);
    }

    #[test]
    fn pauses_grow_and_the_last_one_repeats() {
        let check = |moments: &[i64], expected| {
            assert_eq!(free(moments, &[], &[30, 60], *moments.last().unwrap()), expected);
        };
        check(&[0], 30_000);
        check(&[0, 30_000], 90_000);
        check(&[0, 30_000, 90_000], 150_000);
        assert_eq!(free(&[7], &[Window::hour(2)], &[], 5), 5, "another clock is ahead");
        assert_eq!(free(&[0], &[], &[30], HOUR_MS), HOUR_MS, "an hour later it starts again");
    }

    #[test]
    fn zero_allows_nothing() {
        assert_eq!(free(&[], &[Window { ms: 1000, max: 0 }], &[], 5), 1005);
    }
}
