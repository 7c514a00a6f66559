//! Writing stored files: a file has its name once it is whole and on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use bytes::Bytes;
use model::FileId;
use runtime::blocking;
use seal::Purpose;
use seal::stream::{Sealer, stored_length};

use super::{Disk, SealedKey, Stored, associated, remove_soon, sync_folder};
use crate::error::disk;
use crate::lane::Lane;
use crate::space::Claim;
use crate::{Error, Result, fault};

/// A file under way. Dropping it deletes what was written.
pub(crate) struct Writing {
    lane: Lane<Temporary>,
}

impl Disk {
    /// Begins a file of about `length` bytes.
    pub(crate) async fn write(&self, length: Option<u64>) -> Result<Writing> {
        let store = self.clone();
        blocking(move || {
            let length = length.unwrap_or(0);
            let claim = store.space.claim(if store.seals { stored_length(length) } else { length })?;
            let id = FileId::new();
            let sealing = store.seals.then(|| store.sealing(id)).transpose()?;
            let path = store.root.join("tmp").join(id.to_string());
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(disk("create", &path))?;
            Ok(Writing { lane: Lane::new(Temporary { store, id, file, claim, sealing, kept: false }) })
        })
        .await
    }

    fn sealing(&self, id: FileId) -> Result<Sealing> {
        let made = self.ring()?.data_key(Purpose::Media, &id.to_string()).map_err(Error::Keys)?;
        let sealer = Sealer::new(&made.key, &associated(id)).map_err(Error::Keys)?;
        Ok(Sealing { sealer, key: SealedKey { dek: made.sealed, kek: made.version } })
    }
}

impl Writing {
    /// Appends; answers while the bytes are still on their way to the disk.
    pub(crate) async fn append(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.lane.start(move |file| file.append(&pieces)).await
    }

    /// Answers once the bytes and the name are on disk.
    pub(crate) async fn finish(self) -> Result<Stored> {
        let file = self.lane.finish().await?;
        blocking(move || file.keep()).await
    }
}

struct Temporary {
    store: Disk,
    id: FileId,
    file: File,
    claim: Claim,
    sealing: Option<Sealing>,
    kept: bool,
}

/// Seals a file that is being written.
struct Sealing {
    sealer: Sealer,
    key: SealedKey,
}

impl Temporary {
    fn append(&mut self, pieces: &[Bytes]) -> Result<()> {
        let Some(sealing) = &mut self.sealing else { return self.write(pieces) };
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let mut sealed = Vec::with_capacity(length + (128 << 10));
        for piece in pieces {
            sealing.sealer.push(piece, &mut sealed).map_err(Error::Keys)?;
        }
        self.write(&[sealed.into()])
    }

    fn write(&mut self, pieces: &[Bytes]) -> Result<()> {
        self.claim.spend(pieces.iter().map(|p| p.len() as u64).sum())?;
        for group in pieces.chunks(512) {
            let mut slices: Vec<IoSlice<'_>> = group.iter().map(|p| IoSlice::new(p)).collect();
            let mut rest = slices.as_mut_slice();
            while !rest.is_empty() {
                match self.file.write_vectored(rest) {
                    Ok(0) if rest.iter().all(|s| s.is_empty()) => break,
                    Ok(0) => return Err(self.failed("write", io::ErrorKind::WriteZero.into())),
                    Ok(n) => IoSlice::advance_slices(&mut rest, n),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(self.failed("write", e)),
                }
            }
        }
        Ok(())
    }

    fn keep(mut self) -> Result<Stored> {
        let mut key = None;
        if let Some(sealing) = self.sealing.take() {
            let mut end = Vec::new();
            sealing.sealer.finish(&mut end).map_err(Error::Keys)?;
            self.write(&[end.into()])?;
            key = Some(sealing.key);
        }
        fault::point("disk.written");
        self.file.sync_all().map_err(|e| self.failed("sync", e))?;
        fault::point("disk.synced");
        let (from, to) = (self.path(), self.store.path(self.id));
        fs::rename(&from, &to).map_err(|e| self.failed("rename", e))?;
        self.kept = true;
        fault::point("disk.renamed");
        sync_folder(to.parent().unwrap_or(&to))?;
        Ok(Stored { id: self.id, key })
    }

    fn failed(&self, what: &'static str, source: io::Error) -> Error {
        disk(what, self.path())(source)
    }

    fn path(&self) -> PathBuf {
        self.store.root.join("tmp").join(self.id.to_string())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // The sweeper finds it if this fails.
            remove_soon(self.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Keys;

    #[test]
    fn a_disk_that_fills_up_under_a_writer_is_told_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Disk::open(folder.path(), Some(0), Keys::default()).unwrap();
        let claim = store.space.claim(0).unwrap();
        // Whatever is written there, it is full.
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut file = Temporary { store, id: FileId::new(), file, claim, sealing: None, kept: false };
        let refused = file.append(&[Bytes::from_static(b"x")]).unwrap_err();
        assert!(matches!(refused, Error::Disk { .. }), "there is nothing to be counted: {refused:?}");
        assert!(model::fault::is_full(&refused), "{refused:?}");
    }
}
