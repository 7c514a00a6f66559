//! A folder of our own within the scratch folder, gone soon after it is dropped.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use runtime::blocking;

use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes an empty folder; what a killed run left there is removed.
    pub(crate) async fn create(scratch: &Path, name: &str) -> Result<Self> {
        let path = scratch.join(name);
        blocking(move || {
            let made = remove(&path).and_then(|()| std::fs::create_dir_all(&path));
            match made {
                Ok(()) => Ok(Self { path }),
                Err(source) => Err(Error::File { path, source }),
            }
        })
        .await
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    /// Its name is free at once. What is in it may be large, so it is removed where nobody is held up by that; what is
    /// not removed any more stays until the scratch folder goes.
    fn drop(&mut self) {
        static DROPPED: AtomicU64 = AtomicU64::new(0);
        let mut gone = std::mem::take(&mut self.path);
        let aside = gone.with_extension(format!("gone{}", DROPPED.fetch_add(1, Ordering::Relaxed)));
        if std::fs::rename(&gone, &aside).is_ok() {
            gone = aside;
        }
        runtime::detach(move || {
            if let Err(error) = remove(&gone) {
                tracing::warn!(path = %gone.display(), %error, "cannot remove the scratch folder");
            }
        });
    }
}

/// Removes a folder with all that is in it, if it is there.
fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_dropped_takes_nothing_from_the_next_of_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        // The only thread that may block is taken until the second folder is there.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let first = Folder::create(scratch.path(), "run").await.unwrap();
            std::fs::write(first.path().join("v0"), "old").unwrap();
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            drop(first);
            assert!(!scratch.path().join("run").exists());
            assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "it is not removed here");
            std::fs::create_dir(scratch.path().join("run")).unwrap();
            std::fs::write(scratch.path().join("run/v0"), "new").unwrap();
            go.send(()).unwrap();
            busy.await.unwrap().unwrap();
            // It is behind the removal.
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });
        let left: Vec<_> =
            std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["run"]);
        assert_eq!(std::fs::read(scratch.path().join("run/v0")).unwrap(), b"new");
    }

    #[tokio::test]
    async fn what_a_killed_run_left_is_not_there_any_more() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("run")).unwrap();
        std::fs::write(scratch.path().join("run/v0"), "old").unwrap();
        let folder = Folder::create(scratch.path(), "run").await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
