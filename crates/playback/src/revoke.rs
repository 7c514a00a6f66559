//! Ending what is watched by those who may not any more.
//!
//! A change that takes something away – a session, a role, a title – is recorded in the same transaction
//! (`identity::ending`, `catalogue::Withdrawal`), and the record stays until every playback that it ends is revoked: at
//! once by [`Playback::settle`], and otherwise, whatever failed, by [`crate::Service`], also after the next start.

use std::time::Instant;

use catalogue::Withdrawal;
use db::{Args, Sql, Tx, args, sql};
use identity::ending::{self, Ending};
use model::delivery::ANSWER_MS;
use model::{PlaybackSessionId, SubjectId, Timestamp};

use crate::{Playback, Result};

/// How many playbacks are revoked in one step: their heartbeats wait for it, each with a connection to the database.
const PORTION: u32 = 5_000;

const ONE: &str = "UPDATE playback_sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
const OF_ACCOUNT: &str = "UPDATE playback_sessions SET revoked_at = $2 WHERE id IN
    (SELECT id FROM playback_sessions WHERE account = $1 AND signed_until > $3 AND revoked_at IS NULL LIMIT $4)";
const OF_SESSION: &str = "UPDATE playback_sessions SET revoked_at = $2 WHERE id IN
    (SELECT id FROM playback_sessions WHERE account = $1 AND signed_until > $3 AND revoked_at IS NULL
        AND signed_in = $5 LIMIT $4)";
const OF_TITLE: &str = "UPDATE playback_sessions SET revoked_at = $2 WHERE id IN
    (SELECT id FROM playback_sessions WHERE title = $1 AND signed_until > $3 AND revoked_at IS NULL LIMIT $4)";
/// Signed addresses for this account, for this session or below this asset end, those made up to now.
const SUBJECT: &str = "INSERT INTO ended_subjects (id, ended_at) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at WHERE ended_subjects.ended_at < excluded.ended_at";
/// Those who revoke take turns: each changes many rows, which others may change as well.
const TURN: Sql = sql!("SELECT made FROM revocations" [FOR UPDATE]);
const MADE: &str = "UPDATE revocations SET made = made + 1";

/// Since when a signature may have ended while an answer to it is still on its way: one answer may be a whole film.
pub(crate) fn under_way(now: Timestamp) -> Timestamp {
    now.plus_ms(-ANSWER_MS)
}

/// A revocation to carry out.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// Somebody's session, or all that they have, ended.
    Ending(Ending),
    /// A title is for others now.
    Withdrawal(Withdrawal),
}

impl Due {
    fn statement(&self, now: Timestamp) -> (&'static str, Args) {
        let alive = under_way(now);
        match *self {
            Self::Ending(Ending { account, session: None, .. }) => {
                (OF_ACCOUNT, args![account, now, alive, PORTION])
            }
            Self::Ending(Ending { account, session: Some(session), .. }) => {
                (OF_SESSION, args![account, now, alive, PORTION, session])
            }
            Self::Withdrawal(Withdrawal { title, .. }) => (OF_TITLE, args![title, now, alive, PORTION]),
        }
    }
}

impl Playback {
    /// After a change that is committed: has it take effect on what is being watched, as [`Playback::settle`] does. The
    /// change stands whatever fails here, so a failure is logged and is no error of the change; [`crate::Service`]
    /// retries within seconds.
    pub async fn enforce(&self, now: Timestamp) {
        if let Err(error) = self.settle(now).await {
            let error = model::Chain(&error);
            tracing::warn!(%error, "a change does not affect playback yet; retrying");
        }
    }

    /// Revokes playbacks of viewers who lost access, from the recorded endings, and tells the edge, also
    /// of what was deleted. What fails here is made good by [`crate::Service`].
    pub async fn settle(&self, now: Timestamp) -> Result<()> {
        let carried_out = self.carry_out(now).await;
        // Also of a part.
        self.refresh(now).await?;
        carried_out
    }

    /// Revokes in portions until nothing is left to be carried out.
    pub(crate) async fn carry_out(&self, now: Timestamp) -> Result<()> {
        // A caller that arrives during this run finds its own change applied, too.
        let begun = Instant::now();
        let _alone = self.inner.settling.lock().await;
        loop {
            let due = self.due().await?;
            if due.is_empty() {
                return Ok(());
            }
            // Not before what is due was committed, also by others who came later.
            let at = now.plus_ms(i64::try_from(begun.elapsed().as_millis()).unwrap_or(0));
            // A portion of each: no single playback continues while a million others are revoked.
            for one in due {
                self.portion(&one, now, at).await?;
            }
        }
    }

    async fn due(&self) -> Result<Vec<Due>> {
        let endings = ending::waiting(&self.inner.db).await?.into_iter().map(Due::Ending);
        let withdrawals = self.inner.catalogue.withdrawals().await?.into_iter().map(Due::Withdrawal);
        Ok(endings.chain(withdrawals).collect())
    }

    /// Revokes a portion; with the last one forgets why. Signed addresses end as of `at`.
    async fn portion(&self, due: &Due, now: Timestamp, at: Timestamp) -> Result<()> {
        let subject = self.subject(due).await?;
        let _turn = self.inner.revoking.lock().await;
        let mut tx = self.turn().await?;
        if let Some(subject) = subject {
            tx.execute(SUBJECT, args![subject, at]).await?;
        }
        let (sql, args) = due.statement(now);
        let sessions = tx.execute(sql, args).await?;
        if sessions < u64::from(PORTION) {
            match due {
                Due::Ending(ending) => ending::forget(&mut tx, ending.id).await?,
                Due::Withdrawal(it) => self.inner.catalogue.forget_withdrawal(&mut tx, it.id).await?,
            }
        }
        made(tx, sessions).await
    }

    /// The subject whose signed URLs end; `None` for a title that has none any more.
    async fn subject(&self, due: &Due) -> Result<Option<SubjectId>> {
        let bytes = match *due {
            Due::Ending(Ending { session: Some(session), .. }) => session.to_bytes(),
            Due::Ending(Ending { account, .. }) => account.to_bytes(),
            Due::Withdrawal(Withdrawal { title, .. }) => match self.inner.catalogue.title(title).await {
                Ok(catalogue::Title { asset: Some(asset), .. }) => asset.to_bytes(),
                // One that was deleted is delivered no more in any case.
                Ok(_) | Err(catalogue::Error::NoTitle { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Some(SubjectId::from_bytes(bytes)))
    }

    /// Revokes one playback.
    pub(crate) async fn revoke_one(&self, session: PlaybackSessionId, now: Timestamp) -> Result<()> {
        let _turn = self.inner.revoking.lock().await;
        let mut tx = self.turn().await?;
        let sessions = tx.execute(ONE, args![session, now]).await?;
        made(tx, sessions).await
    }

    /// Waits for the others, also of other processes. Those of this one wait before: each who waits in the database keeps a
    /// connection from all others.
    async fn turn(&self) -> Result<Tx> {
        let mut tx = self.inner.db.begin().await?;
        tx.one(tx.pick(TURN), args![]).await?;
        Ok(tx)
    }
}

/// Commits what was revoked.
async fn made(mut tx: Tx, sessions: u64) -> Result<()> {
    // In the same step: it is by this that every process sees that it must read them.
    tx.execute(MADE, args![]).await?;
    tx.commit().await?;
    if sessions > 0 {
        tracing::info!(sessions, "playback revoked");
    }
    Ok(())
}
