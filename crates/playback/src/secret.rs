//! The CDN secret: what the edge shows the origin, so that the origin answers nobody else.
//!
//! It rotates in two steps, so that no request meets an origin that does not know its secret: first the next value is
//! accepted by every origin while edges still send the current one; [`LEAD_MS`] later it becomes the current one, and
//! the one before stays accepted until the next rotation.

use std::fmt;
use std::sync::Arc;

use db::{Db, args};
use model::Timestamp;
use seal::{Renewed, Secret, Vault};
use uuid::Uuid;

use crate::{Playback, Result};

const CONTEXT: &str = "cdn-secret|installation";

/// How long a next value is accepted before it is sent: longer than any process takes to hear of it.
pub(crate) const LEAD_MS: i64 = 5_000;

/// The live values. The edge sends the current one, the origin accepts it and [`CdnSecret::other`].
#[derive(Clone, PartialEq, Eq)]
pub struct CdnSecret {
    version: u32,
    rotated_at: Timestamp,
    current: Arc<str>,
    previous: Option<Arc<str>>,
    next: Option<Arc<str>>,
}

impl CdnSecret {
    /// What requests carry: a random UUID.
    pub fn current(&self) -> &Arc<str> {
        &self.current
    }

    /// What requests under way may still carry.
    pub fn previous(&self) -> Option<&Arc<str>> {
        self.previous.as_ref()
    }

    /// The second value that the origin accepts: the next one while a rotation is under way, which edges of other
    /// processes may send a moment before we know, else the previous one.
    pub fn other(&self) -> Option<&Arc<str>> {
        self.next.as_ref().or(self.previous.as_ref())
    }

    /// Whether a next value waits to become the current one.
    pub fn is_rotating(&self) -> bool {
        self.next.is_some()
    }

    /// How many values there were, this one included.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Since when the current value is sent.
    pub fn rotated_at(&self) -> Timestamp {
        self.rotated_at
    }
}

impl fmt::Debug for CdnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CdnSecret(…)")
    }
}

const INSERT: &str = "INSERT INTO cdn_secret (id, sealed_current, rotated_at) VALUES (1, $1, $2)
    ON CONFLICT (id) DO NOTHING";
const READ: &str = "SELECT * FROM cdn_secret WHERE id = 1";
const ANY: &str = "SELECT 1 AS one FROM cdn_secret WHERE id = 1";
const ANNOUNCE: &str = "UPDATE cdn_secret SET sealed_next = $1, switch_at = $2
    WHERE id = 1 AND sealed_next IS NULL";
const SWITCH: &str = "UPDATE cdn_secret SET sealed_previous = sealed_current, sealed_current = sealed_next,
    sealed_next = NULL, rotated_at = $1, version = version + 1
    WHERE id = 1 AND sealed_next IS NOT NULL AND switch_at <= $1";
const RENEW: &str = "UPDATE cdn_secret SET sealed_current = $1, sealed_previous = $2, sealed_next = $3
    WHERE id = 1 AND sealed_current = $4";

impl Playback {
    /// Makes a next value known to every origin; [`Playback::refresh`] makes it the current one 5 s later.
    ///
    /// # Errors
    /// [`crate::Error::Rotating`] if there is a next value already.
    pub async fn rotate_cdn_secret(&self, now: Timestamp) -> Result<()> {
        let sealed = self.inner.vault.seal(CONTEXT, fresh().expose())?;
        if self.inner.db.execute(ANNOUNCE, args![sealed, now.plus_ms(LEAD_MS)]).await? == 0 {
            return Err(crate::Error::Rotating);
        }
        tracing::info!("CDN secret announced");
        self.refresh(now).await
    }

    /// Seals again, under the newest key, the CDN secret and our signing keys; if they are not.
    pub async fn renew_secrets(&self) -> Result<Renewed> {
        let (db, vault) = (&self.inner.db, &self.inner.vault);
        let mut renewed = crate::key::renew(db, vault).await?;
        renewed.sealed += renew(db, vault).await?;
        Ok(renewed)
    }
}

/// Whether this installation was started before: then there must be a key ring for its secrets.
pub async fn has_secrets(db: &Db) -> Result<bool> {
    Ok(db.opt(ANY, args![]).await?.is_some())
}

/// Finds the secret, or makes it; of several processes that start together one makes it.
pub(crate) async fn ensure(db: &Db, vault: &Vault, now: Timestamp) -> Result<CdnSecret> {
    if !has_secrets(db).await? {
        db.execute(INSERT, args![vault.seal(CONTEXT, fresh().expose())?, now]).await?;
    }
    read(db, vault).await
}

/// Makes the next value the current one if its time has come; of several processes one does.
pub(crate) async fn switch(db: &Db, now: Timestamp) -> Result<()> {
    if db.execute(SWITCH, args![now]).await? > 0 {
        tracing::info!("CDN secret rotated");
    }
    Ok(())
}

pub(crate) async fn read(db: &Db, vault: &Vault) -> Result<CdnSecret> {
    let row = db.returning(READ, args![]).await?.into_iter().next();
    let row = row.ok_or(db::Error::NoRow { sql: READ })?;
    let open = |sealed: Vec<u8>| -> Result<Arc<str>> {
        Ok(vault.open(CONTEXT, &sealed)?.expose_str().unwrap_or_default().into())
    };
    Ok(CdnSecret {
        version: row.get("version")?,
        rotated_at: row.get("rotated_at")?,
        current: open(row.get("sealed_current")?)?,
        previous: row.get_opt("sealed_previous")?.map(open).transpose()?,
        next: row.get_opt("sealed_next")?.map(open).transpose()?,
    })
}

async fn renew(db: &Db, vault: &Vault) -> Result<u64> {
    let Some(row) = db.opt(READ, args![]).await? else { return Ok(0) };
    let old: Vec<u8> = row.get("sealed_current")?;
    let Some(new) = vault.renew(CONTEXT, &old)? else { return Ok(0) };
    let other = |sealed: Option<Vec<u8>>| -> Result<Option<Vec<u8>>> {
        let renewed = sealed.as_ref().map(|sealed| vault.renew(CONTEXT, sealed)).transpose()?.flatten();
        Ok(renewed.or(sealed))
    };
    let (previous, next) = (other(row.get_opt("sealed_previous")?)?, other(row.get_opt("sealed_next")?)?);
    Ok(db.execute(RENEW, args![new, previous, next, old]).await?)
}

fn fresh() -> Secret {
    Secret::new(Uuid::new_v4().to_string().into_bytes())
}
