//! Where the ring comes from.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
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

    /// Replaces the ring; it appears whole or not at all, and is on disk when this answers.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a credential.
    pub fn store(&self, ring: &Ring) -> Result<()> {
        match self {
            Self::File(path) => write_private(path, ring.to_bytes().expose()),
            Self::Credential(path) => Err(Error::ReadOnly { path: path.clone() }),
        }
    }
}

/// Writes a file of mode 0600 that appears whole, and syncs it and its folder, which is made if it is missing.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(disk("make folder", folder))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let write = || {
        // One that a process left over may have another mode.
        match fs::remove_file(&beside) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(disk("write", path))
}
