//! Files that were read lately, open: the next segment of a film lies in the file of the one before.
//!
//! A stored file never changes, so an open one is read without asking the tables where the object lies, without looking
//! at the file's length and without opening its key once more. It is closed when it is deleted or after a little while,
//! and after every read that failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::{FileId, ObjectId};

use crate::disk::OpenFile;

/// Files that stay open at most.
const MAX: usize = 256;
/// How long one does, whether it is read or not: what its rows say may change.
const STAYS: Duration = Duration::from_secs(20);

/// The open files of objects that are one file.
#[derive(Debug, Default)]
pub(crate) struct Opened(Mutex<HashMap<ObjectId, (Instant, Arc<OpenFile>)>>);

impl Opened {
    pub(crate) fn get(&self, object: ObjectId) -> Option<Arc<OpenFile>> {
        let files = runtime::lock(&self.0);
        let (since, file) = files.get(&object)?;
        (since.elapsed() < STAYS).then(|| file.clone())
    }

    pub(crate) fn put(&self, object: ObjectId, file: Arc<OpenFile>) {
        let mut files = runtime::lock(&self.0);
        if files.len() >= MAX {
            files.retain(|_, (since, _)| since.elapsed() < STAYS);
        }
        if files.len() >= MAX
            && let Some(oldest) = files.iter().min_by_key(|(_, (since, _))| *since).map(|(id, _)| *id)
        {
            files.remove(&oldest);
        }
        files.insert(object, (Instant::now(), file));
    }

    pub(crate) fn close(&self, object: ObjectId) {
        runtime::lock(&self.0).remove(&object);
    }

    /// Closes what has been open for long, and those of the files that `gone` names: only then is their space free.
    pub(crate) fn close_old(&self, gone: impl Fn(FileId) -> bool) {
        let mut files = runtime::lock(&self.0);
        files.retain(|_, (since, file)| since.elapsed() < STAYS && !gone(file.id()));
    }
}
