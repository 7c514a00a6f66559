//! Invitations: links that make accounts, for one address or for so many people.
//!
//! An invitation for an address is its own proof and works once. An open one lets so many addresses in that prove
//! themselves by a code.

use db::{Row, Sql, Tx, args, sql};
use model::{AccountId, Timestamp};
use uuid::Uuid;

use crate::personal::{Column, Personal};
use crate::session::{self, Device, SignedIn};
use crate::token::{InviteToken, hash};
use crate::{Address, Error, Identity, Result, Role, account, failures, operators};

/// Longest life of an invitation in ms: 90 days.
pub const MAX_LIFETIME_MS: i64 = 90 * 86_400_000;
/// Most people that one open invitation lets in.
pub const MAX_USES: u32 = 1000;
/// Invitations of a page.
pub const PAGE: u32 = 500;

/// Whom an invitation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For<'a> {
    /// The holder of this address, once.
    Address(&'a str),
    /// So many people with the link.
    Anyone(u32),
}

/// An operator's offer.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// To whom.
    pub to: For<'a>,
    /// The new account's role.
    pub role: Role,
    /// How long it stands, in ms: 1 to [`MAX_LIFETIME_MS`].
    pub lifetime_ms: i64,
    /// The account that invites; `None` is the command line.
    pub by: Option<AccountId>,
}

/// An invitation without its token.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Names it in lists.
    pub id: String,
    /// The one address that it is for.
    pub address: Option<Address>,
    /// The new account's role.
    pub role: Role,
    /// How many accounts it may make.
    pub max_uses: u32,
    /// How many it made.
    pub uses: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

const INSERT: &str = "INSERT INTO invitations
    (id, token_hash, address, address_key, role, max_uses, created_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
/// Condition that an invitation is valid at `$now`: not revoked, not used up and not expired.
macro_rules! stands {
    ($now:literal) => {
        concat!("revoked_at IS NULL AND uses < max_uses AND expires_at > ", $now)
    };
}

const LIVE: &str = concat!("SELECT * FROM invitations WHERE token_hash = $1 AND ", stands!("$2"));
const LIST: &str = concat!(
    "SELECT * FROM invitations WHERE ",
    stands!("$1"),
    " AND (CAST($2 AS BIGINT) IS NULL OR (created_at, id) < ($2, $3)) ORDER BY created_at DESC, id DESC LIMIT $4"
);
const OFFERS: &str = concat!("SELECT role FROM invitations WHERE id = $1 AND ", stands!("$2"));
const USE: &str = concat!("UPDATE invitations SET uses = uses + 1 WHERE id = $1 AND ", stands!("$2"));
const REVOKE: &str = concat!("UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND ", stands!("$2"));
const REVOKE_FOR: &str =
    concat!("UPDATE invitations SET revoked_at = $2 WHERE address_key = $1 AND ", stands!("$2"));
const REVOKE_OF: &str =
    concat!("UPDATE invitations SET revoked_at = $2 WHERE created_by = $1 AND ", stands!("$2"));

/// Locks valid invitations in the order of their ids, like all transactions that change several: otherwise they could
/// deadlock.
const LOCK_FOR: Sql = sql!(
    "SELECT id FROM invitations WHERE (id = $1 OR address_key = $2) AND " (stands!("$3")) " ORDER BY id" [FOR UPDATE]
);
const LOCK_OF: Sql = sql!(
    "SELECT id FROM invitations WHERE created_by = $1 AND " (stands!("$2")) " ORDER BY id" [FOR UPDATE]
);

impl Identity {
    /// Makes an invitation; its token is shown this once.
    ///
    /// # Errors
    /// [`Error::NoOperator`] if the inviting account is not, or is no longer, an operator.
    pub async fn invite(&self, offer: &Offer<'_>, now: Timestamp) -> Result<(Invitation, InviteToken)> {
        let (address, max_uses) = match offer.to {
            For::Address(text) => (Some(Address::parse(text)?), 1),
            For::Anyone(uses) => (None, uses),
        };
        let open = address.is_none();
        if !(1..=MAX_USES).contains(&max_uses) || open && offer.role == Role::Operator {
            return Err(Error::Offer);
        }
        if !(1..=MAX_LIFETIME_MS).contains(&offer.lifetime_ms) {
            return Err(Error::Lifetime);
        }
        if let Some(address) = &address
            && self.account_of(address.as_str()).await?.is_some()
        {
            return Err(Error::Taken);
        }
        let token = InviteToken::random();
        let invitation = Invitation {
            id: Uuid::now_v7().as_simple().to_string(),
            address,
            role: offer.role,
            max_uses,
            uses: 0,
            created_at: now,
            expires_at: now.plus_ms(offer.lifetime_ms),
        };
        let (personal, address) = (self.personal(), invitation.address.as_ref());
        let sealed = address.map(|a| personal.seal(Column::Invitation, &invitation.id, a.as_str()));
        let args = args![
            &invitation.id,
            hash(token.as_str()),
            sealed.transpose()?,
            address.map(|a| personal.index(a)),
            invitation.role,
            max_uses,
            offer.by,
            now,
            invitation.expires_at
        ];
        let mut tx = self.db().begin().await?;
        if let Some(by) = offer.by {
            operators::lock(&mut tx, by, None).await?;
        }
        tx.execute(INSERT, args).await?;
        tx.commit().await?;
        tracing::info!(role = %offer.role, open, max_uses, "invitation created");
        Ok((invitation, token))
    }

    /// The invitations that still work, the youngest first, at most [`PAGE`].
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<Invitation>> {
        self.invitations_after(now, None).await
    }

    /// The same of those after `after`: the last of the page before, when it was made and its id.
    pub async fn invitations_after(
        &self,
        now: Timestamp,
        after: Option<(Timestamp, &str)>,
    ) -> Result<Vec<Invitation>> {
        let (at, id) = after.unzip();
        let rows = self.db().all(LIST, args![now, at, id, PAGE]).await?;
        rows.iter().map(|row| Invitation::read(row, self.personal())).collect()
    }

    /// The offer of a link, without using it; `None` when it is no longer valid.
    pub async fn invitation(&self, token: &InviteToken, now: Timestamp) -> Result<Option<Invitation>> {
        let row = self.db().opt(LIVE, args![hash(token.as_str()), now]).await?;
        row.map(|row| Invitation::read(&row, self.personal())).transpose()
    }

    /// Takes an invitation back; answers whether it still worked.
    pub async fn revoke_invitation(&self, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self.db().execute(REVOKE, args![id, now]).await? > 0)
    }

    /// Uses up an invitation that is for one address: makes the account and signs it in.
    ///
    /// # Errors
    /// [`Error::Invitation`] also when the address has an account by now: an invitation is no way into that.
    pub async fn accept_invitation(
        &self,
        token: &InviteToken,
        device: &Device<'_>,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let offered = self.invitation(token, now).await?.ok_or(Error::Invitation)?;
        let address = offered.address.ok_or(Error::Invitation)?;
        let mut tx = self.db().begin().await?;
        // Accounts before invitations, as all do: two for one address would wait for each other otherwise.
        let account = account::make(&mut tx, self.personal(), &address, offered.role, now).await?;
        let account = account.ok_or(Error::Invitation)?;
        consume(&mut tx, Some(&offered.id), &self.personal().index(&address), now).await?;
        failures::recover(&mut tx, &self.address_name(&account.address.key())).await?;
        let signed_in = session::create(&mut tx, self.personal(), account, "invitation", device, now).await?;
        tx.commit().await?;
        tracing::info!(account = %signed_in.account.id, via = "invitation", "signed in");
        Ok(signed_in)
    }
}

