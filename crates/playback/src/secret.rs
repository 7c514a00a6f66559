//! The CDN secret: what the edge shows the origin, so that the origin answers nobody else.

use std::fmt;
use std::sync::Arc;

use db::{Db, args};
use identity::vault::{Secret, Vault};
use model::Timestamp;
use uuid::Uuid;

use crate::{Playback, Result};

const CONTEXT: &str = "cdn-secret|installation|1";

/// The live values. The edge sends the current one, the origin accepts both.
#[derive(Clone, PartialEq, Eq)]
pub struct CdnSecret {
    current: Arc<str>,
    previous: Option<Arc<str>>,
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
}

impl fmt::Debug for CdnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CdnSecret(…)")
    }
}

const INSERT: &str = "INSERT INTO cdn_secret (id, sealed_current, rotated_at) VALUES (1, $1, $2)
    ON CONFLICT (id) DO NOTHING";
const READ: &str = "SELECT * FROM cdn_secret WHERE id = 1";
const ROTATE: &str = "UPDATE cdn_secret
    SET sealed_previous = sealed_current, sealed_current = $1, rotated_at = $2 WHERE id = 1";

impl Playback {
    /// Replaces the current value, which becomes the previous one; the previous one stops working.
    pub async fn rotate_cdn_secret(&self, now: Timestamp) -> Result<()> {
        let sealed = self.inner.vault.seal(CONTEXT, fresh().expose())?;
        self.inner.db.execute(ROTATE, args![sealed, now]).await?;
        tracing::info!("CDN secret rotated");
        self.refresh(now).await
    }
}

/// Finds the secret, or makes it; of several processes that start together one makes it.
pub(crate) async fn ensure(db: &Db, vault: &Vault, now: Timestamp) -> Result<CdnSecret> {
    if db.opt(READ, args![]).await?.is_none() {
        db.execute(INSERT, args![vault.seal(CONTEXT, fresh().expose())?, now]).await?;
    }
    read(db, vault).await
}

pub(crate) async fn read(db: &Db, vault: &Vault) -> Result<CdnSecret> {
    let row = db.one(READ, args![]).await?;
    let open = |sealed: Vec<u8>| -> Result<Arc<str>> {
        Ok(vault.open(CONTEXT, &sealed)?.expose_str().unwrap_or_default().into())
    };
    let current = open(row.get("sealed_current")?)?;
    let previous = row.get_opt("sealed_previous")?.map(open).transpose()?;
    Ok(CdnSecret { current, previous })
}

fn fresh() -> Secret {
    Secret::new(Uuid::new_v4().to_string().into_bytes())
}
