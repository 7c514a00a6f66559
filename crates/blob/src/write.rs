//! Bringing bytes to the disk, before they get a name.

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::checksum::{Digests, Hasher};
use crate::disk::{self, Stored, Writing};
use crate::lane::Lane;
use crate::{Algorithm, Blob, Checksum, Error, New, Object, Result};

/// The largest object or part in bytes: 5 TiB, as in S3.
pub const MAX_OBJECT: u64 = 5 << 40;

/// Bytes collected before they go to the threads that hash and write.
const BUFFER: usize = 256 << 10;

/// Writes one file; holds about a MiB at most. Dropping it deletes what was written.
pub struct Writer {
    blob: Blob,
    file: Option<Writing>,
    hasher: Lane<Hasher>,
    pieces: Vec<Bytes>,
    pending: usize,
    size: u64,
}

impl Writer {
    /// Appends bytes. An error ends the writer.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.size += piece.len() as u64;
        if self.size > MAX_OBJECT {
            return Err(Error::TooLarge { limit: MAX_OBJECT });
        }
        self.pending += piece.len();
        self.pieces.push(piece);
        if self.pending >= BUFFER || self.pieces.len() >= 1024 { self.flush().await } else { Ok(()) }
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Answers once the file and its folder are synced.
    pub async fn finish(mut self) -> Result<Staged> {
        self.flush().await?;
        let digests = self.hasher.finish().await?.finish();
        let file = match self.file {
            Some(file) if self.size > 0 => Some(file.finish().await?),
            _ => None,
        };
        Ok(Staged { blob: self.blob, file, size: self.size, digests })
    }

    async fn flush(&mut self) -> Result<()> {
        self.pending = 0;
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.iter().all(Bytes::is_empty) {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(self.blob.disk.write(None).await?);
        }
        let hashed = pieces.clone();
        let hash = move |hasher: &mut Hasher| {
            hashed.iter().for_each(|piece| hasher.update(piece));
            Ok(())
        };
        self.hasher.start(hash).await?;
        match &mut self.file {
            Some(file) => file.append(pieces).await,
            None => Ok(()),
        }
    }
}

/// Bytes that are safely on disk but have no name yet; [`Blob::commit`] gives one. Dropping it deletes them.
pub struct Staged {
    blob: Blob,
    pub(crate) file: Option<Stored>,
    size: u64,
    digests: Digests,
}

impl Staged {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// MD5 of the bytes.
    pub fn md5(&self) -> [u8; 16] {
        self.digests.md5
    }

    /// The checksum that was asked for.
    pub fn checksum(&self) -> Option<&Checksum> {
        self.digests.checksum.as_ref()
    }

    /// Refuses bytes that are not what their sender meant.
    ///
    /// # Errors
    /// [`Error::BadDigest`].
    pub fn expect(&self, md5: Option<[u8; 16]>, checksum: Option<&Checksum>) -> Result<()> {
        if md5.is_some_and(|md5| md5 != self.md5()) {
            return Err(Error::BadDigest("MD5"));
        }
        match checksum {
            Some(given) if Some(given) != self.checksum() => Err(Error::BadDigest("checksum")),
            _ => Ok(()),
        }
    }

    /// The file now belongs to rows of a transaction. If that is rolled back, `sweep_disk` finds the file.
    pub(crate) fn take_file(&mut self) {
        self.file = None;
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            disk::forget(&self.blob.disk, file.id);
        }
    }
}

impl Blob {
    /// Begins a file: `length` is what is announced (space is claimed for it), `checksum` what to compute besides MD5.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::TooLarge`].
    pub async fn writer(&self, length: Option<u64>, checksum: Option<Algorithm>) -> Result<Writer> {
        let file = match length {
            Some(0) | None => None,
            Some(length) if length > MAX_OBJECT => return Err(Error::TooLarge { limit: MAX_OBJECT }),
            Some(length) => Some(self.disk.write(Some(length)).await?),
        };
        let hasher = Lane::new(Hasher::new(checksum));
        Ok(Writer { blob: self.clone(), file, hasher, pieces: Vec::new(), pending: 0, size: 0 })
    }

    /// Writes a whole stream; with `length` it must have exactly that many bytes.
    ///
    /// # Errors
    /// [`Error::WrongLength`], [`Error::Incoming`] if the stream is interrupted, and those of [`Blob::writer`].
    pub async fn stage<S, E>(
        &self,
        stream: S,
        length: Option<u64>,
        checksum: Option<Algorithm>,
    ) -> Result<Staged>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Send,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut writer = self.writer(length, checksum).await?;
        let mut stream = std::pin::pin!(stream);
        while let Some(piece) = stream.next().await {
            writer.write(piece.map_err(|e| Error::Incoming(e.into()))?).await?;
            if let Some(expected) = length.filter(|&expected| writer.size() > expected) {
                return Err(Error::WrongLength { expected, got: writer.size() });
            }
        }
        match length.filter(|&expected| writer.size() != expected) {
            Some(expected) => Err(Error::WrongLength { expected, got: writer.size() }),
            None => writer.finish().await,
        }
    }

    /// Writes bytes that are in memory and gives them a name.
    pub async fn put(&self, bytes: impl Into<Bytes>, new: New) -> Result<Object> {
        let bytes = bytes.into();
        let mut writer = self.writer(Some(bytes.len() as u64), None).await?;
        writer.write(bytes).await?;
        self.commit(writer.finish().await?, new).await
    }
}
