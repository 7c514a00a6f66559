//! How much work a chunk of a track is, and which ones make a title playable.

use model::Plan;
use model::plan::{Chunk, Track};

/// Cost of encoding a second of audio, in pixels of video.
const AUDIO_SECOND: u64 = 4_000_000;

/// Cost of extracting a second of captions, in pixels of video.
const CAPTIONS_SECOND: u64 = 200_000;

/// Work of one chunk of one track, in encoded pixels; at least 1, at most 2⁴⁰ so that sums stay exact.
pub(crate) fn of(plan: &Plan, track: Track, chunk: &Chunk) -> u64 {
    let frames = plan.grid.length(&chunk.segments);
    let weight = match track {
        Track::Video(n) => plan.renditions.get(usize::from(n)).map_or(0, |rendition| {
            frames.saturating_mul(u64::from(rendition.width)).saturating_mul(u64::from(rendition.height))
        }),
        Track::Audio(_) => plan.grid.rate.frame_ms(frames).saturating_mul(AUDIO_SECOND) / 1000,
        Track::Captions(_) => plan.grid.rate.frame_ms(frames).saturating_mul(CAPTIONS_SECOND) / 1000,
    };
    weight.clamp(1, 1 << 40)
}

/// Chunk rows and work of a whole plan.
pub(crate) fn total(plan: &Plan) -> (u64, u64) {
    let (mut rows, mut weight) = (0, 0_u64);
    for chunk in &plan.chunks {
        for track in plan.tracks_of(chunk) {
            rows += 1;
            weight += of(plan, track, chunk);
        }
    }
    (rows, weight)
}

/// The chunks that hold the first segment of the lowest rendition and of the default audio.
pub(crate) fn head(plan: &Plan) -> Vec<(Track, u32)> {
    let lowest = (0..).zip(&plan.renditions).min_by_key(|(_, r)| u64::from(r.width) * u64::from(r.height));
    let video = lowest.map(|(n, _)| Track::Video(n));
    let audio = (!plan.audio.is_empty()).then_some(Track::Audio(0));
    video.into_iter().chain(audio).filter_map(|track| Some((track, plan.chunk_of(track, 0)?))).collect()
}
