//! Accounts of people.

use db::{Row, Sql, Tx, args, sql};
use model::{AccountId, Timestamp};

use crate::personal::{Column, Personal};
use crate::{Action, Address, Identity, Resource, Result, Role, Via, Who, may};

/// An account. Its address is personal data.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account's id.
    pub id: AccountId,
    /// Where codes are sent.
    pub address: Address,
    /// Its role.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// Start of its suspension, if suspended.
    pub suspended_at: Option<Timestamp>,
}

const INSERT: &str = "INSERT INTO accounts (id, address, address_key, role, created_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (address_key) DO NOTHING";
/// Reads the account of an address (`$1`, its blind index).
pub(crate) const BY_KEY: &str = "SELECT * FROM accounts WHERE address_key = $1";
const BY_ID: &str = "SELECT * FROM accounts WHERE id = $1";
const HOLD_KEY: Sql = sql!("SELECT * FROM accounts WHERE address_key = $1" [FOR UPDATE]);
const HOLD: Sql = sql!("SELECT * FROM accounts WHERE id = $1" [FOR UPDATE]);
const OPERATOR: &str = "SELECT id FROM accounts
    WHERE role = 'operator' AND suspended_at IS NULL AND address_key <> $1 LIMIT 1";
const PAGE: &str = "SELECT * FROM accounts WHERE id > $1 ORDER BY id LIMIT $2";

impl Identity {
    /// Reads an account.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        let row = self.db().opt(BY_ID, args![id]).await?;
        row.map(|row| Account::read(&row, self.personal())).transpose()
    }

    /// Whether an account may send parts of the uploads that it began: at each part, whatever it might when it was
    /// given the part's address.
    pub async fn may_send_parts(&self, id: AccountId) -> Result<bool> {
        let account = self.account(id).await?.filter(|account| account.suspended_at.is_none());
        Ok(account.is_some_and(|Account { role, .. }| {
            let who = Who::Account { account: id, role, via: Via::Part };
            may(&who, Action::Upload, &Resource::Installation)
        }))
    }

    /// Reads the account of an address.
    pub async fn account_of(&self, address: &str) -> Result<Option<Account>> {
        let key = self.personal().index(&Address::parse(address)?);
        let row = self.db().opt(BY_KEY, args![key]).await?;
        row.map(|row| Account::read(&row, self.personal())).transpose()
    }

    /// Whether somebody other than the holder of `address` can operate the installation.
    pub async fn has_operator_beside(&self, address: &str) -> Result<bool> {
        let key = self.personal().index(&Address::parse(address)?);
        Ok(self.db().opt(OPERATOR, args![key]).await?.is_some())
    }

    /// Up to `limit` accounts after the given one, oldest first.
    pub async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Account>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.db().all(PAGE, args![after, limit.min(1000)]).await?;
        rows.iter().map(|row| Account::read(row, self.personal())).collect()
    }
}

impl Account {
    pub(crate) fn read(row: &Row, personal: &Personal) -> Result<Self> {
        let id = row.get("id")?;
        Ok(Self {
            id,
            address: personal.open_address(Column::Account, id, &row.get::<String>("address")?)?,
            role: row.get("role")?,
            created_at: row.get("created_at")?,
            suspended_at: row.get_opt("suspended_at")?,
        })
    }
}

/// Makes the account of an address; `None` if it has one. The caller ends the invitations for the address.
pub(crate) async fn make(
    tx: &mut Tx,
    personal: &Personal,
    address: &Address,
    role: Role,
    now: Timestamp,
) -> Result<Option<Account>> {
    let id = AccountId::new();
    let sealed = personal.seal(Column::Account, id, address.as_str())?;
    if tx.execute(INSERT, args![id, sealed, personal.index(address), role, now]).await? == 0 {
        return Ok(None);
    }
    tracing::info!(account = %id, %role, "account created");
    hold(tx, personal, id).await
}

/// Reads an account and holds it as it is until `tx` ends: who signs somebody in comes before a suspension, which then
/// ends that session, or sees it.
pub(crate) async fn hold(tx: &mut Tx, personal: &Personal, id: AccountId) -> Result<Option<Account>> {
    let row = tx.opt(tx.pick(HOLD), args![id]).await?;
    row.map(|row| Account::read(&row, personal)).transpose()
}

/// The same of the account of an address.
pub(crate) async fn hold_key(tx: &mut Tx, personal: &Personal, key: &str) -> Result<Option<Account>> {
    let row = tx.opt(tx.pick(HOLD_KEY), args![key]).await?;
    row.map(|row| Account::read(&row, personal)).transpose()
}
