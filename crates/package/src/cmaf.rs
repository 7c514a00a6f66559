//! Writing CMAF (ISO 23000-19): init segments, and the header in front of each segment's samples.

mod init;
mod segment;

pub use init::init;
pub use segment::ChunkWriter;
