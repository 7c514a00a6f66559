//! From a request to literal bytes and ranges to copy; the length is known before anything is fetched.

use std::ops::Range;

use bytes::Bytes;
use model::plan::Track;

use crate::index::Index;
use crate::{Asset, Error, Request, Result, TrackInit, cmaf, hls};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Bytes in all.
    pub length: u64,
    /// What the body consists of, in order.
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
}

/// How long an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// For ever: the path names a generation.
    Immutable,
    /// Until the asset is complete: ask again soon.
    Revalidate,
}

/// Names the chunks whose indexes [`plan`] needs, in order, each once.
pub fn chunks(request: &Request, asset: &Asset<'_>) -> Result<Vec<(Track, u32)>> {
    let Request::Segment { track, number } = *request else {
        return Ok(Vec::new());
    };
    let mut list: Vec<(Track, u32)> =
        run(asset, track, number)?.1.iter().map(|chunk| (track, *chunk)).collect();
    list.dedup();
    Ok(list)
}

/// Answers a request. `indexes` are those of [`chunks`], in the same order.
pub fn plan(request: &Request, asset: &Asset<'_>, indexes: &[&Index]) -> Result<Answer> {
    match *request {
        Request::Multivariant => {
            let cache = if asset.measured.is_some() { Cache::Immutable } else { Cache::Revalidate };
            Ok(literal(PLAYLIST, hls::multivariant(asset)?.into(), cache))
        }
        Request::MediaPlaylist(track) => {
            Ok(literal(PLAYLIST, hls::media(asset, track)?.into(), Cache::Immutable))
        }
        Request::Init(track) => {
            let init = cmaf::init(&TrackInit::of(asset.plan, track)?)?;
            Ok(literal(content_type(track), init, Cache::Immutable))
        }
        Request::Segment { track, number } => segment(asset, track, number, indexes),
    }
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
            Self::Copy { range, .. } => range.end - range.start,
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
        }
    }
}

fn literal(content_type: &'static str, bytes: Bytes, cache: Cache) -> Answer {
    Answer { content_type, length: bytes.len() as u64, parts: vec![Part::Literal(bytes)], cache }
}

fn content_type(track: Track) -> &'static str {
    match track {
        Track::Video(_) => "video/mp4",
        Track::Audio(_) => "audio/mp4",
        Track::Captions(_) => "text/vtt",
    }
}

/// Grid segments of a delivered segment and the chunk of each.
fn run<'a>(asset: &Asset<'a>, track: Track, number: u32) -> Result<(Range<u32>, &'a [u32])> {
    asset.check(track)?;
    let missing = Error::NoSegment { track, number };
    let layout: &'a crate::Layout = asset.layout;
    let segments = layout.segments().get(number as usize).ok_or(missing.clone())?.clone();
    if asset.micros(track, &segments)? == 0 {
        return Err(missing);
    }
    let chunks = layout.chunks(track)?.get(segments.start as usize..segments.end as usize);
    Ok((segments, chunks.ok_or(Error::Plan("it was laid out with another grid"))?))
}

fn segment(asset: &Asset<'_>, track: Track, number: u32, indexes: &[&Index]) -> Result<Answer> {
    let (segments, chunks) = run(asset, track, number)?;
    let (mut parts, mut length): (Vec<Part>, u64) = (Vec::new(), 0);
    let mut indexes = indexes.iter();
    let mut current: Option<(u32, &Index)> = None;
    for (grid_segment, &chunk) in segments.zip(chunks) {
        let wrong = Error::Index { track, chunk, segment: grid_segment };
        let index = match current {
            Some((same, index)) if same == chunk => index,
            _ => indexes.next().ok_or(wrong.clone())?,
        };
        current = Some((chunk, index));
        let range = index.segment(grid_segment).ok_or(wrong)?.range.clone();
        length += range.end - range.start;
        if range.is_empty() {
            continue;
        }
        match parts.last_mut() {
            Some(Part::Copy { chunk: last, range: before, .. })
                if *last == chunk && before.end == range.start =>
            {
                before.end = range.end;
            }
            _ => parts.push(Part::Copy { track, chunk, range }),
        }
    }
    Ok(Answer { content_type: content_type(track), length, parts, cache: Cache::Immutable })
}
