//! Uploaded files, and ffprobe's answers about them.

use std::ops::Range;
use std::sync::LazyLock;

use encode::Container;
use encode::extent::{Finder, Map, Step};
use encode::fuzzing::Answers;
use model::Plan;
use model::media::Source;

use crate::plans;

/// A film of 30 s and its plan.
pub(crate) static FILM: LazyLock<(Source, Plan)> = LazyLock::new(|| {
    let source = plans::source(24, 1, 720, (0..720).step_by(48).collect());
    let plan = plans::of(&source).expect("the film has a plan");
    (source, plan)
});

/// The index of an MP4: what is read next lies in the file, and so do the ranges that it leads to.
pub(crate) fn mp4_index(bytes: &[u8]) {
    let Some(map) = map(bytes) else { return };
    let whole = bytes.len() as u64;
    assert_eq!(map.bytes(), whole);
    let within = |ranges: Option<Vec<Range<u64>>>| {
        let ranges = ranges.unwrap_or_default();
        assert!(ranges.iter().all(|range| range.end <= whole), "{ranges:?} of {whole}");
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?} overlap");
    };
    within(map.to_probe());
    within(map.to_find_captions());
    let (film, plan) = &*FILM;
    let mut film = film.clone();
    for start_us in [0, 10_000_000, i64::MIN, i64::MAX] {
        if let Some(video) = &mut film.video {
            video.start_us = start_us;
        }
        for chunk in 0..=u32::try_from(plan.chunks.len()).unwrap_or(0) {
            within(map.ranges(plan, chunk, &film));
        }
    }
}

/// The pictures of an MP4 by its tables: no more than it has bytes for, none of them before the beginning, and decoding can
/// start at some of them.
pub(crate) fn mp4_packets(bytes: &[u8]) {
    for (shown, keys) in encode::fuzzing::pictures(bytes) {
        assert!(4 * shown.len() <= bytes.len(), "{} pictures of {} bytes", shown.len(), bytes.len());
        assert!(shown.iter().all(|time| (0..1 << 60).contains(time)), "{shown:?}");
        let mut left = shown.iter();
        assert!(keys.iter().all(|key| left.any(|time| time == key)), "{keys:?} are not in {shown:?}");
    }
}

fn map(bytes: &[u8]) -> Option<Map> {
    let mut finder = Finder::new(bytes.len() as u64);
    let mut step = finder.next(&[]);
    for _ in 0..2000 {
        match step {
            Step::Read(range) => {
                assert!(range.start < range.end, "nothing is read at {}", range.start);
                let (start, end) = (range.start as usize, range.end as usize);
                step = finder.next(bytes.get(start..end).expect("what is read lies in the file"));
            }
            Step::Done(map) => return map,
        }
    }
    panic!("the search for an index has no end");
}

/// The first bytes of any file: no container begins as a playlist does, whatever it says of its own length; a
/// rejection says something.
pub(crate) fn sniff(bytes: &[u8]) {
    match encode::sniff(bytes) {
        Ok(container) => {
            let says = encode::fuzzing::says_its_length(container, bytes);
            says.expect("bytes in memory are read");
            let text = String::from_utf8_lossy(bytes);
            let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).to_ascii_lowercase();
            // `<mpd` alone may be a box's length, with its type behind it; of a manifest no letter follows.
            let manifest =
                start.strip_prefix("<mpd").is_some_and(|rest| !rest.starts_with(char::is_alphabetic));
            let dangerous = ["#extm3u", "#ext-x-", "ffconcat", "<?xml"];
            let text_of_its_own = manifest || dangerous.iter().any(|with| start.starts_with(with));
            assert!(!text_of_its_own || has_controls(&text), "{container:?}");
        }
        Err(rejection) => assert!(!rejection.to_string().is_empty()),
    }
}

fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && !c.is_whitespace() || c == char::REPLACEMENT_CHARACTER)
}

/// ffprobe's answers about a hostile file, those about its packets, first pictures and first sounds with zeros between
/// them: facts that make sense, and a plan that does, or a reason.
pub(crate) fn probe(bytes: &[u8]) {
    let (streams, rest) = crate::input::first(bytes);
    let mut rest = rest.split(|byte| *byte == 0);
    let [packets, pictures, sounds] = [(); 3].map(|()| rest.next().unwrap_or_default());
    let answers = Answers { streams, packets, pictures, sounds };
    let Ok(source) = encode::fuzzing::probed(Container::Mov, &answers) else { return };
    assert!((1..=24 * 3_600_000).contains(&source.duration_ms), "{} ms", source.duration_ms);
    if let Some(video) = &source.video {
        assert!(video.frames >= 1);
        assert!((1.0..=120.0).contains(&video.rate.as_f64()), "{:?}", video.rate);
        assert!(video.display_width >= 2 && video.display_width % 2 == 0, "{}", video.display_width);
        assert!(video.display_height >= 2 && video.display_height % 2 == 0, "{}", video.display_height);
        assert!(matches!(video.rotation, 0 | 90 | 180 | 270));
        assert_eq!(video.keyframes.first(), Some(&0));
        assert!(video.keyframes.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", video.keyframes);
        assert!(video.keyframes.iter().all(|key| *key < video.frames), "{:?}", video.keyframes);
    }
    let labels = source.audio.iter().map(|a| &a.label).chain(source.captions.iter().map(|c| &c.label));
    for label in labels.flatten() {
        assert!(label.chars().count() <= 64 && !label.chars().any(char::is_control), "{label:?}");
    }
    if let Ok(plan) = plans::of(&source) {
        plans::check(&plan, &source);
    }
}

/// Progress reports of ffmpeg: the same however they arrive, and bounded; also the error if that was its end.
pub(crate) fn report(bytes: &[u8]) {
    let whole = encode::fuzzing::reports(bytes, bytes.len().max(1));
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!(whole.progress <= lines);
    assert!(whole.last_lines.len() <= 40);
    assert!(whole.last_lines.iter().all(|line| line.len() <= 3 * 400 && !line.contains(char::is_control)));
    let said = encode::fuzzing::refused(whole.last_lines.clone()).to_string();
    assert!(said.len() <= 3 * 400 + 100 && !said.contains(char::is_control), "{said:?}");
    assert_eq!(whole, encode::fuzzing::reports(bytes, 1));
    assert_eq!(whole, encode::fuzzing::reports(bytes, 7));
}
