//! Segments of chunks that are still being encoded, for viewers who wait for them.
//!
//! They are kept in the memory of the process that encodes, only for chunks that a viewer waits for, and only until
//! the chunk is stored, where the same bytes are, unless its encode had to begin again. Elsewhere viewers wait for the
//! whole chunk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use model::Generation;
use model::plan::Track;
use package::Index;

use crate::Pipeline;
use crate::work::OfChunk;

/// Bytes that are kept in all; what comes beyond is not shown early.
const MAX_BYTES: usize = 128 << 20;

/// The beginning of a chunk of a track.
#[derive(Debug)]
pub struct Early {
    /// Its segments.
    pub index: Index,
    /// Their bytes.
    pub bytes: Bytes,
}

/// Segments that are shown early now.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<Name, Arc<Early>>>);

/// Generation, chunk, track.
type Name = (Generation, u32, Track);

/// A chunk that is being encoded; what was shown of it is forgotten when this is dropped.
#[derive(Debug)]
pub struct Showing {
    pipeline: Pipeline,
    generation: Generation,
    chunk: u32,
}

impl Pipeline {
    /// The beginning of a chunk that is being encoded in this process, if it is shown.
    pub fn early(&self, generation: Generation, track: Track, chunk: u32) -> Option<Arc<Early>> {
        self.shown.lock().get(&(generation, chunk, track)).cloned()
    }

    /// A worker begins to encode a chunk.
    pub fn showing(&self, of: &OfChunk) -> Showing {
        Showing { pipeline: self.clone(), generation: of.generation, chunk: of.chunk }
    }
}

impl Showing {
    /// Whether a viewer waits for the chunk.
    pub fn is_wanted(&self) -> bool {
        self.pipeline.demand.is_wanted(self.pipeline.db.now(), self.generation, self.chunk)
    }

    /// Shows the beginning of a track, in place of what was shown before. What was shown stays where there is no space
    /// for more.
    pub fn show(&self, track: Track, early: Early) {
        if self.pipeline.shown.put((self.generation, self.chunk, track), early) {
            self.pipeline.changes.send_replace(());
        }
    }

    /// Forgets what was shown.
    pub fn clear(&self) {
        self.pipeline
            .shown
            .lock()
            .retain(|(generation, chunk, _), _| (*generation, *chunk) != (self.generation, self.chunk));
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Early>>> {
        runtime::lock(&self.0)
    }

    /// Keeps a beginning in place of the one before it, if there is space; answers whether there was.
    fn put(&self, name: Name, early: Early) -> bool {
        let mut shown = self.lock();
        let others = shown.iter().filter(|(other, _)| **other != name);
        let bytes: usize = others.map(|(_, early)| early.bytes.len()).sum();
        let fits = bytes + early.bytes.len() <= MAX_BYTES;
        if fits {
            shown.insert(name, Arc::new(early));
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_when_there_is_no_room_for_more() {
        let (shown, name) = (Shown::default(), (Generation::new(), 0, Track::Video(0)));
        let early = |bytes| Early { index: Index::default(), bytes: vec![0; bytes].into() };
        let length = |name| shown.lock().get(&name).map(|early| early.bytes.len());
        assert!(shown.put(name, early(MAX_BYTES / 2 + 1)));
        assert!(shown.put(name, early(MAX_BYTES)), "what it replaces does not count");
        assert!(!shown.put(name, early(MAX_BYTES + 1)));
        assert_eq!(length(name), Some(MAX_BYTES), "segments that were offered are still there");
        let other = (name.0, 1, name.2);
        assert!(!shown.put(other, early(1)));
        assert_eq!(length(other), None);
    }
}
