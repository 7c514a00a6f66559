//! Clear files that were replaced by sealed ones, until they are deleted.

use std::sync::Mutex;

use model::{ObjectId, Timestamp};

/// Clear files that others were written for, and that readers may still be reading.
#[derive(Debug, Default)]
pub(crate) struct Replaced(Mutex<Vec<Old>>);

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Old {
    pub(crate) file: String,
    /// The objects that it was part of.
    pub(crate) objects: Vec<ObjectId>,
    /// When it was replaced.
    pub(crate) since: Timestamp,
}

impl Replaced {
    /// Whether a file is no longer used by rows, but maybe by readers.
    pub(crate) fn has(&self, file: &str) -> bool {
        runtime::lock(&self.0).iter().any(|old| old.file == file)
    }

    pub(crate) fn push(&self, old: Old) {
        runtime::lock(&self.0).push(old);
    }

    /// Takes out those that are `ready` to be deleted.
    pub(crate) fn take(&self, ready: impl Fn(&Old) -> bool) -> Vec<String> {
        let mut all = runtime::lock(&self.0);
        all.extract_if(.., |old| ready(old)).map(|old| old.file).collect()
    }
}
