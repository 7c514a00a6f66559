//! Files that something is wrong with, which restarting may mend and trying again does not.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Files that were logged, and that are left alone from then on.
#[derive(Debug, Default)]
pub(crate) struct BadFiles(Mutex<HashSet<String>>);

impl BadFiles {
    /// Remembers a file for the life of the process; `false` if it was known already.
    pub(crate) fn add(&self, file: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned())
    }

    /// All of them, which are forgotten.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(file)
    }
}
