//! Captions that others wrote.

use std::collections::BTreeSet;
use std::ops::Range;

use model::FrameRate;
use model::plan::Grid;
use package::webvtt::{self, Cue};

/// A WebVTT file: what is kept of it is written and read back, and cut into a chunk whose index says what lies where.
pub(crate) fn webvtt(bytes: &[u8]) {
    let Ok(cues) = webvtt::parse(bytes) else { return };
    // Each byte becomes at most `&lrm;` or the like, tags are closed, times are written in full.
    let file = webvtt::write(&cues);
    assert!(file.len() <= 16 + 64 * cues.len() + 16 * bytes.len(), "{} bytes of {}", file.len(), bytes.len());
    check(&cues);
    let rate = FrameRate::new(30_000, 1001).expect("a usual rate");
    let grid = Grid { rate, boundaries: vec![0, 60, 125, 300, 9000] };
    let Ok((stored, index)) = webvtt::chunk(cues.clone(), &grid) else { return };
    assert_eq!(index.bytes(), stored.len() as u64);
    let kept = webvtt::parse(&stored).expect("what is stored is read");
    let end = grid.ticks(9000, 1000);
    assert!(kept.windows(2).all(|pair| pair[0].start_ms() <= pair[1].start_ms()));
    assert!(kept.iter().all(|cue| cue.end_ms() <= end));
    // Equal ones are kept once.
    let said = |cues: &[Cue]| -> BTreeSet<(u64, String)> {
        let within = cues.iter().filter(|cue| cue.start_ms() < end);
        within.map(|cue| (cue.start_ms(), cue.text().to_owned())).collect()
    };
    assert_eq!(said(&kept), said(&cues));
    let samples: usize = index.segments.iter().map(|segment| segment.samples.len()).sum();
    assert_eq!(samples, kept.len());
    let mut at: u64 = 0;
    for segment in &index.segments {
        assert_eq!(segment.range.start, at);
        at = segment.range.end;
        let Range { start, end } = segment.data();
        let part = &stored[start as usize..end as usize];
        let found = webvtt::parse(&[b"WEBVTT\n\n", part].concat()).expect("a segment is read");
        assert_eq!(found.len(), segment.samples.len());
    }
}

/// Captions within the picture: the pairs that ffmpeg copied and its list of them, in all four channels.
pub(crate) fn cea608(bytes: &[u8]) {
    let (times, units) = crate::input::first(bytes);
    let folder = tempfile::tempdir_in(crate::place::memory()).expect("a folder");
    let (data, list) = (folder.path().join("units"), folder.path().join("times"));
    std::fs::write(&data, units).and_then(|()| std::fs::write(&list, times)).expect("files");
    for zero_us in [0, -1_000_000, i64::MAX] {
        let Ok(channels) = encode::fuzzing::captions_within(&data, &list, zero_us) else { return };
        for cues in channels {
            assert!(cues.len() <= units.len(), "{} captions of {} bytes", cues.len(), units.len());
            check(&cues);
        }
    }
}

/// Captions that are text, of any codec: the bytes that ffmpeg copied and its list of them.
pub(crate) fn text(bytes: &[u8]) {
    let (times, data) = crate::input::first(bytes);
    for zero_ms in [0, 1500, i64::MIN] {
        let cues = encode::fuzzing::caption_text(data, times, zero_ms).expect("bytes in memory are read");
        assert!(cues.len() <= times.len(), "{} captions of {} bytes", cues.len(), times.len());
        check(&cues);
    }
}

/// Cues are seen, and survive being written and read.
fn check(cues: &[Cue]) {
    for cue in cues {
        assert!(cue.start_ms() < cue.end_ms());
        assert!(!cue.text().trim().is_empty());
        assert!(!cue.text().contains("-->") && !cue.text().contains("\n\n"), "{:?}", cue.text());
    }
    let again = webvtt::parse(webvtt::write(cues).as_bytes()).expect("what is written is read");
    assert_eq!(again, cues);
}
