//! Making the account of an address unless it has one. That ends the invitations for the address.

use db::{Tx, args};
use model::Timestamp;

use crate::account::{BY_KEY, make};
use crate::personal::Personal;
use crate::{Account, Address, Identity, Result, Role, invitation};

impl Identity {
    /// Finds the account of an address or makes it with `role`; the role of an existing one stays.
    pub async fn ensure_account(&self, address: &str, role: Role, now: Timestamp) -> Result<Account> {
        let address = Address::parse(address)?;
        let mut tx = self.db().begin().await?;
        let account = ensure(&mut tx, self.personal(), &address, role, now).await?;
        tx.commit().await?;
        Ok(account)
    }
}

pub(crate) async fn ensure(
    tx: &mut Tx,
    personal: &Personal,
    address: &Address,
    role: Role,
    now: Timestamp,
) -> Result<Account> {
    let key = personal.index(address);
    match make(tx, personal, address, role, now).await? {
        Some(account) => {
            invitation::consume(tx, None, &key, now).await?;
            Ok(account)
        }
        None => Account::read(&tx.one(BY_KEY, args![key]).await?, personal),
    }
}
