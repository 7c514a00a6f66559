//! Fan-out and fan-in: groups of jobs and what follows them.

use db::{Row, Sql, Tx, args, sql};
use model::text::reason;
use model::{GroupId, JobId, Timestamp, TitleId};

use super::cancel::cancel;
use super::{Ended, Queue, insert, lease};
use crate::{Error, New, NewGroup, Result};

/// A group as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The title its members work for.
    pub title: Option<TitleId>,
    /// Where it stands.
    pub state: GroupState,
    /// Why it failed or was cancelled.
    pub reason: Option<String>,
    /// Members.
    pub total: u64,
    /// Members that are not done.
    pub remaining: u64,
}

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// Members are not done yet.
    Open,
    /// Every member is done and what follows was enqueued.
    Done,
    /// A member failed; the others were cancelled.
    Failed,
    /// A member or the whole was cancelled.
    Cancelled,
}

impl GroupState {
    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Done, Self::Failed, Self::Cancelled].into_iter().find(|s| s.as_str() == word)
    }
}

const INSERT: &str =
    "INSERT INTO job_groups (id, title, state, total, remaining, continuation, unique_key, created_at)
    VALUES ($1, $2, 'open', $3, $3, $4, $5, $6) ON CONFLICT (unique_key) DO NOTHING";

const LOCK: Sql = sql!("SELECT id FROM job_groups WHERE id = $1" [FOR UPDATE]);

const COUNT_DOWN: &str = "UPDATE job_groups SET remaining = remaining - 1,
        state = CASE WHEN remaining = 1 THEN 'done' ELSE state END,
        finished_at = CASE WHEN remaining = 1 THEN $2 ELSE finished_at END
    WHERE id = $1 AND state = 'open' RETURNING remaining, continuation";

const END: &str =
    "UPDATE job_groups SET state = $2, reason = $3, finished_at = $4 WHERE id = $1 AND state = 'open'";

const CANCEL_OTHERS: &str = cancel!("group_id = $1 AND id <> $4");

impl Queue {
    /// Puts a group into the queue when `tx` commits. A group whose key was used before is not made again: the id
    /// of the first is answered. A member's key must be new ([`Error::KeyTaken`]).
    pub async fn enqueue_group(&self, tx: &mut Tx, now: Timestamp, new: &NewGroup) -> Result<GroupId> {
        for next in &new.then {
            next.check()?;
        }
        let id = GroupId::new();
        let then = serde_json::to_string(&new.then).expect("plain values are written as JSON");
        let args = args![id, new.title, new.members.len(), then, new.key.as_deref(), now];
        if tx.execute(INSERT, args).await? == 0 {
            let key = new.key.as_deref();
            let found = tx.one("SELECT id FROM job_groups WHERE unique_key = $1", args![key]).await?;
            return Ok(found.get("id")?);
        }
        for member in &new.members {
            let member = New { title: member.title.or(new.title), ..member.clone() };
            if insert(tx, now, &member, Some(id)).await?.is_none() {
                return Err(Error::KeyTaken { key: member.key.unwrap_or_default() });
            }
        }
        if new.members.is_empty() {
            let done = "UPDATE job_groups SET state = 'done', finished_at = $2 WHERE id = $1";
            tx.execute(done, args![id, now]).await?;
            for next in &new.then {
                self.enqueue(tx, now, next).await?;
            }
        }
        Ok(id)
    }

    /// Reads a group.
    pub async fn group(&self, id: GroupId) -> Result<Option<Group>> {
        let row = self.db.opt("SELECT * FROM job_groups WHERE id = $1", args![id]).await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &Row) -> Result<Group> {
    let state: String = row.get("state")?;
    Ok(Group {
        id: row.get("id")?,
        title: row.get_opt("title")?,
        state: GroupState::parse(&state).ok_or(Error::Word { what: "state of a group", word: state })?,
        reason: row.get_opt("reason")?,
        total: row.get("total")?,
        remaining: row.get("remaining")?,
    })
}

/// Locks the group before its members: every transaction that touches both takes them in this order.
pub(super) async fn lock(tx: &mut Tx, group: Option<GroupId>) -> Result<()> {
    if let Some(group) = group {
        tx.all(tx.pick(LOCK), args![group]).await?;
    }
    Ok(())
}

/// Counts a completed member; answers what was enqueued if it was the last.
pub(super) async fn count_down(
    queue: &Queue,
    tx: &mut Tx,
    now: Timestamp,
    group: GroupId,
) -> Result<Option<Vec<JobId>>> {
    let Some(row) = tx.opt(COUNT_DOWN, args![group, now]).await? else { return Ok(None) };
    if row.get::<u64>("remaining")? > 0 {
        return Ok(None);
    }
    let text: String = row.get("continuation")?;
    let then: Vec<New> = serde_json::from_str(&text).map_err(|_| Error::Word {
        what: "continuation of a group",
        word: text.chars().take(80).collect(),
    })?;
    let mut made = Vec::new();
    for next in &then {
        made.push(queue.enqueue(tx, now, next).await?);
    }
    Ok(Some(made))
}

/// Ends the group of a job that has ended, if it is member of one, and cancels the others.
pub(super) async fn end(tx: &mut Tx, now: Timestamp, ended: &Ended, state: GroupState) -> Result<()> {
    let Some(group) = ended.group else { return Ok(()) };
    let (member, why) = (ended.job, &ended.reason);
    tx.execute(END, args![group, state.as_str(), why, now]).await?;
    let word = if state == GroupState::Failed { "failed" } else { "was cancelled" };
    let cause = reason(&format!("another part of the same work {word}: {why}"));
    let cancelled = tx.execute(CANCEL_OTHERS, args![group, cause, now, member]).await?;
    lease::note(tx, now, member, format!("{cancelled} other jobs of the group were cancelled")).await
}
