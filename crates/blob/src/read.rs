//! Reading objects, in bounded memory and off the runtime's threads.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use db::args;
use futures::Stream;
use futures::stream::{BoxStream, StreamExt, TryStreamExt, try_unfold};
use model::{FileId, ObjectId};
use runtime::blocking;

use crate::bad::BadFiles;
use crate::buffers::Buffer;
use crate::disk::{Disk, OpenFile};
use crate::pins::Pins;
use crate::{Blob, Error, Result};

/// A range of an object, piece by piece. The object's bytes stay while it lives.
pub struct Reader {
    length: u64,
    pieces: BoxStream<'static, Result<Bytes>>,
}

impl Reader {
    /// How many bytes come in all.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Stream for Reader {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(cx)
    }
}

/// Where the first of several reads that begin at `position` best ends: nothing is opened twice, and at most a quarter of a
/// MiB, which stays in a processor's cache until it is sent.
pub fn next_read(position: u64) -> u64 {
    seal::stream::boundary(position, 4)
}

impl Blob {
    /// Reads `range` of an object as a stream.
    ///
    /// # Errors
    /// [`Error::Range`] if it does not lie within the object, [`Error::NoSuchObject`].
    pub async fn read(&self, id: ObjectId, range: Range<u64>) -> Result<Reader> {
        let pin = Pins::pin(&self.pins, id);
        let (_, spans) = self.spans(id, &range).await?;
        let suspects = self.suspects.clone();
        let state = (self.disk.clone(), spans.into_iter(), None::<Open>, pin);
        let pieces = try_unfold(state, |(disk, mut spans, open, pin)| async move {
            let mut open = match open {
                Some(open) => open,
                None => match spans.next() {
                    Some(span) => Open { file: None, span },
                    None => return Ok(None),
                },
            };
            let store = disk.clone();
            let (piece, open) = blocking(move || open.piece(&store).map(|piece| (piece, open))).await?;
            let open = (!open.span.range.is_empty()).then_some(open);
            Ok(Some((piece, (disk, spans, open, pin))))
        });
        let pieces = pieces.inspect_err(move |error| suspect(&suspects, error));
        Ok(Reader { length: range.end - range.start, pieces: pieces.boxed() })
    }

    /// Reads a small range into memory of the caller's own. As [`Blob::read_bytes`].
    pub async fn read_to_vec(&self, id: ObjectId, range: Range<u64>) -> Result<Vec<u8>> {
        self.read_bytes(id, range).await.map(Vec::from)
    }

    /// Reads a small range into memory. What is one file stays open for the next read, for some seconds, even if the
    /// object is deleted in the meantime.
    ///
    /// # Errors
    /// As [`Blob::read`].
    pub async fn read_bytes(&self, id: ObjectId, range: Range<u64>) -> Result<Bytes> {
        if let Some(file) = self.opened.get(id) {
            if let Some(held) = file.read_by_turns(&range).await {
                return Ok(held);
            }
            let read = blocking(move || file.read_all(range)).await;
            return read.inspect_err(|error| {
                self.opened.close(id);
                suspect(&self.suspects, error);
            });
        }
        let _pin = Pins::pin(&self.pins, id);
        let (size, spans) = self.spans(id, &range).await?;
        let (store, opened) = (self.disk.clone(), self.opened.clone());
        blocking(move || {
            let length = usize::try_from(range.end - range.start).map_err(|_| Error::Range { size })?;
            let mut all = Buffer::new(length);
            let mut rest = all.sized(length);
            for Span { file, size: bytes, dek, range } in spans {
                let file = Arc::new(store.open_file(file, bytes, dek.as_deref())?);
                let its = usize::try_from(range.end - range.start).map_err(|_| Error::Range { size })?;
                let (its, others) = rest.split_at_mut_checked(its).ok_or(Error::Range { size })?;
                file.fill(range, its)?;
                rest = others;
                if bytes == size {
                    opened.put(id, file);
                }
            }
            Ok(all.freeze())
        })
        .await
        .inspect_err(|error| suspect(&self.suspects, error))
    }

    /// Reads a small range at once, without waiting: `None` where its file is not open from a read before, where its bytes
    /// have to come from the disk, and where there are more than [`next_read`] makes of them.
    pub fn read_held(&self, id: ObjectId, range: &Range<u64>) -> Option<Bytes> {
        self.opened.get(id)?.read_held(range)
    }

    /// The size of an object, and the files and their ranges that hold `range` of it.
    async fn spans(&self, id: ObjectId, range: &Range<u64>) -> Result<(u64, Vec<Span>)> {
        let sql = "SELECT o.size, p.file, p.position, p.bytes, f.dek FROM objects o
            LEFT JOIN parts p ON p.object = o.id AND p.position < $3 AND p.position + p.bytes > $2
            LEFT JOIN files f ON f.id = p.file
            WHERE o.id = $1 ORDER BY p.number";
        let rows = self.db.all(sql, args![id, range.start, range.end]).await?;
        let size = rows.first().ok_or(Error::NoSuchObject(id))?.get("size")?;
        if range.start > range.end || range.end > size {
            return Err(Error::Range { size });
        }
        let mut spans = Vec::new();
        let mut at = range.start;
        for row in rows {
            let Some(file) = row.get_opt("file")? else { continue };
            let (position, bytes): (u64, u64) = (row.get("position")?, row.get("bytes")?);
            if range.is_empty() {
                break;
            }
            let end = (position + bytes).min(range.end);
            if position > at {
                return Err(Error::Row(format!("object {id} has a gap at {at}")));
            }
            spans.push(Span {
                file,
                size: bytes,
                dek: row.get_opt("dek")?,
                range: at - position..end - position,
            });
            at = end;
        }
        if at != range.end && !range.is_empty() {
            return Err(Error::Row(format!("object {id} ends at {at}")));
        }
        Ok((size, spans))
    }
}

/// Remembers a damaged file, so that it is checked.
fn suspect(suspects: &BadFiles, error: &Error) {
    if let Error::Damaged { file, .. } = error {
        suspects.add(file);
    }
}

struct Span {
    file: FileId,
    size: u64,
    dek: Option<Vec<u8>>,
    range: Range<u64>,
}

struct Open {
    file: Option<OpenFile>,
    span: Span,
}

impl Open {
    /// Reads the next piece and moves on behind it.
    fn piece(&mut self, store: &Disk) -> Result<Bytes> {
        let Span { file: id, size, dek, range } = &mut self.span;
        let file = match self.file.take() {
            Some(file) => file,
            None => store.open_file(*id, *size, dek.as_deref())?,
        };
        let piece = file.read(range)?;
        range.start += piece.len() as u64;
        self.file = Some(file);
        Ok(piece)
    }
}
