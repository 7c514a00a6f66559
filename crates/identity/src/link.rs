//! Single-use sign-in links, for installations without mail and for the first operator.

use db::{Sql, Tx, args, sql};
use model::{AccountId, Timestamp};

use crate::session::{self, Device, SignedIn};
use crate::token::{LinkToken, hash};
use crate::{Error, Identity, Result, account, failures, operators};

/// How long a link works in ms: a day.
pub const LIFETIME_MS: i64 = 86_400_000;

const INSERT: &str =
    "INSERT INTO links (token_hash, account, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";

/// Condition that a link has the token `$1` and is valid at `$2`.
macro_rules! works {
    () => {
        "token_hash = $1 AND used_at IS NULL AND expires_at > $2"
    };
}

const LIVE: &str = concat!("SELECT account FROM links WHERE ", works!());
const CONSUME: &str = concat!("UPDATE links SET used_at = $2 WHERE ", works!(), " RETURNING account");
const LOCK_ACCOUNT: Sql = sql!(
    "SELECT id FROM accounts WHERE id = (SELECT account FROM links WHERE token_hash = $1)" [FOR UPDATE]
);
const END: &str = "DELETE FROM links WHERE account = $1 AND used_at IS NULL";
const REVOKE_OF: &str = "DELETE FROM links WHERE created_by = $1 AND used_at IS NULL";

impl Identity {
    /// Makes a link that signs `account` in once within [`LIFETIME_MS`]. `by` is the operator who asked for it, with
    /// whom it ends; `None` on the machine itself.
    ///
    /// # Errors
    /// [`Error::NoOperator`] if `by` is not, or is no longer, an operator.
    pub async fn create_link(
        &self,
        account: AccountId,
        by: Option<AccountId>,
        now: Timestamp,
    ) -> Result<LinkToken> {
        self.account(account).await?.ok_or(Error::NoAccount)?;
        let token = LinkToken::random();
        let expires = now.plus_ms(LIFETIME_MS);
        let mut tx = self.db().begin().await?;
        if let Some(by) = by {
            operators::lock(&mut tx, by, Some(account)).await?;
        }
        tx.execute(INSERT, args![hash(token.as_str()), account, by, now, expires]).await?;
        tx.commit().await?;
        tracing::info!(%account, "sign-in link created");
        Ok(token)
    }

    /// Ends the links of an account that nobody used; answers how many.
    pub async fn end_links(&self, account: AccountId) -> Result<u64> {
        let mut tx = self.db().begin().await?;
        let ended = end_all(&mut tx, account).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Whether a link still works, without using it: pages that are only fetched must change nothing.
    pub async fn link_works(&self, token: &LinkToken, now: Timestamp) -> Result<bool> {
        Ok(self.db().opt(LIVE, args![hash(token.as_str()), now]).await?.is_some())
    }

    /// Uses a link up and signs its account in.
    pub async fn consume_link(
        &self,
        token: &LinkToken,
        device: &Device<'_>,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let mut tx = self.db().begin().await?;
        // Accounts before links, as those lock them who suspend somebody.
        tx.opt(tx.pick(LOCK_ACCOUNT), args![hash(token.as_str())]).await?.ok_or(Error::Link)?;
        let row = tx.opt(CONSUME, args![hash(token.as_str()), now]).await?.ok_or(Error::Link)?;
        let account =
            account::hold(&mut tx, self.personal(), row.get("account")?).await?.ok_or(Error::Link)?;
        if account.suspended_at.is_some() {
            return Err(Error::Link);
        }
        failures::recover(&mut tx, &self.address_name(&account.address.key())).await?;
        let signed_in = session::create(&mut tx, self.personal(), account, "link", device, now).await?;
        tx.commit().await?;
        tracing::info!(account = %signed_in.account.id, via = "link", "signed in");
        Ok(signed_in)
    }
}

/// Ends the unused links to other accounts that somebody made who is no operator any more: `tx` has written that down,
/// so that none is created at the same time.
pub(crate) async fn revoke_of(tx: &mut Tx, by: AccountId) -> Result<()> {
    let ended = tx.execute(REVOKE_OF, args![by]).await?;
    if ended > 0 {
        tracing::info!(%by, ended, "sign-in links of the account revoked");
    }
    Ok(())
}

/// Ends the unused links to an account, as those do who sign it out everywhere.
pub(crate) async fn end_all(tx: &mut Tx, account: AccountId) -> Result<u64> {
    Ok(tx.execute(END, args![account]).await?)
}
