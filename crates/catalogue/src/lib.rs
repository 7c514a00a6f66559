//! Titles, plans, assets and chunks; packaging configurations; who watched what how far.
//!
//! A title goes from received to published, backwards only when a person asks for another try, and always says what
//! it waits for or why it ended.
//! A plan becomes a generation of the title's asset; its chunks are written once, and the first bytes stand. What
//! is shown of a title (progress, playable) follows from the stored chunks.
//!
//! This crate decides nothing: it neither encodes nor answers requests, and it keeps no media bytes, only the ids
//! of their objects. Calls that belong to a larger change take the caller's transaction.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use catalogue::{Catalogue, NewTitle};
//! use model::{BucketName, ObjectId, Timestamp, title};
//! # let dir = tempfile::tempdir().unwrap();
//! # let db = db::Db::open_sqlite(&dir.path().join("kinora.db")).await?;
//! db.migrate(&[catalogue::MIGRATIONS]).await?;
//! let catalogue = Catalogue::open(db.clone()).await?;
//! let key = "films/Big Buck Bunny.mp4".parse().unwrap();
//! let upload = NewTitle::of(BucketName::source(), key, ObjectId::new(), "standard");
//! let mut tx = db.begin().await?;
//! let id = catalogue.create(&mut tx, Timestamp(0), &upload).await?.expect("the object is new");
//! tx.commit().await?;
//! let title = catalogue.title(id).await?;
//! assert_eq!((title.name.as_str(), title.state), ("Big Buck Bunny", title::State::Received));
//! assert_eq!(catalogue.configuration_named("reference").await?.unwrap().settings.segment_duration_seconds, 10);
//! # Ok::<(), catalogue::Error>(()) }).unwrap();
//! ```

mod asset;
mod belonging;
mod chunk;
mod configuration;
mod configure;
mod draft;
mod edit;
mod error;
mod history;
mod list;
mod notes;
mod pictures;
mod recent;
mod removal;
mod schema;
mod source;
pub mod space;
mod state;
mod title;
mod weight;
mod withdrawal;

use std::sync::{Arc, Mutex};

use db::Db;
use model::{ConfigurationId, Generation};

use crate::recent::Recent;

pub use asset::Asset;
pub use belonging::{title_of_generation, title_of_source};
pub use chunk::{Chunk, Written};
pub use configuration::{Configuration, DEFAULT_GROUP};
pub use configure::Group;
pub use draft::{Changed, Draft};
pub use edit::Edit;
pub use error::{Error, Result};
pub use history::Watched;
pub use list::{Audience, List};
pub use notes::MAX_NOTES;
pub use removal::{Doomed, PAGE as DELETED_PAGE, Removal};
pub use schema::MIGRATIONS;
pub use source::Standing;
pub use space::SpaceBudget;
pub use title::{Kind, NewTitle, Title};
pub use withdrawal::Withdrawal;

/// Plans that stay read.
const ASSETS: usize = 64;
/// Configurations that stay read.
const CONFIGURATIONS: usize = 64;

/// The catalogue in a database. Cheap to clone; clones share what they have read.
#[derive(Debug, Clone)]
pub struct Catalogue {
    db: Db,
    assets: Arc<Mutex<Recent<Generation, Arc<Asset>>>>,
    configurations: Arc<Mutex<Recent<ConfigurationId, Arc<Configuration>>>>,
}

impl Catalogue {
    /// The catalogue in `db`, whose tables [`MIGRATIONS`] made; adds the ready-made configurations once.
    pub async fn open(db: Db) -> Result<Self> {
        let catalogue = Self {
            db,
            assets: Arc::new(Mutex::new(Recent::new(ASSETS))),
            configurations: Arc::new(Mutex::new(Recent::new(CONFIGURATIONS))),
        };
        catalogue.add_ready_made().await?;
        Ok(catalogue)
    }
}
