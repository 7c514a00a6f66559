//! Where a job writes files, and their way from there into the store.

use std::path::{Path, PathBuf};

use blob::Staged;
use jobs::{Fault, Lease};
use tokio_util::io::ReaderStream;

use crate::stop::Stop;
use crate::worker::Worker;

/// A folder for one try of one job; removed soon after the try ends, however it ends.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) async fn make(worker: &Worker, lease: &Lease) -> Result<Self, Stop> {
        let path = worker.scratch.join(format!("{}-{}", lease.job, lease.attempt));
        tokio::fs::create_dir_all(&path).await.map_err(|error| Stop::of(&error, Fault::Transient))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whole chunks may be in it. No other try has a folder of that name, and what stays is removed with the worker's
        // folder.
        let folder = std::mem::take(&mut self.0);
        runtime::detach(move || drop(std::fs::remove_dir_all(folder)));
    }
}

/// Streams a file from the scratch folder into the store.
pub(crate) async fn stage(worker: &Worker, path: &Path, bytes: Option<u64>) -> Result<Staged, Stop> {
    let file = tokio::fs::File::open(path).await.map_err(|error| Stop::of(&error, Fault::Transient))?;
    let stream = ReaderStream::with_capacity(file, 256 * 1024);
    Ok(worker.blob.stage(stream, bytes, None).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_try_leaves_is_removed_where_nobody_is_held_up() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("try");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("c7-v0.cmaf"), "a chunk").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            drop(Scratch(folder.clone()));
            assert!(folder.exists());
            go.send(()).unwrap();
            busy.await.unwrap().unwrap();
            // It is behind the removal.
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        });
        assert!(!folder.exists());
    }
}
