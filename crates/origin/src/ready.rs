//! An answer with everything that its head and body need.

use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::HeaderValue;
use model::ObjectId;
use package::{Answer, Cache, Part, Transform};

use crate::store::Stored;

/// An answer that can be sent any number of times.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) answer: Answer,
    /// Strong, from the content: equal on every origin.
    pub(crate) etag: HeaderValue,
    /// The chunks that parts copy from, each once.
    sources: Vec<Stored>,
    /// An object that is the whole body.
    object: Option<ObjectId>,
}

/// A piece of a body, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(Bytes),
    Read(Read),
    /// What becomes of some reads, and which of those bytes.
    Transform {
        of: Arc<Transform>,
        reads: Vec<Read>,
        range: Range<u64>,
    },
}

/// One read of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    pub(crate) object: ObjectId,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Named in the ETag of what is transformed: to be changed when equal stored bytes become other bytes.
const TRANSFORM_VERSION: &[u8] = b"ts 1";

/// Most bytes of one read.
const READ_BYTES: u64 = 512 << 10;

impl Ready {
    /// `sources` are the chunks whose indexes the answer was planned with.
    pub(crate) fn new(answer: Answer, sources: Vec<Stored>) -> Self {
        let etag = etag(&answer, &sources);
        Self { answer, etag, sources, object: None }
    }

    /// An object as it is stored.
    pub(crate) fn object(object: &blob::Object, content_type: &'static str) -> Self {
        let etag = HeaderValue::from_str(&format!("\"{}\"", object.etag));
        let etag = etag.unwrap_or(HeaderValue::from_static("\"\""));
        let answer = Answer { content_type, length: object.size, parts: Vec::new(), cache: Cache::Immutable };
        Self { answer, etag, sources: Vec::new(), object: Some(object.id) }
    }

    /// The pieces of a byte range of the body.
    pub(crate) fn pieces(&self, range: &Range<u64>) -> Vec<Piece> {
        if let Some(object) = self.object {
            return reads(object, range).map(Piece::Read).collect();
        }
        let mut pieces = Vec::new();
        for part in self.answer.slice(range) {
            match part {
                Part::Literal(bytes) => pieces.push(Piece::Literal(bytes)),
                Part::Copy { track, chunk, range } => {
                    let source = find(&self.sources, track, chunk);
                    pieces.extend(reads(source.object, &range).map(Piece::Read));
                }
                Part::Transform { of, range } => {
                    let read = |input: &package::Input| Read {
                        object: find(&self.sources, input.track, input.chunk).object,
                        start: input.range.start,
                        end: input.range.end,
                    };
                    let reads = of.inputs().iter().map(read).collect();
                    pieces.push(Piece::Transform { of, reads, range });
                }
            }
        }
        pieces
    }

    /// Roughly the memory it takes.
    pub(crate) fn weight(&self) -> u32 {
        let weight = |part: &Part| match part {
            Part::Literal(bytes) => bytes.len() as u64,
            Part::Copy { .. } => 64,
            Part::Transform { of, .. } => of.weight(),
        };
        let parts: u64 = self.answer.parts.iter().map(weight).sum();
        u32::try_from(parts + 512).unwrap_or(u32::MAX)
    }
}

/// Reads of a bounded size that make up a range of an object.
fn reads(object: ObjectId, range: &Range<u64>) -> impl Iterator<Item = Read> + use<> {
    let (mut start, last) = (range.start, range.end);
    std::iter::from_fn(move || {
        let end = last.min(start + READ_BYTES);
        let read = Read { object, start, end };
        start = end;
        (read.start < read.end).then_some(read)
    })
}

fn find(sources: &[Stored], track: model::plan::Track, chunk: u32) -> &Stored {
    let found = sources.iter().find(|s| s.track == track && s.chunk == chunk);
    found.expect("an answer copies only from chunks it was planned with")
}

fn etag(answer: &Answer, sources: &[Stored]) -> HeaderValue {
    let mut hash = Context::new(&SHA256);
    for part in &answer.parts {
        match part {
            Part::Literal(bytes) => hash.update(bytes),
            Part::Copy { track, chunk, range } => {
                hash.update(&find(sources, *track, *chunk).sha256);
                hash.update(&range.start.to_be_bytes());
                hash.update(&range.end.to_be_bytes());
            }
            Part::Transform { of, range } => {
                hash.update(TRANSFORM_VERSION);
                for input in of.inputs() {
                    hash.update(&find(sources, input.track, input.chunk).sha256);
                    hash.update(&input.range.start.to_be_bytes());
                    hash.update(&input.range.end.to_be_bytes());
                }
                hash.update(&range.start.to_be_bytes());
                hash.update(&range.end.to_be_bytes());
            }
        }
    }
    let text = format!("\"{}\"", hex::encode(&hash.finish().as_ref()[..16]));
    HeaderValue::from_str(&text).expect("hex digits in quotes are a header value")
}
