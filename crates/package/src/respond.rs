//! From a request to an answer.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::packaging::Package;
use model::plan::Track;

use crate::answer::push_copy;
use crate::hls::{self, Iframe, Place};
use crate::index::{self, Index};
use crate::{
    Answer, Asset, Cache, Container, Error, Part, Request, Result, TrackInit, cmaf, dash, progressive,
    storyboard, ts, webvtt,
};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const VTT: &str = "text/vtt; charset=utf-8";

/// Names the chunks whose indexes [`answer`] needs, in order, each once.
pub fn chunks(request: &Request, asset: &Asset<'_>) -> Result<Vec<(Track, u32)>> {
    if request.needs_all() && asset.measured.is_none() {
        return Err(Error::Incomplete);
    }
    let some = |track, number| -> Result<Vec<(Track, u32)>> {
        let mut list: Vec<u32> = delivered(asset, track, number)?.1.to_vec();
        list.dedup();
        Ok(list.into_iter().map(|chunk| (track, chunk)).collect())
    };
    let all = |track| -> Result<Vec<(Track, u32)>> {
        asset.check(track)?;
        let mut list = asset.layout.chunks(track)?.to_vec();
        list.dedup();
        Ok(list.into_iter().map(|chunk| (track, chunk)).collect())
    };
    match *request {
        Request::TimedSegment { track, time } => some(track, dash::number_at(asset, track, time)?),
        Request::Segment { container, track, number } => {
            let mut list = some(track, number)?;
            if let Some(sound) = hls::sound_of(asset, container, track) {
                list.extend(some(sound, number).or_else(without)?);
            }
            Ok(list)
        }
        Request::Captions(n) => all(Track::Captions(n)),
        Request::IframePlaylist(container, track) => {
            let mut list = all(track)?;
            if let Some(sound) = hls::sound_of(asset, container, track) {
                list.extend(all(sound)?);
            }
            Ok(list)
        }
        Request::Movie(movie) => {
            let mut list = Vec::new();
            for track in progressive::tracks(asset, movie)? {
                list.extend(all(track)?);
            }
            Ok(list)
        }
        _ => Ok(Vec::new()),
    }
}

/// The delivered segment that a request names, by its number or by its start, and its track; `None` where it names none.
pub fn named_segment(request: &Request, asset: &Asset<'_>) -> Option<(Track, u32)> {
    match *request {
        Request::Segment { track, number, .. } => Some((track, number)),
        Request::TimedSegment { track, time } => Some((track, dash::number_at(asset, track, time).ok()?)),
        _ => None,
    }
}

