//! Plans: what is made of a hostile source, and what is read back from the database.

use encode::first_frame::{AudioHeader, Headers, VideoHeader};
use encode::fuzzing;
use model::media::{Source, Stills, Storyboard};
use model::packaging::Configuration;
use model::plan::Medium;
use model::{FrameRate, Plan, testing};
use package::{Asset, Layout, Measured, Part, Request};
use serde_json::json;

use crate::delivery::REQUESTS;

/// `avcC` of x264 for 64×36, main profile, with VUI colours.
pub(crate) const AVCC: &str =
    "014d400affe1001b674d400aeca23fcf80b501010140000003004000000c03c489658001000468ef8fc8";

/// A source of so many frames with sound.
pub(crate) fn source(num: u32, den: u32, frames: u64, keyframes: Vec<u64>) -> Source {
    let rate = FrameRate::new(num, den).expect("a usual rate");
    let mut source = testing::film(640, 360, rate, frames);
    if let Some(video) = &mut source.video {
        video.keyframes = keyframes;
    }
    source
}

/// The plan of a source.
pub(crate) fn of(source: &Source) -> encode::Result<Plan> {
    let template = template::standard();
    let video = VideoHeader { codec: "avc1.4d400a".into(), avcc: AVCC.into() };
    let headers = Headers {
        video: vec![video; fuzzing::renditions(source, &template)],
        audio: AudioHeader { codec: "mp4a.40.2".into(), config: "1190".into() },
    };
    encode::plan::make(source, &template, &headers, "fuzz")
}

/// Holds what a plan promises: ascending boundaries over all frames, segments of about the wanted length, and for
/// every track each segment in exactly one chunk.
pub(crate) fn check(plan: &Plan, source: &Source) {
    let grid = &plan.grid;
    assert_eq!(grid.boundaries.first(), Some(&0));
    assert!(grid.boundaries.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", grid.boundaries);
    if let Some(video) = &source.video {
        assert_eq!((grid.frames(), grid.rate), (video.frames, video.rate));
    }
    // Boundary n is within a quarter of a segment of n segments; the tail may be of any length.
    let seconds = f64::from(template::standard().segment_seconds);
    let frames = (seconds * grid.rate.as_f64()).max(2.0);
    for (n, boundary) in grid.boundaries.iter().enumerate().take(grid.boundaries.len() - 1) {
        let off = (*boundary as f64 - n as f64 * frames).abs();
        assert!(off <= frames / 4.0 + 1.0, "boundary {n} is {off} frames off, of {frames}");
    }
    let media = plan.tracks().map(model::plan::Track::medium);
    for medium in media {
        let mut next = 0;
        for chunk in plan.chunks.iter().filter(|chunk| chunk.of == medium) {
            assert_eq!(chunk.segments.start, next, "{medium:?}");
            assert!(chunk.segments.end > next, "{medium:?}");
            next = chunk.segments.end;
            let first = grid.segment(chunk.segments.start).expect("a segment").start;
            assert!(chunk.decode_from <= first);
            let keyframes = source.video.as_ref().map(|video| &video.keyframes[..]).unwrap_or_default();
            assert!(chunk.of != Medium::Video || keyframes.contains(&chunk.decode_from));
        }
        assert_eq!(next, grid.segments(), "{medium:?}");
    }
}

/// A plan as it is stored, and all that can be asked of it without indexes.
pub(crate) fn stored_plan(bytes: &[u8]) {
    let (configuration, plan) = crate::input::first(bytes);
    let configuration: Configuration = serde_json::from_slice(configuration).unwrap_or_default();
    let Ok(plan) = serde_json::from_slice::<Plan>(plan) else { return };
    let written = serde_json::to_vec(&plan).expect("a plan can be written");
    assert_eq!(serde_json::from_slice::<Plan>(&written).ok(), Some(plan.clone()));
    let Ok(layout) = Layout::new(&plan, &configuration) else { return };
    let mut at = 0;
    for segment in layout.segments() {
        assert_eq!(segment.start, at);
        assert!(segment.end > at);
        at = segment.end;
    }
    assert_eq!(at, plan.grid.segments());
    let (measured, stills) = (measured(&plan), stills());
    let coming = Asset { plan: &plan, layout: &layout, measured: None, stills: None };
    let complete = Asset { measured: Some(&measured), stills: Some(&stills), ..coming };
    for (name, asset) in REQUESTS.iter().flat_map(|name| [(name, coming), (name, complete)]) {
        let request = Request::parse(name).expect("it can be asked for");
        let Ok(needed) = package::chunks(&request, &asset) else { continue };
        assert!(needed.iter().all(|(_, chunk)| plan.chunk(*chunk).is_some()));
        let Ok(answer) = package::answer(&request, &asset, &[]) else { continue };
        assert_eq!(answer.length, answer.parts.iter().map(Part::length).sum::<u64>(), "{name}");
    }
}

/// Sizes of all that a plan has, each segment as large.
fn measured(plan: &Plan) -> Measured {
    let bytes = vec![70_000; plan.grid.segments() as usize];
    let tracks: Vec<_> = plan.tracks().map(|track| json!({"track": track, "bytes": bytes})).collect();
    serde_json::from_value(json!({"tracks": tracks})).expect("sizes")
}

/// A poster and a storyboard.
pub(crate) fn stills() -> Stills {
    let (columns, rows) = (10, 10);
    let board = Storyboard { tile_width: 160, tile_height: 90, columns, rows, interval_ms: 1000, count: 101 };
    Stills { posters: vec![640], storyboard: Some(board), are_first: false }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_film_has_a_plan_that_keeps_its_promises(
            (num, den) in prop_oneof![Just((24, 1)), Just((30_000, 1001)), (1_u32..120, Just(1)), (1000_u32..120_000, Just(1001))],
            frames in 1_u64..30_000,
            mut keyframes in proptest::collection::vec(0_u64..30_000, 0..60),
        ) {
            prop_assume!(f64::from(num) / f64::from(den) >= 1.0);
            keyframes.push(0);
            keyframes.retain(|key| *key < frames);
            keyframes.sort_unstable();
            keyframes.dedup();
            let source = source(num, den, frames, keyframes);
            prop_assume!(source.duration_ms > 0);
            let plan = of(&source).unwrap();
            check(&plan, &source);
            let stored: Plan = serde_json::from_slice(&serde_json::to_vec(&plan).unwrap()).unwrap();
            prop_assert_eq!(stored, plan);
        }
    }
}
