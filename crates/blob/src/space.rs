//! Free space on the file system of the store: what is there, what must stay, what is promised to writers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::disk;
use crate::{Error, Result};

/// How many bytes beyond its claim a writer takes at once.
const STEP: u64 = 64 << 20;

/// Keeps writers from filling the disk.
#[derive(Debug)]
pub(crate) struct Space {
    root: PathBuf,
    reserve: u64,
    promised: AtomicU64,
}

impl Space {
    pub(crate) fn new(root: &Path, reserve: u64) -> Self {
        Self { root: root.into(), reserve, promised: AtomicU64::new(0) }
    }

    /// Bytes that may still be promised. Blocks shortly.
    pub(crate) fn available(&self) -> Result<u64> {
        Ok(self.free()?.saturating_sub(self.reserve).saturating_sub(self.promised.load(Ordering::Relaxed)))
    }

    /// Promises `bytes` to a writer. Blocks shortly.
    pub(crate) fn claim(self: &Arc<Self>, bytes: u64) -> Result<Claim> {
        let mut claim = Claim { space: self.clone(), rest: 0 };
        claim.grow(bytes)?;
        Ok(claim)
    }

    /// The error of a disk that is full in spite of all promises.
    pub(crate) fn full(&self) -> Error {
        Error::NoSpace { free: self.free().unwrap_or(0), reserve: self.reserve, wanted: 0 }
    }

    fn free(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&self.root).map_err(|e| disk("measure", &self.root)(e.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// A promise to a writer; what was not spent is given back when it is dropped.
pub(crate) struct Claim {
    space: Arc<Space>,
    rest: u64,
}

impl Claim {
    /// Takes `bytes` out of the claim, and grows it when that is too little.
    pub(crate) fn spend(&mut self, bytes: u64) -> Result<()> {
        if bytes > self.rest {
            self.grow((bytes - self.rest).max(STEP)).or_else(|_| self.grow(bytes - self.rest))?;
        }
        self.rest -= bytes;
        self.space.promised.fetch_sub(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn grow(&mut self, wanted: u64) -> Result<()> {
        // Promise first, then look: two writers at the same time see each other's promise.
        let promised = self.space.promised.fetch_add(wanted, Ordering::Relaxed).saturating_add(wanted);
        self.rest += wanted;
        let free = self.space.free();
        if matches!(free, Ok(free) if free.saturating_sub(promised) >= self.space.reserve || wanted == 0) {
            return Ok(());
        }
        self.rest -= wanted;
        self.space.promised.fetch_sub(wanted, Ordering::Relaxed);
        Err(Error::NoSpace { free: free?, reserve: self.space.reserve, wanted })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.space.promised.fetch_sub(self.rest, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_count_against_each_other_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let free = Space::new(dir.path(), 0).free().unwrap();
        let space = Arc::new(Space::new(dir.path(), free / 2));
        let first = space.claim(free / 3).unwrap();
        assert!(matches!(space.claim(free / 3), Err(Error::NoSpace { .. })));
        drop(first);
        let mut again = space.claim(free / 3).unwrap();
        again.spend(1000).unwrap();
        assert_eq!(again.rest, free / 3 - 1000);
        assert!(space.available().unwrap() < free);
        drop(again);
        assert_eq!(space.promised.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_claim_grows_in_steps_and_refuses_at_the_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let space = Arc::new(Space::new(dir.path(), u64::MAX / 2));
        let mut nothing = space.claim(0).unwrap();
        assert!(matches!(nothing.spend(1), Err(Error::NoSpace { wanted: 1, .. })));
    }
}