/// Answers a request. `indexes` are those of [`chunks`], in the same order. Still pictures are no packaging: who keeps
/// them answers for them.
pub fn answer(request: &Request, asset: &Asset<'_>, indexes: &[&Index]) -> Result<Answer> {
    let indexes = Indexes::new(chunks(request, asset)?, indexes)?;
    let playlist = |text: String| literal(PLAYLIST, text.into(), Cache::Immutable);
    let settled = if asset.measured.is_some() { Cache::Immutable } else { Cache::Revalidate };
    match *request {
        Request::Multivariant => {
            let container = match asset.layout.configuration().package {
                Package::Hls => Container::Ts,
                Package::Cmaf | Package::Dash => Container::Cmaf,
            };
            Ok(literal(PLAYLIST, hls::multivariant(asset, container, Place::Root)?.into(), settled))
        }
        Request::TsMultivariant => {
            Ok(literal(PLAYLIST, hls::multivariant(asset, Container::Ts, Place::Folder)?.into(), settled))
        }
        Request::Mpd => Ok(literal("application/dash+xml", dash::mpd(asset)?.into(), settled)),
        Request::MediaPlaylist(container, track) => Ok(playlist(hls::media(asset, container, track)?)),
        Request::IframePlaylist(container, track) => {
            let list = match container {
                Container::Cmaf => indexes.cmaf_iframes(asset, track)?,
                Container::Ts => indexes.ts_iframes(asset, track)?,
            };
            Ok(playlist(hls::iframes(asset, container, track, &list)?))
        }
        Request::Init(track) => {
            let init = cmaf::init(&TrackInit::of(asset.plan, track)?)?;
            Ok(literal(content_type(track), init, Cache::Immutable))
        }
        Request::Segment { container, track: Track::Captions(n), number } => {
            let start = match container {
                Container::Cmaf => 0,
                Container::Ts => ts::START,
            };
            captions(asset, &indexes, n, number, start)
        }
        Request::Segment { container: Container::Cmaf, track, number } => {
            segment(asset, track, number, &indexes)
        }
        Request::Segment { container: Container::Ts, track, number } => {
            let list = indexes.ts_segment(asset, track, number)?;
            let parts =
                list.into_iter().map(|of| Part::Transform { range: 0..of.length(), of: Arc::new(of) });
            Ok(made("video/mp2t", parts.collect()))
        }
        Request::TimedSegment { track, time } => {
            segment(asset, track, dash::number_at(asset, track, time)?, &indexes)
        }
        Request::Captions(n) => {
            let track = Track::Captions(n);
            let (chunk, index) = *indexes.list.first().ok_or(Error::NoTrack(track))?;
            let mut parts = Vec::new();
            push_copy(&mut parts, track, chunk.1, 0..index.bytes());
            Ok(made(VTT, parts))
        }
        Request::Movie(movie) => {
            let parts = progressive::movie(asset, movie, |track, k| indexes.segment(asset, track, k))?;
            let sound = matches!(progressive::tracks(asset, movie)?[..], [Track::Audio(_)]);
            Ok(made(if sound { "audio/mp4" } else { "video/mp4" }, parts))
        }
        Request::Poster(n) | Request::FirstPoster(n) => {
            Err(Error::NotThere { what: "poster", number: n.into() })
        }
        Request::Storyboard(n) => Err(Error::NotThere { what: "storyboard sheet", number: n.into() }),
        Request::StoryboardVtt => {
            let board = asset.stills.and_then(|stills| stills.storyboard);
            let board = board.ok_or(Error::NotThere { what: "storyboard", number: 0 })?;
            Ok(literal(VTT, storyboard::vtt(&board, asset.plan.duration_ms())?.into(), Cache::Immutable))
        }
    }
}

/// The indexes of stored chunks, by chunk.
struct Indexes<'a> {
    list: Vec<((Track, u32), &'a Index)>,
    at: HashMap<(Track, u32), &'a Index>,
}

