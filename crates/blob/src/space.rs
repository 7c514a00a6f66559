//! Free space on the file system of the store: what is there, what must stay, what is promised to writers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::StatVfs;

use crate::error::disk;
use crate::{Error, Result};

/// How many bytes beyond its claim a writer takes at once.
const STEP: u64 = 64 << 20;
/// The most that is kept free when nothing is configured: enough for the database, logs and a person at work.
const RESERVE: u64 = 256 << 20;
/// The share of the file system that is kept free then, where that is less.
const SHARE: u64 = 20;

/// Keeps writers from filling the disk.
#[derive(Debug)]
pub(crate) struct Space {
    root: PathBuf,
    reserve: u64,
    promised: AtomicU64,
}

impl Space {
    /// Keeps `reserve` bytes free, or a sensible few when that is `None`. Blocks shortly.
    pub(crate) fn new(root: &Path, reserve: Option<u64>) -> Result<Self> {
        let reserve = match reserve {
            Some(bytes) => bytes,
            None => {
                let stat = measure(root)?;
                RESERVE.min(stat.f_blocks.saturating_mul(stat.f_frsize) / SHARE)
            }
        };
        Ok(Self { root: root.into(), reserve, promised: AtomicU64::new(0) })
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

    fn free(&self) -> Result<u64> {
        let stat = measure(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn measure(root: &Path) -> Result<StatVfs> {
    rustix::fs::statvfs(root).map_err(|e| disk("measure", root)(e.into()))
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
            let short = bytes - self.rest;
            // A writer that does not say how much will come leaves some to the others.
            let step = STEP.min(self.space.available()? / 16);
            self.grow(short.max(step)).or_else(|_| self.grow(short))?;
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
        let others = promised.saturating_sub(wanted);
        let free = free?.saturating_sub(self.space.reserve).saturating_sub(others);
        let source = io::ErrorKind::StorageFull.into();
        Err(Error::NoSpace { free, reserve: self.space.reserve, wanted, source })
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
        let free = Space::new(dir.path(), Some(0)).unwrap().free().unwrap();
        let space = Arc::new(Space::new(dir.path(), Some(free / 2)).unwrap());
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
        let space = Arc::new(Space::new(dir.path(), Some(u64::MAX / 2)).unwrap());
        let mut nothing = space.claim(0).unwrap();
        assert!(matches!(nothing.spend(1), Err(Error::NoSpace { wanted: 1, free: 0, .. })));
    }

    #[test]
    fn a_disk_with_little_room_takes_small_files_and_says_what_large_ones_lack() {
        let dir = tempfile::tempdir().unwrap();
        let usual = Space::new(dir.path(), None).unwrap();
        assert!(usual.reserve <= RESERVE);
        let free = usual.free().unwrap();
        let tight = Arc::new(Space::new(dir.path(), Some(free.saturating_sub(40 << 20))).unwrap());
        let mut writers: Vec<_> = (0..16).map(|_| tight.claim(0).unwrap()).collect();
        for writer in &mut writers {
            writer.spend(1 << 20).unwrap();
        }
        let refused = tight.claim(3 << 30).err().unwrap().to_string();
        assert!(
            refused.starts_with("3.2 GB needed, ") && refused.contains("free beyond the reserve"),
            "{refused}"
        );
    }
}
