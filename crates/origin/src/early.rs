//! Segments of chunks that are still being encoded: answers made in memory, kept by caches for seconds only.
//!
//! The body is the one that the stored chunk will give, unless the chunk's encode has to begin again: then it may be
//! another. So the `ETag` is another in any case, and caches ask again; which costs who resumes a download across that
//! moment the part that he had.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::plan::Track;
use package::{Cache, Index, Input, Part};
use pipeline::Early;

use crate::error::{Error, Result};
use crate::ready::{Read, Ready};
use crate::store::{Named, Store};
use crate::stored::Stored;

/// Where a chunk's bytes are.
enum Chunk {
    Stored(Stored),
    Early(Arc<Early>),
}

impl Chunk {
    fn index(&self) -> &Index {
        match self {
            Self::Stored(stored) => &stored.index,
            Self::Early(early) => &early.index,
        }
    }
}

impl Store {
    /// The answer to a request for a segment that is written while the rest of its chunk is not; `None` where it is
    /// not there either.
    pub(crate) async fn early(&self, named: Named) -> Result<Option<Arc<Ready>>> {
        let Some(laid) = self.laid(named).await? else { return Ok(None) };
        let Ok(needed) = package::chunks(&named.request, &laid.asset()) else { return Ok(None) };
        let mut chunks = vec![];
        for (track, chunk) in needed {
            let found = match self.waiting.pipeline.early(named.generation, track, chunk) {
                Some(early) => Chunk::Early(early),
                None => match self.stored(named.generation, track, chunk, 0).await {
                    Ok(stored) => Chunk::Stored(stored),
                    Err(error) if matches!(*error, Error::NotYet { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                },
            };
            chunks.push(((track, chunk), found));
        }
        let indexes: Vec<&Index> = chunks.iter().map(|(_, chunk)| chunk.index()).collect();
        // The segment may be one of those that are still missing.
        let Ok(mut answer) = package::answer(&named.request, &laid.asset(), &indexes) else {
            return Ok(None);
        };
        for part in &mut answer.parts {
            let bytes = match part {
                Part::Literal(bytes) => bytes.clone(),
                Part::Copy { track, chunk, range } => {
                    let of = Input { track: *track, chunk: *chunk, range: range.clone() };
                    self.bytes(&chunks, &of).await?
                }
                Part::Transform { of, range } => {
                    let mut read = vec![];
                    for input in of.inputs() {
                        read.push(self.bytes(&chunks, input).await?);
                    }
                    let made = of.write(&read).map_err(|error| Arc::new(Error::from(error)))?;
                    made.slice(range.start as usize..range.end as usize)
                }
            };
            *part = Part::Literal(bytes);
        }
        // Whether the encoder was content with all of it is known when the chunk is whole: nobody keeps this for long.
        answer.cache = Cache::Revalidate;
        Ok(Some(Arc::new(Ready::new(answer, &[]))))
    }

    async fn bytes(&self, chunks: &[((Track, u32), Chunk)], of: &Input) -> Result<Bytes> {
        let found = chunks.iter().find(|(name, _)| *name == (of.track, of.chunk));
        let (start, end) = (of.range.start, of.range.end);
        match found.map(|(_, chunk)| chunk) {
            Some(Chunk::Stored(stored)) => self.read(Read { object: stored.object, start, end }).await,
            Some(Chunk::Early(early)) => piece(&early.bytes, &of.range),
            None => Err(Arc::new(Error::Interrupted)),
        }
    }
}

/// A range of the bytes that are there: what the index names beyond them is a fault, and no end of the answer.
fn piece(bytes: &Bytes, range: &Range<u64>) -> Result<Bytes> {
    let have = bytes.len() as u64;
    if range.start > range.end || range.end > have {
        return Err(Arc::new(Error::Behind { end: range.end, have }));
    }
    // Both fit: they lie within what is in memory.
    Ok(bytes.slice(range.start as usize..range.end as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_empty_piece() {
        let bytes = Bytes::from_static(b"0123456789");
        assert_eq!(piece(&bytes, &(2..10)).unwrap(), "23456789");
        assert_eq!(piece(&bytes, &(10..10)).unwrap(), "");
        for behind in [5..11, 20..30, 0..u64::MAX] {
            let refused = piece(&bytes, &behind).unwrap_err();
            assert!(matches!(*refused, Error::Behind { end, have: 10 } if end == behind.end), "{refused}");
        }
    }
}
