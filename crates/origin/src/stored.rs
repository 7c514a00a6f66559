//! A chunk that is stored: where its bytes are, and what lies where in them.

use std::sync::Arc;

use model::ObjectId;
use model::plan::Track;
use package::Index;

/// A chunk's place in the store and its index.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) track: Track,
    pub(crate) chunk: u32,
    pub(crate) object: ObjectId,
    pub(crate) sha256: [u8; 32],
    pub(crate) index: Arc<Index>,
}
