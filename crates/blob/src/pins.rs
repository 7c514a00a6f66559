//! Objects that are being read: their bytes stay until that is done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use model::{FileId, ObjectId};

/// Objects that are being read in this process; the sweeper leaves them alone.
#[derive(Debug, Default)]
pub(crate) struct Pins(Mutex<HashMap<ObjectId, Readers>>);

#[derive(Debug, Default)]
struct Readers {
    count: u32,
    /// Files that they may still open, though their rows are gone.
    left: Vec<FileId>,
}

impl Pins {
    pub(crate) fn pin(pins: &Arc<Self>, id: ObjectId) -> Pinned {
        pins.all().entry(id).or_default().count += 1;
        Pinned { pins: pins.clone(), id }
    }

    pub(crate) fn has(&self, id: ObjectId) -> bool {
        self.all().contains_key(&id)
    }

    /// Whether a file was left to somebody who reads.
    pub(crate) fn keep(&self, file: FileId) -> bool {
        self.all().values().any(|readers| readers.left.contains(&file))
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ObjectId, Readers>> {
        runtime::lock(&self.0)
    }
}

/// Keeps the bytes of an object that is being read.
pub(crate) struct Pinned {
    pins: Arc<Pins>,
    id: ObjectId,
}

impl Pinned {
    /// Leaves the object's files, whose rows go, to all who read it now, until the last one has done so.
    pub(crate) fn leave(&self, files: &[FileId]) {
        if let Some(readers) = self.pins.all().get_mut(&self.id) {
            readers.left.extend_from_slice(files);
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut pins = self.pins.all();
        if let Some(readers) = pins.get_mut(&self.id) {
            readers.count -= 1;
            if readers.count == 0 {
                pins.remove(&self.id);
            }
        }
    }
}
