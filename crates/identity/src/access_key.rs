//! S3 access keys. SigV4 needs the secret itself, so it is kept sealed instead of hashed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::{Row, args};
use model::{AccountId, Timestamp};
use seal::{Renewed, Secret};

use crate::token::random;
use crate::{Buckets, Error, Identity, Result, Role, Via, Who};

const MAX_BUCKETS: usize = 100;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// An access key without its secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The access key id: 20 characters of `A-Z 2-7`.
    pub id: String,
    /// The account that owns the key.
    pub account: AccountId,
    /// Name given by its owner; unique among their live keys.
    pub name: String,
    /// The buckets it opens.
    pub buckets: Buckets,
    /// The role for which it was made: a creator's key does not grow when its owner becomes an operator, and an
    /// operator's ends when its owner is no longer one.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stopped working, if so.
    pub revoked_at: Option<Timestamp>,
}

/// A key that works, with what a signature is checked against.
pub struct Credential {
    /// The account that the key acts for.
    pub who: Who,
    /// The secret access key.
    pub secret: Secret,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("who", &self.who).finish_non_exhaustive()
    }
}

const INSERT: &str = "INSERT INTO access_keys (id, account, name, buckets, sealed_secret, created_at, role)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, name) WHERE revoked_at IS NULL DO NOTHING";
const BY_NAME: &str = "SELECT * FROM access_keys WHERE account = $1 AND name = $2 AND revoked_at IS NULL";
const BY_ID: &str = "SELECT k.* FROM access_keys k JOIN accounts a ON a.id = k.account
    WHERE k.id = $1 AND k.revoked_at IS NULL AND a.suspended_at IS NULL
        AND (a.role = 'operator' OR (a.role = 'creator' AND k.role = 'creator'))";
const BY_ACCOUNT: &str = "SELECT * FROM access_keys WHERE account = $1 ORDER BY created_at, id";
const SECRETS: &str = "SELECT id, sealed_secret FROM access_keys WHERE revoked_at IS NULL";
const RENEW: &str = "UPDATE access_keys SET sealed_secret = $2 WHERE id = $1 AND sealed_secret = $3";
const LIVE: &str = "SELECT * FROM access_keys WHERE revoked_at IS NULL ORDER BY created_at, id";
const REVOKE: &str =
    "UPDATE access_keys SET revoked_at = $3 WHERE id = $1 AND account = $2 AND revoked_at IS NULL";

impl Identity {
    /// Finds the live key of that name or makes one, and shows its secret. Operators have keys for any buckets, creators
    /// for buckets that are named.
    ///
    /// # Errors
    /// [`Error::AccessKey`], [`Error::KeyOwner`], [`Error::NoAccount`].
    pub async fn ensure_access_key(
        &self,
        account: AccountId,
        name: &str,
        buckets: &Buckets,
        now: Timestamp,
    ) -> Result<(AccessKey, Secret)> {
        let owner = self.account(account).await?.ok_or(Error::NoAccount)?;
        let counted = match buckets {
            Buckets::All => true,
            Buckets::Only(names) => (1..=MAX_BUCKETS).contains(&names.len()),
        };
        if !counted {
            return Err(Error::AccessKey);
        }
        match owner.role {
            Role::Operator => {}
            Role::Creator if *buckets != Buckets::All => {}
            role @ (Role::Creator | Role::Viewer) => return Err(Error::KeyOwner { role }),
        }
        let id: String = random::<20>().iter().map(|b| char::from(ALPHABET[usize::from(b & 31)])).collect();
        let secret = URL_SAFE_NO_PAD.encode(random::<30>());
        let sealed = self.inner.vault.seal(&context(&id), secret.as_bytes())?;
        let args = args![&id, account, name, buckets.to_column(), sealed, now, owner.role];
        if self.db().execute(INSERT, args).await? > 0 {
            tracing::info!(%account, key = id, "access key created");
        }
        let row = self.db().returning(BY_NAME, args![account, name]).await?;
        let row = row.first().ok_or(Error::AccessKey)?;
        let key = AccessKey::read(row)?;
        let secret = self.open_secret(&key, row)?;
        Ok((key, secret))
    }

    /// The credential behind an access key id; `None` when it is unknown, revoked, or its account suspended or of a
    /// lesser role than the key was made for.
    pub async fn credential(&self, id: &str) -> Result<Option<Credential>> {
        let Some(row) = self.db().opt(BY_ID, args![id]).await? else { return Ok(None) };
        let key = AccessKey::read(&row)?;
        let secret = self.open_secret(&key, &row)?;
        let via = Via::AccessKey { id: key.id.into(), buckets: key.buckets };
        let who = Who::Account { account: key.account, role: key.role, via };
        Ok(Some(Credential { who, secret }))
    }

    /// All keys of an account, revoked ones too, oldest first.
    pub async fn access_keys(&self, account: AccountId) -> Result<Vec<AccessKey>> {
        let rows = self.db().all(BY_ACCOUNT, args![account]).await?;
        rows.iter().map(AccessKey::read).collect()
    }

    /// All keys of all accounts that are not revoked, oldest first.
    pub async fn live_access_keys(&self) -> Result<Vec<AccessKey>> {
        let rows = self.db().all(LIVE, args![]).await?;
        rows.iter().map(AccessKey::read).collect()
    }

    /// Ends a key of an account; answers whether there was one.
    pub async fn revoke_access_key(&self, account: AccountId, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self.db().execute(REVOKE, args![id, account, now]).await? > 0)
    }

    /// Seals again, under the newest key, every secret of a live key that is not. One that does not open is logged and
    /// holds up no other.
    pub async fn renew_secrets(&self) -> Result<Renewed> {
        let mut renewed = Renewed::default();
        for row in self.db().all(SECRETS, args![]).await? {
            let (id, old): (String, Vec<u8>) = (row.get("id")?, row.get("sealed_secret")?);
            match self.inner.vault.renew(&context(&id), &old) {
                Ok(None) => {}
                Ok(Some(new)) => renewed.sealed += self.db().execute(RENEW, args![id, new, old]).await?,
                Err(error) => {
                    tracing::error!(key = id, error = %model::Chain(&error), "cannot decrypt the secret of an access key: revoke the key");
                    renewed.unopened += 1;
                }
            }
        }
        Ok(renewed)
    }

    fn open_secret(&self, key: &AccessKey, row: &Row) -> Result<Secret> {
        Ok(self.inner.vault.open(&context(&key.id), &row.get::<Vec<u8>>("sealed_secret")?)?)
    }
}

impl AccessKey {
    fn read(row: &Row) -> Result<Self> {
        let buckets: String = row.get("buckets")?;
        Ok(Self {
            id: row.get("id")?,
            account: row.get("account")?,
            name: row.get("name")?,
            buckets: Buckets::from_column(&buckets),
            role: row.get("role")?,
            created_at: row.get("created_at")?,
            revoked_at: row.get_opt("revoked_at")?,
        })
    }
}

fn context(id: &str) -> String {
    format!("s3-secret|{id}")
}
