//! Rows that are not sealed under the newest key: those of versions that kept them clear, and what a rotation left.

use db::{Args, Db, Rewrite, Row, args, rewrite};
use seal::{Renewed, is_sealed};

use super::{Column, Personal};
use crate::Result;

/// Tables that have an address and what it is found by.
macro_rules! addresses {
    ($table:literal) => {
        rewrite!($table, "id, address, address_key", "address NOT LIKE $3", "address = $2, address_key = $3")
    };
}

const ADDRESSES: [(Column, Rewrite); 3] = [
    (Column::Account, addresses!("accounts")),
    (Column::Challenge, addresses!("challenges")),
    (Column::Invitation, addresses!("invitations")),
];
const SESSIONS: Rewrite = rewrite!("sessions", "id, agent, ip", "ip NOT LIKE $3", "agent = $2, ip = $3");

impl Personal {
    pub(super) async fn renew_rows(&self, db: &Db) -> Result<Renewed> {
        let others = format!("{}%", self.vault.newest_mark()?);
        let mut renewed = Renewed::default();
        for (column, how) in &ADDRESSES {
            renewed += walk(db, how, &others, |row| self.renew_address(*column, row)).await?;
        }
        renewed += walk(db, &SESSIONS, &others, |row| self.renew_session(row)).await?;
        Ok(renewed)
    }

    /// The address and its index; one that was found before is found by the same as before.
    fn renew_address(&self, column: Column, row: &Row) -> Result<Args> {
        let (id, address): (String, String) = (row.get("id")?, row.get("address")?);
        let key: Option<String> = row.get_opt("address_key")?;
        let (address, key) = match is_sealed(&address) {
            true => (self.open_text(column, &id, &address)?, key),
            false => {
                let key = key.unwrap_or_else(|| address.to_ascii_lowercase());
                let key = self.index_of(&key);
                (address, Some(key))
            }
        };
        let sealed = self.seal(column, &id, &address)?;
        Ok(args![id, sealed, key])
    }

    /// Both texts are sealed at once, and only of an address of the network is it certain what it is: a browser may
    /// call itself anything.
    fn renew_session(&self, row: &Row) -> Result<Args> {
        let (id, mut agent, mut ip): (String, String, String) =
            (row.get("id")?, row.get("agent")?, row.get("ip")?);
        if is_sealed(&ip) {
            agent = self.open_text(Column::Agent, &id, &agent)?;
            ip = self.open_text(Column::Ip, &id, &ip)?;
        }
        let (agent, ip) = (self.seal(Column::Agent, &id, &agent)?, self.seal(Column::Ip, &id, &ip)?);
        Ok(args![id, agent, ip])
    }
}

async fn walk(
    db: &Db,
    how: &Rewrite,
    others: &str,
    change: impl Fn(&Row) -> Result<Args>,
) -> Result<Renewed> {
    let mut unopened = 0;
    let sealed = db.rewrite(how, others, |row| match change(row) {
        Ok(args) => Ok(Some(args)),
        Err(error @ crate::Error::Vault(_)) => {
            let id: String = row.get("id")?;
            let error = model::Chain(&error);
            tracing::error!(id, read = how.read, %error, "cannot decrypt a row; it stays as it is");
            unopened += 1;
            Ok(None)
        }
        Err(other) => Err(other),
    });
    let sealed = sealed.await?;
    Ok(Renewed { sealed, unopened })
}
