//! Permission to watch: signed cookies, path tokens, and the state that the edge checks them against.
//!
//! [`Playback`] decides by the title's visibility and state and by the viewer (`identity`'s policy), keeps a row for
//! each playback session, signs with Kinora's own key and gives the edge its [`model::delivery::State`] and
//! the CDN secret as watched values. [`Service`] keeps both up to date with other processes, and ends what is watched by
//! those who may not any more, as `identity` and `catalogue` wrote it down.
//!
//! It delivers nothing itself and speaks no HTTP. Whether bytes exist is the packager's to know.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use catalogue::Catalogue;
//! use identity::Who;
//! use model::{Timestamp, TitleId};
//! use playback::{Config, Error, Format, Playback, Wish};
//! use seal::{Purpose, Vault, testing::ring};
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await.unwrap();
//! db.migrate(&[catalogue::MIGRATIONS, identity::MIGRATIONS, playback::MIGRATIONS]).await.unwrap();
//! let now = Timestamp(1_700_000_000_000);
//! let catalogue = Catalogue::open(db.clone()).await?;
//! let playback = Playback::open(db, catalogue, Vault::new(&ring(8), Purpose::Signing), Config::default(), now).await?;
//! assert_eq!(playback.state().borrow().keys.len(), 2, "our own");
//!
//! let title = TitleId::new();
//! let wish = Wish { who: &Who::Host, title, configuration: "standard", format: Format::Hls, now };
//! assert!(matches!(playback.link(&wish, 3600).await, Err(Error::NoTitle)));
//! # Ok::<(), playback::Error>(()) }).unwrap();
//! ```

mod config;
mod decide;
mod error;
mod feed;
mod format;
pub mod key;
mod link;
mod picture;
mod revoke;
mod schema;
mod secret;
pub mod session;
mod wish;

use std::fmt;
use std::sync::Arc;

use catalogue::Catalogue;
use db::Db;
use model::Timestamp;
use model::delivery::State;
use seal::Vault;
use sign::SigningKey;
use tokio::sync::{Mutex, watch};

use picture::Pictures;

pub use config::Config;
pub use error::{Error, Result};
pub use feed::Service;
pub use format::Format;
pub use key::{NewKey, TrustedKey};
pub use link::Link;
pub use picture::Viewing;
pub use schema::MIGRATIONS;
pub use secret::{CdnSecret, has_secrets};
pub use session::{Permit, Started};
pub use wish::Wish;

/// The packaging configuration of our own pages: the plan's own segments, for a quick start.
pub const CONFIGURATION: &str = "standard";

/// The door to playback. Cheap to clone.
#[derive(Clone)]
pub struct Playback {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    catalogue: Catalogue,
    vault: Vault,
    config: Config,
    key: SigningKey,
    pictures: Pictures,
    state: watch::Sender<Arc<State>>,
    cdn_secret: watch::Sender<CdnSecret>,
    refreshing: Mutex<Option<feed::Known>>,
    settling: Mutex<()>,
    revoking: Mutex<()>,
}

impl Playback {
    /// Opens the door on a migrated database. The first time it makes our signing key and the CDN secret.
    pub async fn open(
        db: Db,
        catalogue: Catalogue,
        vault: Vault,
        config: Config,
        now: Timestamp,
    ) -> Result<Self> {
        let key = key::own(&db, &vault, key::Own::Sessions, now).await?;
        let pictures = Pictures::new(key::own(&db, &vault, key::Own::Pictures, now).await?);
        let cdn_secret = secret::ensure(&db, &vault, now).await?;
        let inner = Inner {
            db,
            catalogue,
            vault,
            config,
            key,
            pictures,
            state: watch::Sender::default(),
            cdn_secret: watch::Sender::new(cdn_secret),
            refreshing: Mutex::default(),
            settling: Mutex::default(),
            revoking: Mutex::default(),
        };
        let playback = Self { inner: Arc::new(inner) };
        playback.refresh(now).await?;
        Ok(playback)
    }

    /// The edge's state; complete from the start.
    pub fn state(&self) -> watch::Receiver<Arc<State>> {
        self.inner.state.subscribe()
    }

    /// The CDN secret, for edge and origin.
    pub fn cdn_secret(&self) -> watch::Receiver<CdnSecret> {
        self.inner.cdn_secret.subscribe()
    }
}

impl fmt::Debug for Playback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Playback({:?})", self.inner.key)
    }
}
