//! Single-use sign-in links, for installations without mail and for the first operator.

use db::args;
use model::{AccountId, Timestamp};

use crate::session::{self, Device, SignedIn};
use crate::token::{LinkToken, hash};
use crate::{Error, Identity, Result, account, failures};

/// How long a link works in ms: a day.
pub const LIFETIME_MS: i64 = 86_400_000;

const INSERT: &str =
    "INSERT INTO links (token_hash, account, created_at, expires_at) VALUES ($1, $2, $3, $4)";
const CONSUME: &str = "UPDATE links SET used_at = $2
    WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING account";
const END: &str = "DELETE FROM links WHERE account = $1 AND used_at IS NULL";
const LIVE: &str = "SELECT account FROM links WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2";

impl Identity {
    /// Makes a link that signs `account` in once within [`LIFETIME_MS`].
    pub async fn create_link(&self, account: AccountId, now: Timestamp) -> Result<LinkToken> {
        self.account(account).await?.ok_or(Error::NoAccount)?;
        let token = LinkToken::random();
        let expires = now.plus_ms(LIFETIME_MS);
        self.db().execute(INSERT, args![hash(token.as_str()), account, now, expires]).await?;
        tracing::info!(%account, "sign-in link made");
        Ok(token)
    }

    /// Ends the links of an account that nobody used; answers how many.
    pub async fn end_links(&self, account: AccountId) -> Result<u64> {
        Ok(self.db().execute(END, args![account]).await?)
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
        let row = tx.opt(CONSUME, args![hash(token.as_str()), now]).await?.ok_or(Error::Link)?;
        let account =
            account::get(&mut tx, self.personal(), row.get("account")?).await?.ok_or(Error::Link)?;
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
