//! Whether the ring is also somewhere else: the ring's fingerprint, written beside it by an export.

use std::path::PathBuf;
use std::{fs, io};

use crate::error::disk;
use crate::provider::lock;
use crate::{KeyProvider, Result, Ring};

impl KeyProvider {
    /// Notes that just these keys were exported, unless that is noted of newer ones.
    pub fn mark_exported(&self, ring: &Ring) -> Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        let _lock = lock(path)?;
        if let Some(now) = self.load()?
            && now.contains(ring)
            && self.is_exported(&now)?
        {
            return Ok(());
        }
        let mark = self.mark();
        durable::write(&mark, ring.fingerprint().as_bytes()).map_err(disk("write", &mark))
    }

    /// Whether losing this machine leaves the keys: they were exported as they are now, or come from outside.
    pub fn is_exported(&self, ring: &Ring) -> Result<bool> {
        match self {
            Self::Credential(_) => Ok(true),
            Self::File(_) => match fs::read(self.mark()) {
                Ok(mark) => Ok(mark == ring.fingerprint().as_bytes()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(e) => Err(disk("read", self.mark())(e)),
            },
        }
    }

    /// Whether the keys were ever exported, maybe before newer ones were added, or come from outside.
    pub fn was_exported(&self) -> bool {
        match self {
            Self::Credential(_) => true,
            Self::File(_) => self.mark().exists(),
        }
    }

    fn mark(&self) -> PathBuf {
        let mut path = self.path().as_os_str().to_owned();
        path.push(".exported");
        path.into()
    }
}
