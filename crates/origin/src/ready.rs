//! An answer with everything that its head and body need.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::HeaderValue;
use model::ObjectId;
use package::{Answer, Part};

use crate::store::Stored;

/// An answer that can be sent any number of times.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) answer: Answer,
    /// Strong, from the content: equal on every origin.
    pub(crate) etag: HeaderValue,
    /// The chunks that parts copy from, each once.
    sources: Vec<Stored>,
}

/// A piece of a body, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(Bytes),
    Read(Read),
}

/// One read of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    pub(crate) object: ObjectId,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Most bytes of one read.
const READ_BYTES: u64 = 512 << 10;

impl Ready {
    /// `sources` are the chunks whose indexes the answer was planned with.
    pub(crate) fn new(answer: Answer, sources: Vec<Stored>) -> Self {
        let etag = etag(&answer, &sources);
        Self { answer, etag, sources }
    }

    /// The pieces of a byte range of the body.
    pub(crate) fn pieces(&self, range: &std::ops::Range<u64>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for part in self.answer.slice(range) {
            match part {
                Part::Literal(bytes) => pieces.push(Piece::Literal(bytes)),
                Part::Copy { track, chunk, range } => {
                    let source = find(&self.sources, track, chunk);
                    let mut start = range.start;
                    while start < range.end {
                        let end = range.end.min(start + READ_BYTES);
                        pieces.push(Piece::Read(Read { object: source.object, start, end }));
                        start = end;
                    }
                }
            }
        }
        pieces
    }

    /// Roughly the memory it takes.
    pub(crate) fn weight(&self) -> u32 {
        let literal: u64 = self
            .answer
            .parts
            .iter()
            .map(|p| if let Part::Literal(b) = p { b.len() as u64 } else { 64 })
            .sum();
        u32::try_from(literal + 512).unwrap_or(u32::MAX)
    }
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
        }
    }
    let text = format!("\"{}\"", hex::encode(&hash.finish().as_ref()[..16]));
    HeaderValue::from_str(&text).expect("hex digits in quotes are a header value")
}
