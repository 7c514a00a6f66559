//! The data folder: private, locked by one process at a time, the place of everything that Kinora keeps.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How long the lock is waited for. A process that was killed while it started another one leaves the lock to that
/// for a moment, until it is the other program or dies too; a new start of Kinora would be refused then.
const LET_GO: Duration = Duration::from_secs(5);

/// The processes that a data folder may have at a time, one of each.
#[derive(Debug, Clone, Copy)]
enum Tenant {
    /// The one that answers requests.
    Main,
    /// An encoder beside it.
    Encoder,
}

impl Tenant {
    /// The file locked by the current process.
    fn lock(self, folder: &Path) -> anyhow::Result<File> {
        let name = match self {
            Self::Main => "lock",
            Self::Encoder => "lock.worker",
        };
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join(name));
        lock.with_context(|| format!("cannot write to {}", folder.display()))
    }
}

/// An open data folder; the lock goes when it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    tenant: Tenant,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, and locks it. Blocks the thread for up to [`LET_GO`] while somebody has it.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::locked(path, Tenant::Main)
    }

    /// As [`Folder::open`], for the encoder beside the process that has the folder.
    pub(crate) fn open_beside(path: &Path) -> anyhow::Result<Self> {
        Self::locked(path, Tenant::Encoder)
    }

    fn locked(path: &Path, tenant: Tenant) -> anyhow::Result<Self> {
        let at = path.display();
        durable::make_folder(path).with_context(|| format!("cannot make {at}"))?;
        let path = path.canonicalize().with_context(|| format!("cannot open {at}"))?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o700))
            .with_context(|| format!("cannot make {at} private"))?;
        let lock = tenant.lock(&path)?;
        let patient_until = Instant::now() + LET_GO;
        while !got(lock.try_lock()).with_context(|| format!("cannot lock {at}"))? {
            if Instant::now() > patient_until {
                bail!(
                    "a Kinora server is already running on {at}: stop it first, or choose another folder with --data"
                );
            }
            sleep(Duration::from_millis(50));
        }
        Ok(Self { path, tenant, _lock: lock })
    }

    /// Keeps the other tenant out until it is dropped; `None` if that one is in.
    pub(crate) fn alone(&self) -> anyhow::Result<Option<File>> {
        let other = match self.tenant {
            Tenant::Main => Tenant::Encoder,
            Tenant::Encoder => Tenant::Main,
        };
        let lock = other.lock(&self.path)?;
        let got = got(lock.try_lock()).with_context(|| format!("cannot lock {}", self.path.display()))?;
        Ok(got.then_some(lock))
    }

    /// The folder's absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of this process among workers: while it has the lock, nobody else has the name.
    pub(crate) fn worker(&self) -> &'static str {
        match self.tenant {
            Tenant::Main => "main",
            Tenant::Encoder => "encoder",
        }
    }

    /// The name that processes of this kind had in older versions: what was claimed by it is ours, too.
    pub(crate) fn former_worker(&self) -> &'static str {
        match self.tenant {
            Tenant::Main => "up",
            Tenant::Encoder => "worker",
        }
    }

    /// Where what this process encodes is until it is stored; whatever lies there at its start is nobody's.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.join(match self.tenant {
            Tenant::Main => "scratch",
            Tenant::Encoder => "scratch.worker",
        })
    }

    /// A file or folder in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Whether a lock that was tried is ours now; `false` if somebody else has it.
pub(crate) fn got(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Writes a file of mode 0600 that appears whole.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    durable::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_folder_has_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("data")).unwrap();
        let refused = Folder::open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("already"), "{refused}");
        let path = folder.path().to_owned();
        let waiting = std::thread::spawn(move || Folder::open(&path).is_ok());
        sleep(Duration::from_millis(100));
        drop(folder);
        assert!(waiting.join().unwrap(), "it waits for one that is about to end");
    }

    #[test]
    fn an_encoder_beside_shares_the_folder_and_nothing_that_is_only_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let main = Folder::open(dir.path()).unwrap();
        let encoder = Folder::open_beside(dir.path()).unwrap();
        assert_eq!(main.path(), encoder.path());
        assert!(main.alone().unwrap().is_none());
        let names = [main.worker(), main.former_worker(), encoder.worker(), encoder.former_worker()];
        assert_eq!(HashSet::from(names).len(), names.len(), "{names:?}");
        assert_ne!(main.scratch(), encoder.scratch());

        drop(encoder);
        let alone = main.alone().unwrap().unwrap();
        let lock = Tenant::Encoder.lock(main.path()).unwrap();
        assert!(!got(lock.try_lock()).unwrap());
        drop(alone);
        Folder::open_beside(dir.path()).unwrap();
    }
}
