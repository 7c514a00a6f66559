//! Files that something is wrong with, which restarting may mend and trying again does not.

use std::collections::HashSet;
use std::sync::Mutex;

/// Files that were logged, and that are left alone from then on.
#[derive(Debug, Default)]
pub(crate) struct BadFiles(Mutex<HashSet<String>>);

impl BadFiles {
    /// Remembers a file for the life of the process; `false` if it was known already.
    pub(crate) fn add(&self, file: &str) -> bool {
        runtime::lock(&self.0).insert(file.to_owned())
    }

    /// All of them, which are forgotten.
    pub(crate) fn take(&self) -> Vec<String> {
        runtime::lock(&self.0).drain().collect()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        runtime::lock(&self.0).contains(file)
    }
}
