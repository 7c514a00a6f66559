//! Signing keys: our own, and public keys that operators trust, as in CloudFront's key groups.

use db::{Db, Row, Scalar, args};
use model::Timestamp;
use model::delivery::PublicKey;
use seal::{Renewed, Vault};
use sign::SigningKey;

use crate::error::cut;
use crate::{Error, Playback, Result};

/// Trusted keys besides our own: four groups of five, as CloudFront has it.
pub const MAX_TRUSTED: usize = 20;
const ID_CHARS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MAX_NAME_CHARS: usize = 100;

/// A key that signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// `Key-Pair-Id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which algorithm it is for.
    pub kind: Kind,
    /// Whether it is our own, which cannot be removed.
    pub own: bool,
    /// The public key in PEM.
    pub pem: String,
    /// Whether its signatures also need a playback session.
    pub session: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// The kinds of keys that CloudFront takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RSA with 2048 bits.
    Rsa2048,
    /// ECDSA on P-256.
    P256,
}

/// A public key to trust.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// Its `Key-Pair-Id`, the same as at CloudFront if it is used there; `None` makes one.
    pub id: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// The public key in PEM: RSA with 2048 bits or P-256.
    pub pem: &'a str,
}

const LIVE: &str = "SELECT * FROM signing_keys WHERE retired_at IS NULL
    ORDER BY own DESC, session DESC, created_at, id";
const OWN: &str = "SELECT * FROM signing_keys WHERE own AND session = $1 AND retired_at IS NULL";
const INSERT_OWN: &str = "INSERT INTO signing_keys
    (id, name, kind, own, pem, sealed_private, session, created_at)
    VALUES ($1, $2, 'P-256', $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const INSERT: &str = "INSERT INTO signing_keys (id, name, kind, own, pem, session, created_at)
    VALUES ($1, $2, $3, $4, $5, $4, $6) ON CONFLICT (id) DO NOTHING";
const COUNT: &str = "SELECT COUNT(*) AS n FROM signing_keys WHERE retired_at IS NULL AND NOT own";
/// Our own key's row is the parent that additions take turns on.
const LOCK: &str = "UPDATE signing_keys SET name = name WHERE own AND session AND retired_at IS NULL";
const RETIRE: &str =
    "UPDATE signing_keys SET retired_at = $2 WHERE id = $1 AND retired_at IS NULL AND NOT own";

impl Playback {
    /// All live keys, our own first.
    pub async fn keys(&self) -> Result<Vec<TrustedKey>> {
        let rows = self.inner.db.all(LIVE, args![]).await?;
        rows.iter().map(TrustedKey::read).collect()
    }

    /// Trusts a public key. The edge of this process knows it when this answers, others within seconds.
    pub async fn trust_key(&self, new: &NewKey<'_>, now: Timestamp) -> Result<TrustedKey> {
        let id = new.id.map_or_else(random_id, str::to_owned);
        let public = PublicKey { id: id.as_str().into(), pem: new.pem.into(), session: false, until: None };
        let kind = Kind::of(&sign::Key::parse(&public)?);
        let name: String = new.name.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
        let mut tx = self.inner.db.begin().await?;
        tx.execute(LOCK, args![]).await?;
        let trusted: usize = tx.one(COUNT, args![]).await?.get("n")?;
        if trusted >= MAX_TRUSTED {
            return Err(Error::TooManyKeys { most: MAX_TRUSTED });
        }
        let key = TrustedKey {
            kind,
            own: false,
            pem: new.pem.to_owned(),
            session: false,
            created_at: now,
            id,
            name,
        };
        let made =
            tx.execute(INSERT, args![&key.id, &key.name, key.kind.as_str(), false, &key.pem, now]).await?;
        if made == 0 {
            return Err(Error::KeyExists { id: cut(&key.id) });
        }
        tx.commit().await?;
        tracing::info!(key = key.id, "signing key trusted");
        self.refresh(now).await?;
        Ok(key)
    }

    /// Ends a trusted key: its signatures stop working at once. Its id is never used again.
    pub async fn remove_key(&self, id: &str, now: Timestamp) -> Result<()> {
        if self.inner.db.execute(RETIRE, args![id, now]).await? == 0 {
            return Err(Error::NoKey { id: cut(id) });
        }
        tracing::info!(key = id, "signing key removed");
        self.refresh(now).await
    }
}

impl TrustedKey {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            name: row.get("name")?,
            kind: row.get("kind")?,
            own: row.get("own")?,
            pem: row.get("pem")?,
            session: row.get("session")?,
            created_at: row.get("created_at")?,
        })
    }

    /// The key as the edge takes it.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey {
            id: self.id.as_str().into(),
            pem: self.pem.as_str().into(),
            session: self.session,
            until: None,
        }
    }
}

