//! Opening the store.

use std::path::Path;
use std::sync::Arc;

use db::{Db, args};
use model::BucketName;
use runtime::blocking;
use seal::KeyRing;
use tokio::sync::watch;

use crate::disk::{Disk, Keys};
use crate::{Blob, Config, Error, Result, bucket, owner};

impl Blob {
    /// Opens a store without keys, which writes clear: for examples and tests. The database is migrated already.
    pub async fn open(db: Db, root: &Path) -> Result<Self> {
        Self::open_with(db, root, Config { sealed: false, ..Config::default() }, None).await
    }

    /// Opens the store below `root`; makes the folders and the buckets `source` and `media` if they are missing.
    ///
    /// # Errors
    /// [`Error::NoKeys`] if objects are to be sealed and there is no ring; [`Error::OtherDatabase`] and
    /// [`Error::FilesElsewhere`] if folder and database do not belong together.
    pub async fn open_with(db: Db, root: &Path, config: Config, keys: Option<KeyRing>) -> Result<Self> {
        if config.sealed && keys.is_none() {
            return Err(Error::NoKeys);
        }
        let (root, reserve) = (root.to_owned(), config.reserve_bytes);
        let keys = Keys { ring: keys, seals: config.sealed };
        let disk = blocking(move || Disk::open(&root, reserve, keys)).await?;
        owner::check(&db, &disk).await?;
        for name in [BucketName::source(), BucketName::media()] {
            db.execute(bucket::INSERT, args![name, db.now(), None::<&str>]).await?;
        }
        let hint = Arc::new(watch::Sender::new(()));
        Ok(Self {
            db,
            disk,
            config,
            pins: Arc::default(),
            opened: Arc::default(),
            replaced: Arc::default(),
            unreadable: Arc::default(),
            unopened: Arc::default(),
            suspects: Arc::default(),
            hint,
        })
    }
}
