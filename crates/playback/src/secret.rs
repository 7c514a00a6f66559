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

use crate::{Error, Playback, Result};

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
    /// The secret of new requests: a random UUID.
    pub fn current(&self) -> &Arc<str> {
        &self.current
    }

    /// The secret that running requests may still carry.
    pub fn previous(&self) -> Option<&Arc<str>> {
        self.previous.as_ref()
    }

    /// The second value that the origin accepts: the next one while a rotation is under way, which edges of other
    /// processes may send a moment before we know, else the previous one.
    pub fn other(&self) -> Option<&Arc<str>> {
        self.next.as_ref().or(self.previous.as_ref())
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
/// How each value is sealed again, if it is still the one that was read.
const RENEW: [(&str, &str); 3] = [
    ("sealed_current", "UPDATE cdn_secret SET sealed_current = $1 WHERE id = 1 AND sealed_current = $2"),
    ("sealed_previous", "UPDATE cdn_secret SET sealed_previous = $1 WHERE id = 1 AND sealed_previous = $2"),
    ("sealed_next", "UPDATE cdn_secret SET sealed_next = $1 WHERE id = 1 AND sealed_next = $2"),
];

impl Playback {
    /// Makes a next value known to every origin; [`Playback::refresh`] makes it the current one 5 s later.
    ///
    /// # Errors
    /// [`Error::Rotating`] if there is a next value already.
    pub async fn rotate_cdn_secret(&self, now: Timestamp) -> Result<()> {
        let sealed = self.inner.vault.seal(CONTEXT, fresh().expose())?;
        if self.inner.db.execute(ANNOUNCE, args![sealed, now.plus_ms(LEAD_MS)]).await? == 0 {
            return Err(Error::Rotating);
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
        let secret = vault.open(CONTEXT, &sealed)?;
        let value = secret.expose_str().filter(|text| text.parse::<Uuid>().is_ok());
        Ok(value.ok_or(Error::Stored { what: "CDN secret" })?.into())
    };
    Ok(CdnSecret {
        version: row.get("version")?,
        rotated_at: row.get("rotated_at")?,
        current: open(row.get("sealed_current")?)?,
        previous: row.get_opt("sealed_previous")?.map(open).transpose()?,
        next: row.get_opt("sealed_next")?.map(open).transpose()?,
    })
}

/// Seals each value again that is not sealed under the newest key. A rotation in between moves them from column to
/// column: what was moved is looked at once more.
async fn renew(db: &Db, vault: &Vault) -> Result<u64> {
    let mut renewed = 0;
    loop {
        let Some(row) = db.opt(READ, args![]).await? else { return Ok(renewed) };
        let mut moved = false;
        for (column, sql) in RENEW {
            let Some(old): Option<Vec<u8>> = row.get_opt(column)? else { continue };
            let Some(new) = vault.renew(CONTEXT, &old)? else { continue };
            let done = db.execute(sql, args![new, old]).await?;
            renewed += done;
            moved |= done == 0;
        }
        if !moved {
            return Ok(renewed);
        }
    }
}

fn fresh() -> Secret {
    Secret::new(Uuid::new_v4().to_string().into_bytes())
}
