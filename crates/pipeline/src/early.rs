//! Segments of chunks that are still being encoded, for viewers who wait for them.
//!
//! They are kept in the memory of the process that encodes, only for chunks that a viewer waits for, and only until
//! the chunk is stored, where the same bytes are. Elsewhere viewers wait for the whole chunk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Generation;
use model::plan::Track;
use package::Index;

use crate::Pipeline;
use crate::work::OfChunk;

/// Bytes that are kept in all; what comes beyond is not shown early.
const MOST_BYTES: usize = 128 << 20;

/// The beginning of a chunk of a track.
#[derive(Debug)]
pub struct Early {
    /// Its segments.
    pub index: Index,
    /// Their bytes.
    pub bytes: Vec<u8>,
}

/// What is shown early now.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<(Generation, u32, Track), Arc<Early>>>);

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
        self.shown.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(generation, chunk, track)).cloned()
    }

    /// A worker begins to encode a chunk.
    pub fn showing(&self, of: &OfChunk) -> Showing {
        Showing { pipeline: self.clone(), generation: of.generation, chunk: of.chunk }
    }
}

impl Showing {
    /// Whether a viewer waits for the chunk.
    pub fn is_wanted(&self) -> bool {
        self.pipeline.demand.is_wanted(crate::now(), self.generation, self.chunk)
    }

    /// Shows the beginning of a track, in place of what was shown before.
    pub fn show(&self, track: Track, early: Early) {
        let mut shown = self.pipeline.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.remove(&(self.generation, self.chunk, track));
        let bytes: usize = shown.values().map(|early| early.bytes.len()).sum();
        if bytes + early.bytes.len() <= MOST_BYTES {
            shown.insert((self.generation, self.chunk, track), Arc::new(early));
        }
        drop(shown);
        self.pipeline.changes.send_replace(());
    }

    /// Forgets what was shown.
    pub fn clear(&self) {
        let mut shown = self.pipeline.shown.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|(generation, chunk, _), _| (*generation, *chunk) != (self.generation, self.chunk));
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.clear();
    }
}