/// The purpose of a key of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// Cookies and path tokens, which also need a playback session.
    Sessions,
    /// Addresses of pictures, which need none.
    Pictures,
}

/// Finds our own key, or makes it; of several processes that start together one makes it.
pub(crate) async fn own(db: &Db, vault: &Vault, own: Own, now: Timestamp) -> Result<SigningKey> {
    let (session, name) = match own {
        Own::Sessions => (true, "Kinora"),
        Own::Pictures => (false, "Kinora, pictures"),
    };
    if db.opt(OWN, args![session]).await?.is_none() {
        let key = SigningKey::generate(&random_id())?;
        let private = seal::Secret::new(key.to_pem().into_bytes());
        let sealed = vault.seal(&context(key.id()), private.expose())?;
        let pem = &**key.public_pem();
        db.execute(INSERT_OWN, args![&**key.id(), name, true, pem, sealed, session, now]).await?;
    }
    let row = db.returning(OWN, args![session]).await?.into_iter().next();
    let row = row.ok_or(Error::Database(db::Error::NoRow { sql: OWN }))?;
    let id: String = row.get("id")?;
    let private = vault.open(&context(&id), &row.get::<Vec<u8>>("sealed_private")?)?;
    let pem = private.expose_str().ok_or(Error::Stored { what: "signing key" })?;
    Ok(SigningKey::from_pem(&id, pem)?)
}

const SEALED: &str = "SELECT id, sealed_private FROM signing_keys WHERE sealed_private IS NOT NULL";
const RENEW: &str = "UPDATE signing_keys SET sealed_private = $2 WHERE id = $1 AND sealed_private = $3";

/// Seals again, under the vault's newest key, every private key that is not. One that does not open is logged and holds
/// up no other.
pub(crate) async fn renew(db: &Db, vault: &Vault) -> Result<Renewed> {
    let mut renewed = Renewed::default();
    for row in db.all(SEALED, args![]).await? {
        let (id, old): (String, Vec<u8>) = (row.get("id")?, row.get("sealed_private")?);
        match vault.renew(&context(&id), &old) {
            Ok(None) => {}
            Ok(Some(new)) => renewed.sealed += db.execute(RENEW, args![id, new, old]).await?,
            Err(error) => {
                tracing::error!(key = id, error = %model::Chain(&error), "cannot decrypt a signing key");
                renewed.unopened += 1;
            }
        }
    }
    Ok(renewed)
}

fn context(id: &str) -> String {
    format!("signing-key|{id}")
}

/// In the shape of CloudFront's: `K` and 13 characters.
fn random_id() -> String {
    let mut bytes = [0; 13];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives randomness");
    let chars = bytes.iter().map(|b| char::from(ID_CHARS[usize::from(b & 31)]));
    std::iter::once('K').chain(chars).collect()
}

impl Kind {
    fn of(key: &sign::Key) -> Self {
        if key.is_rsa() { Self::Rsa2048 } else { Self::P256 }
    }

    /// The word in SQL, JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa2048 => "RSA-2048",
            Self::P256 => "P-256",
        }
    }
}

impl Scalar for Kind {
    type Raw = String;

    fn from_raw(raw: String) -> std::result::Result<Self, String> {
        let known = [Self::Rsa2048, Self::P256].into_iter().find(|k| k.as_str() == raw);
        known.ok_or_else(|| format!("`{raw}` is not a kind of key"))
    }
}
