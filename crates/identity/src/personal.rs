//! Personal data at rest: what says who somebody is lies sealed in its column, and an address is found by a blind index.
//!
//! Each text is sealed for its column and row. The index of an address is HMAC-SHA256(key, address in lower case): it
//! says which rows have the same address, and nothing more to a thief of the database alone. Its key is random, made
//! once, and lies sealed beside what it finds: rotating seals it again and changes no index.

mod rows;

use std::fmt;

use aws_lc_rs::hmac;
use db::{Db, args};
use seal::{Renewed, Vault};

use crate::token::random;
use crate::{Address, Identity, Result};

/// The purpose that the key is sealed for.
const INDEX: &str = "address_index.key|1";

const INSERT: &str = "INSERT INTO address_index (id, sealed_key) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
const READ: &str = "SELECT sealed_key FROM address_index WHERE id = 1";
const RENEW: &str = "UPDATE address_index SET sealed_key = $1 WHERE id = 1 AND sealed_key = $2";
const UNSCRUBBED: &str = "SELECT id FROM address_index WHERE id = 1 AND NOT scrubbed";
const SCRUBBED: &str = "UPDATE address_index SET scrubbed = TRUE WHERE id = 1";

/// Seals and opens personal data, and finds addresses.
pub(crate) struct Personal {
    vault: Vault,
    index: hmac::Key,
}

/// Where a sealed text belongs, besides its row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Of an account.
    Account,
    /// Of a challenge.
    Challenge,
    /// Of an invitation.
    Invitation,
    /// The browser of a session.
    Agent,
    /// Where a session began.
    Ip,
}

impl Column {
    fn as_str(self) -> &'static str {
        match self {
            Self::Account => "accounts.address",
            Self::Challenge => "challenges.address",
            Self::Invitation => "invitations.address",
            Self::Agent => "sessions.agent",
            Self::Ip => "sessions.ip",
        }
    }
}

impl Personal {
    /// Finds the key of the index, or makes it; of several processes that start together one makes it.
    pub(crate) async fn open(db: &Db, vault: Vault) -> Result<Self> {
        if db.opt(READ, args![]).await?.is_none() {
            db.execute(INSERT, args![vault.seal(INDEX, &random::<32>())?]).await?;
        }
        let sealed: Vec<u8> = db.one(READ, args![]).await?.get("sealed_key")?;
        let key = vault.open(INDEX, &sealed)?;
        Ok(Self { index: hmac::Key::new(hmac::HMAC_SHA256, key.expose()), vault })
    }

    /// The look-up value of an address.
    pub(crate) fn index(&self, address: &Address) -> String {
        self.index_of(&address.key())
    }

    /// The name of a row in which something is counted for `text`, which it tells to nobody who has only the database.
    /// No rotation changes it, else one would forget every limit. An address has no zero byte: no name is its index.
    pub(crate) fn name_of(&self, text: &str) -> String {
        let tag = hmac::sign(&self.index, format!("kinora counted\0{text}").as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    fn index_of(&self, key: &str) -> String {
        hex::encode(hmac::sign(&self.index, key.as_bytes()))
    }

    pub(crate) fn seal(&self, column: Column, id: impl fmt::Display, text: &str) -> Result<String> {
        Ok(self.vault.seal_text(&format!("{}|{id}", column.as_str()), text)?)
    }

    pub(crate) fn open_text(&self, column: Column, id: impl fmt::Display, sealed: &str) -> Result<String> {
        Ok(self.vault.open_text(&format!("{}|{id}", column.as_str()), sealed)?)
    }

    pub(crate) fn open_address(
        &self,
        column: Column,
        id: impl fmt::Display,
        sealed: &str,
    ) -> Result<Address> {
        Address::parse(&self.open_text(column, id, sealed)?)
    }

    /// Seals, under the newest key, every row that is not, be it clear or sealed under an older one. A row that does not
    /// open is logged and holds up no other.
    pub(crate) async fn renew(&self, db: &Db) -> Result<Renewed> {
        let mut renewed = Renewed::default();
        let old: Vec<u8> = db.one(READ, args![]).await?.get("sealed_key")?;
        if let Some(new) = self.vault.renew(INDEX, &old)? {
            renewed.sealed += db.execute(RENEW, args![new, old]).await?;
        }
        renewed += self.renew_rows(db).await?;
        Ok(renewed)
    }
}

impl Identity {
    /// Once in the life of an installation, when all rows are sealed: removes what is left of clear ones in the
    /// files of a SQLite database, where they were overwritten and deleted. Answers whether nothing is left.
    pub async fn scrub(&self) -> Result<bool> {
        let db = self.db();
        if db.opt(UNSCRUBBED, args![]).await?.is_none() {
            return Ok(true);
        }
        let done = db.scrub().await?;
        if done {
            db.execute(SCRUBBED, args![]).await?;
        }
        Ok(done)
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}
