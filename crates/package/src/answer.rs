//! The parts of an answer: its length is known before anything is fetched.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::plan::Track;

use crate::ts::Transform;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Bytes in all.
    pub length: u64,
    /// The parts of the body, in order.
    pub parts: Vec<Part>,
    /// How long the answer holds.
    pub cache: Cache,
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Literal(Bytes),
    /// Bytes of a stored chunk.
    Copy {
        /// The track.
        track: Track,
        /// The chunk's number in the plan.
        chunk: u32,
        /// Bytes of the stored chunk; never empty.
        range: Range<u64>,
    },
    /// Bytes that are made of bytes of stored chunks.
    Transform {
        /// The reads, and the transformation of their bytes.
        of: Arc<Transform>,
        /// The range of the transformed bytes; never empty.
        range: Range<u64>,
    },
}

/// How long an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// For ever: the path names a generation.
    Immutable,
    /// Until the asset is complete: ask again soon.
    Revalidate,
}

impl Answer {
    /// The parts of a byte range of the body; empty where the range leaves the body.
    pub fn slice(&self, range: &Range<u64>) -> Vec<Part> {
        let (mut parts, mut at) = (Vec::new(), 0_u64);
        for part in &self.parts {
            let length = part.length();
            let from = range.start.clamp(at, at + length) - at;
            let to = range.end.clamp(at, at + length) - at;
            at += length;
            if from < to {
                parts.push(part.slice(from..to));
            }
        }
        parts
    }
}

impl Part {
    /// Bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Copy { range, .. } | Self::Transform { range, .. } => range.end - range.start,
        }
    }

    fn slice(&self, within: Range<u64>) -> Self {
        match self {
            Self::Literal(bytes) => Self::Literal(bytes.slice(within.start as usize..within.end as usize)),
            Self::Copy { track, chunk, range } => Self::Copy {
                track: *track,
                chunk: *chunk,
                range: range.start + within.start..range.start + within.end,
            },
            Self::Transform { of, range } => Self::Transform {
                of: of.clone(),
                range: range.start + within.start..range.start + within.end,
            },
        }
    }
}

/// Appends a range of a stored chunk; one that continues the last part extends it.
pub(crate) fn push_copy(parts: &mut Vec<Part>, track: Track, chunk: u32, range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    match parts.last_mut() {
        Some(Part::Copy { track: same, chunk: last, range: before })
            if *same == track && *last == chunk && before.end == range.start =>
        {
            before.end = range.end;
        }
        _ => parts.push(Part::Copy { track, chunk, range }),
    }
}