impl<'a> Indexes<'a> {
    fn new(chunks: Vec<(Track, u32)>, indexes: &[&'a Index]) -> Result<Self> {
        if let Some((track, chunk)) = chunks.get(indexes.len()).copied() {
            return Err(Error::Index { track, chunk, segment: 0 });
        }
        let list: Vec<_> = chunks.into_iter().zip(indexes.iter().copied()).collect();
        Ok(Self { at: list.iter().copied().collect(), list })
    }

    /// A grid segment and the chunk it is in.
    fn segment(&self, asset: &Asset<'_>, track: Track, k: u32) -> Result<(u32, &'a index::Segment)> {
        let chunk = asset.layout.chunks(track)?.get(k as usize).copied();
        let chunk = chunk.ok_or(Error::NoSegment { track, number: k })?;
        let index = self.at.get(&(track, chunk)).and_then(|index| index.segment(k));
        Ok((chunk, index.ok_or(Error::Index { track, chunk, segment: k })?))
    }

    fn segments(
        &self,
        asset: &Asset<'_>,
        track: Track,
        grid: &Range<u32>,
    ) -> Result<Vec<(u32, &'a index::Segment)>> {
        grid.clone().map(|k| self.segment(asset, track, k)).collect()
    }

    fn ts_segment(&self, asset: &Asset<'_>, track: Track, number: u32) -> Result<Vec<ts::Transform>> {
        let (grid, _) = delivered(asset, track, number)?;
        let init = TrackInit::of(asset.plan, track)?;
        let main = ts::Stream { track, init: &init, segments: self.segments(asset, track, &grid)? };
        let Some(sound) = hls::sound_of(asset, Container::Ts, track) else {
            return ts::segment(grid.start, &main, None);
        };
        let init = TrackInit::of(asset.plan, sound)?;
        // A tail shorter than an AAC frame may hold none.
        let segments = match delivered(asset, sound, number) {
            Ok(_) => self.segments(asset, sound, &grid)?,
            Err(error) if error.is_not_found() => return ts::segment(grid.start, &main, None),
            Err(error) => return Err(error),
        };
        ts::segment(grid.start, &main, Some(&ts::Stream { track: sound, init: &init, segments }))
    }

    fn ts_iframes(&self, asset: &Asset<'_>, track: Track) -> Result<Vec<Iframe>> {
        let mut list = Vec::new();
        for (number, grid) in (0..).zip(asset.layout.segments()) {
            let ranges = ts::iframe(&self.ts_segment(asset, track, number)?);
            list.extend(grid.clone().zip(ranges).map(|(grid, range)| Iframe { number, grid, range }));
        }
        Ok(list)
    }

    /// From the `moof` to the end of the key frame; the `moof` speaks of more samples than follow, as it does in
    /// a segment whose transfer broke off.
    fn cmaf_iframes(&self, asset: &Asset<'_>, track: Track) -> Result<Vec<Iframe>> {
        let mut list = Vec::new();
        for (number, grid) in (0..).zip(asset.layout.segments()) {
            let mut at = 0;
            for k in grid.clone() {
                let (_, segment) = self.segment(asset, track, k)?;
                let length = segment.range.end - segment.range.start;
                let header = segment.data().start - segment.range.start;
                if let Some(first) = segment.samples.first().filter(|s| s.sync) {
                    let range = at..at + header + u64::from(first.size);
                    list.push(Iframe { number, grid: k, range });
                }
                at += length;
            }
        }
        Ok(list)
    }
}

fn literal(content_type: &'static str, bytes: Bytes, cache: Cache) -> Answer {
    Answer { content_type, length: bytes.len() as u64, parts: vec![Part::Literal(bytes)], cache }
}

fn made(content_type: &'static str, parts: Vec<Part>) -> Answer {
    let length = parts.iter().map(Part::length).sum();
    Answer { content_type, length, parts, cache: Cache::Immutable }
}

fn content_type(track: Track) -> &'static str {
    match track {
        Track::Video(_) => "video/mp4",
        Track::Audio(_) => "audio/mp4",
        Track::Captions(_) => VTT,
    }
}

/// Nothing where a segment holds nothing.
fn without<T>(error: Error) -> Result<Vec<T>> {
    if error.is_not_found() { Ok(Vec::new()) } else { Err(error) }
}

/// Grid segments of a delivered segment and the chunk of each.
fn delivered<'a>(asset: &Asset<'a>, track: Track, number: u32) -> Result<(Range<u32>, &'a [u32])> {
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

fn segment(asset: &Asset<'_>, track: Track, number: u32, indexes: &Indexes<'_>) -> Result<Answer> {
    let (grid, _) = delivered(asset, track, number)?;
    let mut parts: Vec<Part> = Vec::new();
    for (chunk, segment) in indexes.segments(asset, track, &grid)? {
        push_copy(&mut parts, track, chunk, segment.range.clone());
    }
    Ok(made(content_type(track), parts))
}

/// A segment of captions: every cue that is shown at any time of it (RFC 8216 §3.5).
fn captions(asset: &Asset<'_>, indexes: &Indexes<'_>, n: u16, number: u32, start: u64) -> Result<Answer> {
    let track = Track::Captions(n);
    let (grid, _) = delivered(asset, track, number)?;
    let boundary = |k: u32| {
        let frame = asset.plan.grid.boundaries.get(k as usize).ok_or(Error::NoSegment { track, number })?;
        Ok::<_, Error>(asset.plan.grid.ticks(*frame, 1000))
    };
    let shown = boundary(grid.start)?..boundary(grid.end)?;
    let head = format!("WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:{start}\n\n");
    let mut parts = vec![Part::Literal(head.into())];
    for ((track, chunk), index) in &indexes.list {
        for range in webvtt::shown(index, &shown) {
            push_copy(&mut parts, *track, *chunk, range);
        }
    }
    Ok(made(VTT, parts))
}