impl Invitation {
    fn read(row: &Row, personal: &Personal) -> Result<Self> {
        let (id, address): (String, Option<String>) = (row.get("id")?, row.get_opt("address")?);
        let address = address.map(|sealed| personal.open_address(Column::Invitation, &id, &sealed));
        Ok(Self {
            id,
            address: address.transpose()?,
            role: row.get("role")?,
            max_uses: row.get("max_uses")?,
            uses: row.get("uses")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

/// The offer of an invitation, without using it; `None` when nothing is left.
pub(crate) async fn offers(tx: &mut Tx, id: &str, now: Timestamp) -> Result<Option<Role>> {
    let row = tx.opt(OFFERS, args![id, now]).await?;
    Ok(row.map(|row| row.get("role")).transpose()?)
}

/// Takes one use of the invitation that brought a new account, if one did, and ends the others for its address.
///
/// # Errors
/// [`Error::Invitation`] when somebody else took what was left.
pub(crate) async fn consume(tx: &mut Tx, id: Option<&str>, address_key: &str, now: Timestamp) -> Result<()> {
    tx.all(tx.pick(LOCK_FOR), args![id.unwrap_or_default(), address_key, now]).await?;
    if let Some(id) = id
        && tx.execute(USE, args![id, now]).await? == 0
    {
        return Err(Error::Invitation);
    }
    tx.execute(REVOKE_FOR, args![address_key, now]).await?;
    Ok(())
}

/// Ends what is left of the invitations of an account that may invite nobody any more: `tx` has written that down, so
/// that none is created at the same time.
pub(crate) async fn revoke_of(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<()> {
    tx.all(tx.pick(LOCK_OF), args![account, now]).await?;
    let ended = tx.execute(REVOKE_OF, args![account, now]).await?;
    if ended > 0 {
        tracing::info!(%account, ended, "invitations of the account revoked");
    }
    Ok(())
}
