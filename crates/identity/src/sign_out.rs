//! Signing out: ending one session of an account, or all.

use db::args;
use model::{AccountId, SessionId};

use crate::session::end_playing;
use crate::token::{SessionToken, hash};
use crate::{Identity, Result, ending, link};

const END: &str = "DELETE FROM sessions WHERE account = $1 AND id = $2";
const END_ALL: &str = "DELETE FROM sessions WHERE account = $1 AND id <> $2 RETURNING id";
const SIGN_OUT: &str = "DELETE FROM sessions WHERE token_hash = $1 RETURNING account, id";

impl Identity {
    /// Ends one session of an account; answers whether there was one. What it plays is to end ([`ending`]).
    pub async fn end_session(&self, account: AccountId, session: SessionId) -> Result<bool> {
        let mut tx = self.db().begin().await?;
        let ended = tx.execute(END, args![account, session]).await? > 0;
        if ended {
            ending::write(&mut tx, account, Some(session)).await?;
            tx.commit().await?;
        }
        Ok(ended)
    }

    /// Ends all sessions of an account but `keep`, and the links to it that nobody used; answers the ended sessions. What
    /// they play is to end ([`ending`]), and without one that is kept all that the account plays.
    pub async fn end_sessions(&self, account: AccountId, keep: Option<SessionId>) -> Result<Vec<SessionId>> {
        let kept = keep.map(|id| id.to_string()).unwrap_or_default();
        let mut tx = self.db().begin().await?;
        // Links first: this waits for one that is being used, and then sees the session that it made.
        link::end_all(&mut tx, account).await?;
        let rows = tx.all(END_ALL, args![account, kept]).await?;
        let ended = rows.iter().map(|row| row.get("id")).collect::<db::Result<Vec<SessionId>>>()?;
        match keep {
            Some(_) => end_playing(&mut tx, account, &ended).await?,
            None => ending::write(&mut tx, account, None).await?,
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends the session that the cookie names. What it plays is to end ([`ending`]).
    pub async fn sign_out(&self, token: &SessionToken) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if let Some(row) = tx.opt(SIGN_OUT, args![hash(token.as_str())]).await? {
            ending::write(&mut tx, row.get("account")?, Some(row.get("id")?)).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
