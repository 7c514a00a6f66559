//! Sources as local files, each fetched once for all jobs that need it at the same time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use blob::Blob;
use model::ObjectId;
use tokio::sync::OnceCell;

/// A local file that is removed when the last job lets go of it.
#[derive(Debug)]
pub(crate) struct Local {
    path: PathBuf,
}

impl Local {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // A file that stays is removed with the scratch folder at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

type Slot = OnceCell<Weak<Local>>;

/// Fetches sources out of the store.
#[derive(Debug)]
pub(crate) struct Sources {
    blob: Blob,
    folder: PathBuf,
    open: Mutex<HashMap<ObjectId, Arc<Slot>>>,
}

impl Sources {
    pub(crate) fn new(blob: Blob, folder: PathBuf) -> Self {
        Self { blob, folder, open: Mutex::default() }
    }

    /// The source as a file; waits while another job fetches the same one.
    pub(crate) async fn fetch(&self, object: ObjectId) -> Result<Arc<Local>, blob::Error> {
        loop {
            let slot = self.slot(object);
            let mut mine = None;
            let weak = slot
                .get_or_try_init(|| async {
                    let local = Arc::new(Local {
                        path: self.folder.join(format!("{object}-{}", model::UploadId::new())),
                    });
                    self.blob.materialise(object, &local.path).await?;
                    let weak = Arc::downgrade(&local);
                    mine = Some(local);
                    Ok::<_, blob::Error>(weak)
                })
                .await?;
            if let Some(local) = weak.upgrade() {
                return Ok(local);
            }
            // The last user let go meanwhile: forget the slot and fetch again.
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.get(&object).is_some_and(|known| Arc::ptr_eq(known, &slot)) {
                open.remove(&object);
            }
        }
    }

    fn slot(&self, object: ObjectId) -> Arc<Slot> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Slots of sources that nobody uses any more cost nothing but their place in the map.
        open.retain(|_, slot| slot.get().is_none_or(|weak| weak.strong_count() > 0));
        open.entry(object).or_default().clone()
    }
}
