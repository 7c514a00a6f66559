//! Requests below an asset's path, and bodies that are made of stored bytes.

use std::sync::LazyLock;

use model::Plan;
use model::packaging::Configuration;
use model::plan::{CaptionOrigin, CaptionTrack, Chunk, Medium, Track};
use package::{Asset, Index, Layout, Part, Request};

use crate::files::SHORT;

/// A path: it has one spelling, or is nothing.
pub(crate) fn request(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    if let Some(request) = Request::parse(path) {
        assert_eq!(request.to_string(), path);
    }
}

/// The short film with captions.
static FILM: LazyLock<Plan> = LazyLock::new(|| {
    let mut plan = SHORT.clone();
    plan.captions.push(CaptionTrack {
        from: CaptionOrigin::Stream(2),
        language: "en".into(),
        label: None,
        forced: false,
        hearing_impaired: false,
    });
    plan.chunks.push(Chunk { of: Medium::Captions(0), segments: 0..3, decode_from: 0 });
    plan
});

static LAYOUT: LazyLock<Layout> =
    LazyLock::new(|| Layout::new(&FILM, &Configuration::default()).expect("the film is whole"));

/// Requests below an asset's path: one of each kind and more.
pub(crate) const REQUESTS: [&str; 27] = [
    "index.m3u8",
    "v0.m3u8",
    "a0.m3u8",
    "c0.m3u8",
    "v0-iframes.m3u8",
    "v0/init.mp4",
    "a0/init.mp4",
    "v0/0.m4s",
    "a0/0.m4s",
    "a0/1.m4s",
    "v0/t0.m4s",
    "a0/t48128.m4s",
    "c0/0.vtt",
    "c0.vtt",
    "ts/index.m3u8",
    "ts/v0.m3u8",
    "ts/a0.m3u8",
    "ts/v0-iframes.m3u8",
    "ts/v0/0.ts",
    "ts/a0/0.ts",
    "ts/c0/0.vtt",
    "index.mpd",
    "index.mp4",
    "v0.mp4",
    "v0-a0.mp4",
    "a0.mp4",
    "storyboard.vtt",
];

/// Stored bytes and an index that belong together or not: what is made has the length that was announced, or an error.
pub(crate) fn transport_stream(bytes: &[u8]) {
    let (video, rest) = crate::input::first(bytes);
    let (audio, stored) = crate::input::first(rest);
    let (Ok(video), Ok(audio)) = (Index::decode(video), Index::decode(audio)) else { return };
    let asset = Asset { plan: &FILM, layout: &LAYOUT, measured: None, stills: None };
    for name in REQUESTS {
        let request = Request::parse(name).expect("it can be asked for");
        let Ok(needed) = package::chunks(&request, &asset) else { continue };
        if needed.is_empty() {
            continue;
        }
        let of = |track: &Track| if matches!(track, Track::Video(_)) { &video } else { &audio };
        let indexes: Vec<&Index> = needed.iter().map(|(track, _)| of(track)).collect();
        let Ok(answer) = package::answer(&request, &asset, &indexes) else { continue };
        assert!(answer.parts.iter().all(|part| part.length() > 0), "{name}");
        assert_eq!(answer.length, answer.parts.iter().map(Part::length).sum::<u64>());
        let half = answer.length / 2;
        let (first, second) = (answer.slice(&(0..half)), answer.slice(&(half..answer.length)));
        assert_eq!(first.iter().chain(&second).map(Part::length).sum::<u64>(), answer.length);
        answer.parts.iter().for_each(|part| make(part, stored));
    }
}

fn make(part: &Part, stored: &[u8]) {
    let Part::Transform { of, range } = part else { return };
    // An index may announce more than there is; then nothing is read, and nothing is made.
    if of.length() > 1 << 20 {
        return;
    }
    let cut = |range: &std::ops::Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        Some(stored.get(start..end)?.to_vec())
    };
    let read: Vec<Vec<u8>> = of.inputs().iter().map(|input| cut(&input.range).unwrap_or_default()).collect();
    if let Ok(made) = of.write(&read) {
        assert_eq!(made.len() as u64, of.length());
        assert!(range.end <= of.length());
        assert!(made.chunks(188).all(|packet| packet.len() == 188 && packet[0] == 0x47));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use package::Container;
    use package::index::{Sample, Segment};
    use proptest::prelude::*;

    use super::*;

    /// Indexes of every chunk of a track, whose samples have these sizes.
    fn indexes(plan: &Plan, track: Track, sizes: &[u32]) -> BTreeMap<u32, Index> {
        let chunks = (0_u32..).zip(&plan.chunks).filter(|(_, chunk)| chunk.of == track.medium());
        let index = |(number, chunk): (u32, &model::plan::Chunk)| {
            let (mut at, mut segments) = (0, vec![]);
            for k in chunk.segments.clone() {
                let size = sizes[k as usize % sizes.len()];
                let sample = Sample { size, duration: 1, composition_offset: 0, sync: true };
                let end = at + 100 + 3 * u64::from(size);
                segments.push(Segment { range: at..end, decode_time: k.into(), samples: vec![sample; 3] });
                at = end;
            }
            (number, Index { first_segment: chunk.segments.start, segments })
        };
        chunks.map(index).collect()
    }

    proptest! {
        #[test]
        fn delivered_segments_are_the_stored_bytes_each_once_and_in_order(
            frames in 1_u64..4000, keyframes in proptest::collection::btree_set(0_u64..4000, 0..40),
            seconds in 0_u32..20, sizes in proptest::collection::vec(1_u32..900, 1..9),
        ) {
            let mut keyframes: Vec<u64> = keyframes.into_iter().filter(|key| *key < frames).collect();
            if keyframes.first() != Some(&0) {
                keyframes.insert(0, 0);
            }
            let plan = crate::plans::of(&crate::plans::source(25, 1, frames, keyframes)).unwrap();
            let configuration = Configuration { segment_duration_seconds: seconds, ..Configuration::default() };
            let layout = Layout::new(&plan, &configuration).unwrap();
            let asset = Asset { plan: &plan, layout: &layout, measured: None, stills: None };
            for track in [Track::Video(0), Track::Audio(0)] {
                let indexes = indexes(&plan, track, &sizes);
                let mut read: BTreeMap<u32, u64> = BTreeMap::new();
                let mut last = 0;
                for number in 0..layout.segments().len() as u32 {
                    let request = Request::Segment { container: Container::Cmaf, track, number };
                    let needed = package::chunks(&request, &asset).unwrap();
                    let list: Vec<&Index> = needed.iter().map(|(_, chunk)| &indexes[chunk]).collect();
                    let answer = package::answer(&request, &asset, &list).unwrap();
                    prop_assert_eq!(answer.length, answer.parts.iter().map(Part::length).sum::<u64>());
                    for part in &answer.parts {
                        let Part::Copy { track: of, chunk, range } = part else { continue };
                        prop_assert_eq!(*of, track);
                        let at = read.entry(*chunk).or_default();
                        prop_assert_eq!(range.start, *at);
                        // A chunk begins when the one before it was read to its end.
                        prop_assert!(*chunk == last || read[chunk] == 0);
                        (last, *read.get_mut(chunk).unwrap()) = (*chunk, range.end);
                    }
                }
                for (chunk, index) in &indexes {
                    prop_assert_eq!(read.get(chunk), Some(&index.bytes()));
                }
            }
        }
    }
}
