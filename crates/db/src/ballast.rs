//! Disk space kept for the database of one SQLite file: a private file beside it that is given up step by step.
//!
//! Others may fill the disk: a log, a backup, another program. What must still work then – deletes, revocations,
//! sign-in links, heartbeats – writes rows, and rows need space. So before a write that would find less than [`MARGIN`]
//! free, a step of the ballast is given back to the file system. Other processes may take it; that is why it is one
//! step at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

/// Bytes that a write finds free, as long as there is ballast: more than most transactions need in the log.
const MARGIN: u64 = 512 << 10;
/// Bytes that are released at a time.
const STEP: u64 = 1 << 20;
/// Bytes that stay free when ballast is recreated, so that it is not released at once.
const SPARE: u64 = 4 << 20;

/// The ballast of one database. It may have no file yet, and then releases nothing.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    /// One thread changes it at a time.
    turn: Mutex<()>,
}

impl Ballast {
    /// The ballast beside a database's file, with the same name and the extension `ballast`.
    pub(crate) fn beside(database: &Path) -> Self {
        Self { path: database.with_extension("ballast"), turn: Mutex::default() }
    }

    /// Gives up a step if hardly anything is free. Blocks for as long as the file system needs to say how much that is.
    /// An error here is ignored: the write itself then reports that the disk is full.
    pub(crate) fn make_room(&self) {
        if matches!(self.free(), Ok(free) if free >= MARGIN) {
            return;
        }
        let _turn = runtime::lock(&self.turn);
        if let Ok((held, left)) = self.give_up()
            && left < held
        {
            tracing::error!(bytes = left, "the disk is full: the database uses its reserved space");
        }
    }

    /// Bytes that are held now. Blocks shortly.
    pub fn held(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// How long it is when it is whole: `bytes`, and of a small file system at most a 32nd. Blocks shortly.
    pub fn most(&self, bytes: u64) -> u64 {
        let small = statvfs(self.folder()).map(|disk| disk.f_blocks.saturating_mul(disk.f_frsize) / 32);
        small.map_or(bytes, |small| bytes.min(small))
    }

    /// Makes it `bytes` long where the disk has space for that and some more, and as [`Ballast::most`] says; answers how
    /// long it is now. Blocks.
    ///
    /// # Errors
    /// The errors of the disk; a full disk is not an error.
    pub fn fill(&self, bytes: u64) -> io::Result<u64> {
        let _turn = runtime::lock(&self.turn);
        let bytes = self.most(bytes);
        let held = self.held();
        if held >= bytes || self.free()? < bytes - held + SPARE {
            return Ok(held);
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&self.path)?;
        match reserve(&file, held, bytes - held).and_then(|()| file.sync_all()) {
            Ok(()) => Ok(bytes),
            Err(error) => {
                // Somebody else was quicker. What was begun is given back.
                file.set_len(held)?;
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Ok(held),
                    _ => Err(error),
                }
            }
        }
    }

    fn give_up(&self) -> io::Result<(u64, u64)> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        let held = file.metadata()?.len();
        let left = held.saturating_sub(STEP);
        file.set_len(left)?;
        Ok((held, left))
    }

    fn free(&self) -> io::Result<u64> {
        let disk = statvfs(self.folder())?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

/// Takes space on the disk behind `held` bytes of a file.
fn reserve(file: &File, held: u64, more: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), held, more) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_noise(file, held, more),
        done => Ok(done?),
    }
}

/// Writes what no file system makes smaller, for those that cannot reserve.
fn write_noise(mut file: &File, held: u64, more: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(held))?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ held;
    let mut block = Vec::with_capacity(64 << 10);
    let mut left = more;
    while left > 0 {
        block.clear();
        while block.len() < 64 << 10 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
        file.write_all(&block[..length])?;
        left -= length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_takes_real_room_in_a_private_file_and_gives_it_up_in_steps() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::beside(&folder.path().join("kinora.db"));
        ballast.make_room();
        assert_eq!((ballast.held(), ballast.path.exists()), (0, false), "there was none to give up");
        assert_eq!(ballast.fill(3 * STEP).unwrap(), 3 * STEP);
        let found = std::fs::metadata(folder.path().join("kinora.ballast")).unwrap();
        assert_eq!((found.mode() & 0o777, found.blocks() * 512 >= 3 * STEP), (0o600, true));
        assert_eq!(ballast.fill(STEP).unwrap(), 3 * STEP, "it does not shrink by itself");
        let steps: Vec<_> = (0..4).map(|_| ballast.give_up().unwrap().1).collect();
        assert_eq!(steps, [2 * STEP, STEP, 0, 0]);
        assert_eq!(ballast.fill(2 * STEP).unwrap(), 2 * STEP);
    }

    #[test]
    fn where_nothing_can_be_reserved_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise");
        let file = File::create(&path).unwrap();
        write_noise(&file, 0, 100_000).unwrap();
        write_noise(&file, 100_000, 5).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!((bytes.len(), bytes.iter().filter(|byte| **byte == 0).count() < 1000), (100_005, true));
    }
}
