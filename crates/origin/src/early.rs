//! Segments of chunks that are still being encoded: answers made in memory, kept by caches for seconds only.
//!
//! The body is the one that the stored chunk will give; only the `ETag` is another, which costs who resumes a
//! download across that moment the part that he had.

use std::sync::Arc;

use bytes::Bytes;
use model::plan::Track;
use package::{Cache, Index, Input, Part};
use pipeline::Early;

use crate::error::{Error, Result};
use crate::ready::{Read, Ready};
use crate::store::{Named, Store, Stored};

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
            Some(Chunk::Early(early)) => {
                let wanted = start as usize..end as usize;
                Ok(if wanted.end <= early.bytes.len() { early.bytes.slice(wanted) } else { Bytes::new() })
            }
            None => Err(Arc::new(Error::Interrupted)),
        }
    }
}
