//! Where the ring comes from.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::disk;
use crate::{Error, Result, Ring};

/// Where the ring comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProvider {
    /// A file of ours, mode 0600, in a folder that only we may enter; we make it and replace it.
    File(PathBuf),
    /// A file that something else keeps for us and that we only read: a systemd credential, a mounted secret.
    Credential(PathBuf),
}

impl KeyProvider {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Credential(path) => path,
        }
    }

    /// Reads the ring; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Error::Permissions`] if others may read our file, [`Error::Damaged`], [`Error::TooNew`].
    pub fn load(&self) -> Result<Option<Ring>> {
        let path = self.path();
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(disk("read", path)(e)),
        };
        if let Self::File(path) = self {
            let mode = fs::metadata(path).map_err(disk("look at", path))?.mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(Error::Permissions { path: path.clone(), mode });
            }
        }
        Ring::from_bytes(&bytes).map(Some)
    }

    /// Stores the ring where there is none, never in place of another one, which may come from a process that starts at
    /// the same time. It is on disk when this answers, which says nothing about whose it is: load it. Blocks.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a credential.
    pub fn create(&self, ring: &Ring) -> Result<()> {
        let path = self.writable()?;
        make_folder(path)?;
        durable::create(path, ring.to_bytes().expose()).map(drop).map_err(disk("write", path))
    }

    /// Changes the ring while no other process does: `change` gets what is there and answers what to store instead,
    /// `None` to leave it. It is on disk when this answers. Blocks.
    ///
    /// # Errors
    /// Those of [`KeyProvider::load`] and of `change`; [`Error::ReadOnly`] if a credential is to be changed.
    pub fn update(&self, change: impl FnOnce(Option<Ring>) -> Result<Option<Ring>>) -> Result<Option<Ring>> {
        let _lock = match self {
            Self::File(path) => Some(lock(path)?),
            Self::Credential(_) => None,
        };
        let changed = change(self.load()?)?;
        if let Some(ring) = &changed {
            self.store(ring)?;
        }
        Ok(changed)
    }

    /// Stores the ring in place of what is there, unread: where nobody else has a ring, as in a copy that is being made.
    /// It appears whole or not at all, and is on disk when this answers. Blocks.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a credential.
    pub fn store(&self, ring: &Ring) -> Result<()> {
        let path = self.writable()?;
        make_folder(path)?;
        durable::write(path, ring.to_bytes().expose()).map_err(disk("write", path))
    }

    /// Removes what a process left that was killed while it stored the ring. That it stays does no harm.
    pub(crate) fn clear_left(&self) {
        if let Self::File(path) = self {
            let _ = durable::clear_left(path);
        }
    }

    fn writable(&self) -> Result<&Path> {
        match self {
            Self::File(path) => Ok(path),
            Self::Credential(path) => Err(Error::ReadOnly { path: path.clone() }),
        }
    }
}

/// Waits until no other process changes the ring at `path` or what is noted beside it; held until dropped.
pub(crate) fn lock(path: &Path) -> Result<File> {
    make_folder(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let open = || {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(disk("lock", &name))
}

/// Makes the folder of a file.
fn make_folder(path: &Path) -> Result<()> {
    let folder = durable::folder_of(path);
    durable::make_folder(folder).map_err(disk("make folder", folder))
}
