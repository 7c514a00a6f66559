//! Accounts: how people prove their identity, and what they may do.
//!
//! One door, [`Identity`]: accounts, one-time codes (sign-in and sign-up are one flow), sessions of browsers,
//! single-use sign-in links, invitations and S3 access keys. [`may`] is the policy: it decides by values and reads nothing.
//! Secrets of access keys lie sealed in the database, and so does what says who somebody is: addresses (found by a blind
//! index), and the browsers and places of sessions.
//!
//! This crate speaks no HTTP (it only knows how its cookies are written), sends nothing (codes go through the
//! outbox of `notify`) and does not know titles: the caller describes them as a [`policy::Resource`].
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use identity::{Config, Identity, Role, code::CodeKeys};
//! use model::Timestamp;
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await.unwrap();
//! db.migrate(&[notify::MIGRATIONS, identity::MIGRATIONS]).await.unwrap();
//! let (codes, ring) = (CodeKeys::new(1, &[7; 32]), seal::testing::ring(8));
//! let outbox = notify::Outbox::open(db.clone(), &ring).await?;
//! let identity = Identity::open(db, outbox, codes, &ring, Config::default()).await?;
//!
//! let now = Timestamp(1_700_000_000_000);
//! let operator = identity.ensure_account("operator@localhost", Role::Operator, now).await?;
//! let token = identity.create_link(operator.id, None, now).await?;
//! let device = identity::session::Device { agent: "a browser", ip: [127, 0, 0, 1].into() };
//! let signed_in = identity.consume_link(&token, &device, now).await?;
//! let session = identity.authenticate(&signed_in.token, now).await?.unwrap();
//! assert_eq!(session.account.role, Role::Operator);
//! assert!(identity.consume_link(&token, &device, now).await.is_err(), "a link works once");
//! # Ok::<(), identity::Error>(()) }).unwrap();
//! ```

pub mod access_key;
pub mod account;
pub mod address;
mod buckets;
pub mod challenge;
pub mod code;
mod config;
pub mod cookie;
pub mod ending;
mod ensure;
mod error;
mod failures;
pub mod invitation;
mod limit;
pub mod link;
mod network;
mod operators;
mod personal;
pub mod policy;
mod role;
mod schema;
mod service;
pub mod session;
mod sign_out;
mod standing;
pub mod token;

use std::fmt;
use std::sync::Arc;

use db::Db;
use notify::Outbox;
use seal::{KeyRing, Purpose, Renewed, Vault};

pub use account::Account;
pub use address::Address;
pub use buckets::Buckets;
pub use config::{Config, Lifetime, Lifetimes, Limits};
pub use error::{Error, Result};
pub use invitation::Invitation;
pub use policy::{Action, Resource, Via, Who, may};
pub use role::Role;
pub use schema::MIGRATIONS;
pub use service::Service;
pub use session::{Session, SignedIn};

use personal::Personal;

/// The door to accounts, codes, sessions, links and access keys. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    outbox: Outbox,
    codes: code::CodeKeys,
    vault: Vault,
    personal: Personal,
    config: Config,
}

impl Identity {
    /// Opens the door on a migrated database; refuses settings beyond the hard limits. What versions before kept clear
    /// is sealed when this answers; [`Service`] removes what was overwritten.
    pub async fn open(
        db: Db,
        outbox: Outbox,
        codes: code::CodeKeys,
        ring: &KeyRing,
        config: Config,
    ) -> Result<Self> {
        config.check()?;
        let vault = Vault::new(ring, Purpose::Signing);
        let personal = Personal::open(&db, Vault::new(ring, Purpose::Personal)).await?;
        let Renewed { sealed, .. } = personal.renew(&db).await?;
        if sealed > 0 {
            tracing::info!(rows = sealed, "personal data sealed under the newest key");
        }
        Ok(Self { inner: Arc::new(Inner { db, outbox, codes, vault, personal, config }) })
    }

    /// Seals under the newest key what says who somebody is and is not yet, after a rotation; those that do not open stay
    /// as they are, and the log names them.
    pub async fn renew_personal(&self) -> Result<Renewed> {
        self.inner.personal.renew(self.db()).await
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    fn db(&self) -> &Db {
        &self.inner.db
    }

    fn personal(&self) -> &Personal {
        &self.inner.personal
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}
