//! Actions of operators on accounts. At least one operator who can sign in always remains.

use db::{Sql, Tx, args, sql};
use model::{AccountId, Timestamp};

use crate::operators::operators;
use crate::{Error, Identity, Result, Role, ending, invitation, link};

const SET_ROLE: &str = "UPDATE accounts SET role = $2 WHERE id = $1";
const SUSPEND: &str = "UPDATE accounts SET suspended_at = COALESCE(suspended_at, $2) WHERE id = $1";
const RESUME: &str = "UPDATE accounts SET suspended_at = NULL WHERE id = $1";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE account = $1";

/// Locks the operators, so that two of them cannot demote each other at once, and the account that it is about.
const OPERATORS: Sql = sql!(
    "SELECT id, role, suspended_at FROM accounts
     WHERE (role = 'operator' AND suspended_at IS NULL) OR id = $1 ORDER BY id" [FOR UPDATE]
);

impl Identity {
    /// Gives an account another role and ends its sessions, and what it gave others to come in with – invitations,
    /// links – where it is no operator any more. What it plays is to end ([`ending`]).
    ///
    /// # Errors
    /// [`Error::LastOperator`] when nobody could manage the installation then.
    pub async fn set_role(&self, id: AccountId, role: Role, now: Timestamp) -> Result<()> {
        let mut tx = self.db().begin().await?;
        if role != Role::Operator {
            spare(&mut tx, id).await?;
        }
        if tx.execute(SET_ROLE, args![id, role]).await? == 0 {
            return Err(Error::NoAccount);
        }
        if role != Role::Operator {
            invitation::revoke_of(&mut tx, id, now).await?;
            link::revoke_of(&mut tx, id).await?;
        }
        tx.execute(END_SESSIONS, args![id]).await?;
        ending::write(&mut tx, id, None).await?;
        tx.commit().await?;
        tracing::info!(account = %id, %role, "role changed");
        Ok(())
    }

    /// Suspends an account and ends its sessions and what it gave others to come in with: its codes, links and access
    /// keys stop working. What it plays is to end ([`ending`]).
    ///
    /// # Errors
    /// [`Error::LastOperator`] when nobody could manage the installation then.
    pub async fn suspend(&self, id: AccountId, now: Timestamp) -> Result<()> {
        let mut tx = self.db().begin().await?;
        spare(&mut tx, id).await?;
        if tx.execute(SUSPEND, args![id, now]).await? == 0 {
            return Err(Error::NoAccount);
        }
        invitation::revoke_of(&mut tx, id, now).await?;
        link::revoke_of(&mut tx, id).await?;
        tx.execute(END_SESSIONS, args![id]).await?;
        ending::write(&mut tx, id, None).await?;
        tx.commit().await?;
        tracing::info!(account = %id, "account suspended");
        Ok(())
    }

    /// Lets a suspended account in again.
    pub async fn resume(&self, id: AccountId) -> Result<()> {
        let changed = self.db().execute(RESUME, args![id]).await?;
        if changed == 0 {
            return Err(Error::NoAccount);
        }
        tracing::info!(account = %id, "account reactivated");
        Ok(())
    }
}

/// Refuses when the account is the only operator who can come in.
async fn spare(tx: &mut Tx, id: AccountId) -> Result<()> {
    let rows = tx.all(tx.pick(OPERATORS), args![id]).await?;
    if operators(&rows)? == [id] { Err(Error::LastOperator) } else { Ok(()) }
}
