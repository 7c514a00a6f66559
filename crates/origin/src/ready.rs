//! An answer with everything that its head and body need.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::HeaderValue;
use model::ObjectId;
use model::plan::Track;
use package::{Answer, Cache, Part, Transform};

use crate::stored::Stored;

/// An answer that can be sent any number of times.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) answer: Answer,
    /// Strong, from the content: equal on every origin.
    pub(crate) etag: HeaderValue,
    /// The objects of the chunks that parts copy from. Their indexes are not kept: the cache of answers counts what
    /// an answer is, not what it was planned with.
    objects: HashMap<(Track, u32), ObjectId>,
    /// An object that is the whole body.
    object: Option<ObjectId>,
}

/// A piece of a body, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(Bytes),
    Read(Read),
    /// The result of some reads, and which of its bytes.
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

/// Roughly the memory that a part without bytes takes, and an entry of a map.
const ENTRY_BYTES: u64 = 64;

impl Ready {
    /// `sources` are the chunks whose indexes the answer was planned with.
    pub(crate) fn new(answer: Answer, sources: &[Stored]) -> Self {
        let sources = sources.iter().map(|s| ((s.track, s.chunk), s)).collect();
        let (etag, objects) = (etag(&answer, &sources), objects(&answer, &sources));
        Self { answer, etag, objects, object: None }
    }

    /// An object as it is stored.
    ///
    /// # Errors
    /// [`blob::Error::Row`] if its ETag is invalid: a cache would take all objects without one for the same.
    pub(crate) fn object(object: &blob::Object, content_type: &'static str) -> blob::Result<Self> {
        let etag = HeaderValue::from_str(&format!("\"{}\"", object.etag));
        let etag = etag.map_err(|error| blob::Error::Row(format!("ETag of {}: {error}", object.id)))?;
        let answer = Answer { content_type, length: object.size, parts: Vec::new(), cache: Cache::Immutable };
        Ok(Self { answer, etag, objects: HashMap::new(), object: Some(object.id) })
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
                    pieces.extend(reads(*find(&self.objects, track, chunk), &range).map(Piece::Read));
                }
                Part::Transform { of, range } => {
                    let read = |input: &package::Input| Read {
                        object: *find(&self.objects, input.track, input.chunk),
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
            Part::Copy { .. } => ENTRY_BYTES,
            Part::Transform { of, .. } => of.weight(),
        };
        let parts: u64 = self.answer.parts.iter().map(weight).sum();
        let objects = self.objects.len() as u64 * ENTRY_BYTES;
        u32::try_from(parts + objects + 512).unwrap_or(u32::MAX)
    }
}

/// Reads that make up a range of an object, none of which takes long.
fn reads(object: ObjectId, range: &Range<u64>) -> impl Iterator<Item = Read> + use<> {
    let (mut start, last) = (range.start, range.end);
    std::iter::from_fn(move || {
        let end = last.min(blob::next_read(start));
        let read = Read { object, start, end };
        start = end;
        (read.start < read.end).then_some(read)
    })
}

type Sources<'a> = HashMap<(Track, u32), &'a Stored>;

fn find<T>(chunks: &HashMap<(Track, u32), T>, track: Track, chunk: u32) -> &T {
    chunks.get(&(track, chunk)).expect("an answer copies only from chunks it was planned with")
}

/// The objects that parts copy from.
fn objects(answer: &Answer, sources: &Sources<'_>) -> HashMap<(Track, u32), ObjectId> {
    let mut objects = HashMap::new();
    let mut note = |track, chunk| {
        objects.insert((track, chunk), find(sources, track, chunk).object);
    };
    for part in &answer.parts {
        match part {
            Part::Literal(_) => {}
            Part::Copy { track, chunk, .. } => note(*track, *chunk),
            Part::Transform { of, .. } => of.inputs().iter().for_each(|input| note(input.track, input.chunk)),
        }
    }
    objects
}

fn etag(answer: &Answer, sources: &Sources<'_>) -> HeaderValue {
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

#[cfg(test)]
mod tests {
    use package::Index;

    use super::*;

    #[test]
    fn what_has_no_usable_etag_is_no_answer() {
        let object = |etag: &str| blob::Object {
            id: ObjectId::new(),
            bucket: model::BucketName::media(),
            key: "poster/320.jpg".parse().unwrap(),
            size: 9,
            etag: etag.into(),
            checksum: None,
            attributes: blob::Attributes::default(),
            created_at: model::Timestamp(0),
        };
        assert_eq!(Ready::object(&object("0f"), "image/jpeg").unwrap().etag, "\"0f\"");
        let damaged = Ready::object(&object("0\n"), "image/jpeg");
        assert!(matches!(damaged, Err(blob::Error::Row(_))), "{damaged:?}");
    }

    #[test]
    fn an_answer_keeps_no_index_and_weighs_what_it_keeps() {
        let index = Arc::new(Index::default());
        let stored = |chunk| Stored {
            track: Track::Audio(0),
            chunk,
            object: ObjectId::new(),
            sha256: [0; 32],
            index: index.clone(),
        };
        let sources: Vec<Stored> = (0..100).map(stored).collect();
        let ready = |parts: Vec<Part>| {
            let length = parts.iter().map(Part::length).sum();
            let answer = Answer { content_type: "text/plain", length, parts, cache: Cache::Immutable };
            Ready::new(answer, &sources)
        };
        let playlist = ready(vec![Part::Literal(Bytes::from_static(b"#EXTM3U"))]);
        let copy = |chunk| Part::Copy { track: Track::Audio(0), chunk, range: 0..10 };
        let movie = ready((1..100).map(copy).collect());
        assert!(playlist.objects.is_empty());
        assert!(u64::from(movie.weight() - playlist.weight()) > 99 * ENTRY_BYTES);
        let third = Read { object: sources[3].object, start: 2, end: 10 };
        assert_eq!(movie.pieces(&(22..30)), [Piece::Read(third)]);
        drop(sources);
        assert_eq!(Arc::strong_count(&index), 1);
    }
}
