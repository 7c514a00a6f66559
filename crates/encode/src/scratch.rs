//! A folder of our own within the scratch folder, gone when it is dropped.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes an empty folder; what a killed run left there is removed.
    pub(crate) fn create(scratch: &Path, name: &str) -> Result<Self> {
        let path = scratch.join(name);
        let failed = |source| Error::File { path: path.clone(), source };
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::create_dir_all(&path).map_err(failed)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "scratch folder stays");
        }
    }
}
