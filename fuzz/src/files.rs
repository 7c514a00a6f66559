//! MP4 and indexes that come back to us: from ffmpeg, and from storage.

use std::sync::LazyLock;

use model::Plan;
use model::plan::{Chunk, Grid, Medium, Track};
use package::fragmented::{self, MAX_SAMPLES};
use package::{Index, timing};

use crate::place::memory;
use crate::plans::{self, AVCC};

/// A fragmented MP4: every sample lies in the file, none is there twice as often as bytes allow.
pub(crate) fn fragments(bytes: &[u8]) {
    let Ok(recording) = fragmented::read(bytes) else { return };
    assert!(recording.samples.len() <= MAX_SAMPLES.min(bytes.len()), "{} samples", recording.samples.len());
    for sample in &recording.samples {
        assert!(bytes.get(sample.data.clone()).is_some(), "{:?} of {}", sample.data, bytes.len());
    }
    // A parsed track can be written, and is then parsed in the same way.
    let Ok(init) = package::cmaf::init(&recording.track) else { return };
    let again = fragmented::read(&init).expect("our own init segment is read");
    assert_eq!(again.track, recording.track);
    assert!(again.samples.is_empty());
}

/// A stored index: what is read is written and read back, and lies within its chunk.
pub(crate) fn index(bytes: &[u8]) {
    let Ok(index) = Index::decode(bytes) else { return };
    let samples: usize = index.segments.iter().map(|segment| segment.samples.len()).sum();
    assert!(samples + index.segments.len() <= bytes.len(), "{samples} samples of {} bytes", bytes.len());
    let written = index.encode();
    assert_eq!(Index::decode(&written).as_ref(), Ok(&index));
    let mut at = 0;
    for segment in &index.segments {
        assert_eq!(segment.range.start, at);
        at = segment.range.end;
        assert!(segment.data().start >= segment.range.start && segment.data().end == segment.range.end);
    }
    assert_eq!(at, index.bytes());
}

/// A film of six frames in three segments, with sound.
pub(crate) static SHORT: LazyLock<Plan> = LazyLock::new(|| {
    let mut plan = plans::of(&plans::source(24, 1, 144, vec![0])).expect("the film has a plan");
    plan.grid = Grid { rate: plan.grid.rate, boundaries: vec![0, 2, 4, 6] };
    let chunk = |of| Chunk { of, segments: 0..3, decode_from: 0 };
    plan.chunks = vec![chunk(Medium::Video), chunk(Medium::Audio(0))];
    plan.renditions.truncate(1);
    for rendition in &mut plan.renditions {
        (rendition.width, rendition.height, rendition.avcc) = (64, 36, AVCC.into());
    }
    plan
});

/// The action of [`retime`] on its file, chosen by the first byte of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct How {
    /// The assumed kind of the file.
    pub(crate) track: Track,
    /// Whether ffmpeg still writes it.
    pub(crate) running: bool,
    /// Frames of sound in front of those that are wanted, 3 at most.
    pub(crate) warm_up: u8,
}

impl How {
    /// A file that is whole.
    pub(crate) const fn whole(track: Track) -> Self {
        Self { track, running: false, warm_up: 0 }
    }

    fn read(byte: u8) -> Self {
        let track = if byte & 1 == 0 { Track::Video(0) } else { Track::Audio(0) };
        Self { track, running: byte & 2 != 0, warm_up: byte >> 2 & 3 }
    }

    /// The byte that is read as this.
    pub(crate) fn byte(self) -> u8 {
        u8::from(self.track != Track::Video(0)) | u8::from(self.running) << 1 | self.warm_up << 2
    }
}

/// ffmpeg's output, made into a chunk: the order and the bytes of its samples stay, their times are the plan's.
pub(crate) fn retime(bytes: &[u8]) {
    if let Some((how, file)) = bytes.split_first() {
        retimed(&SHORT, How::read(*how), file);
    }
}

/// Whether it could be made into one.
fn retimed(plan: &Plan, how: How, file: &[u8]) -> bool {
    let How { track, running, .. } = how;
    let warm_up = u64::from(how.warm_up);
    let chunk = plan.chunks.iter().find(|chunk| chunk.of == track.medium()).expect("the track has a chunk");
    let folder = tempfile::tempdir_in(memory()).expect("a folder");
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, file).expect("a file");
    let made = encode::fuzzing::retime(plan, chunk, track, (warm_up, running), (&from, &to));
    let Ok(encoded) = made else { return false };

    let stored = std::fs::read(&to).expect("the chunk was written");
    assert_eq!((encoded.bytes, encoded.index.bytes()), (stored.len() as u64, stored.len() as u64));
    assert_eq!(Index::decode(&encoded.index.encode()).as_ref(), Ok(&encoded.index));
    assert!(running || encoded.index.segments.len() == plan.grid.segments() as usize);
    let mut kept: Vec<u8> = vec![];
    for (k, segment) in (0_u32..).zip(&encoded.index.segments) {
        let data = segment.data();
        kept.extend(&stored[data.start as usize..data.end as usize]);
        check_times(plan, track, k, segment);
    }
    // All that was written is in what came, in this order; of sound behind what warmed up.
    let Ok(read) = fragmented::read(file) else { return true };
    let skipped = if matches!(track, Track::Audio(_)) { warm_up as usize } else { 0 };
    let came: Vec<u8> =
        read.samples.iter().skip(skipped).flat_map(|s| file[s.data.clone()].to_vec()).collect();
    assert!(came.starts_with(&kept), "samples changed or changed places");
    true
}

/// A segment lasts exactly as long as the plan says, and shows each of its frames once.
fn check_times(plan: &Plan, track: Track, k: u32, segment: &package::index::Segment) {
    let frames = plan.grid.segment(k).expect("a segment");
    let ticks: u64 = segment.samples.iter().map(|s| u64::from(s.duration)).sum();
    if let Track::Audio(_) = track {
        let frames = plan.grid.aac_frames(k, plan.audio[0].sample_rate).expect("a segment");
        assert_eq!(segment.decode_time, timing::audio_decode_time(frames.start));
        assert_eq!(ticks, (frames.end - frames.start) * 1024);
        return;
    }
    let rate = plan.grid.rate;
    assert_eq!(segment.decode_time, timing::video_decode_time(rate, frames.start));
    assert_eq!(ticks, (frames.end - frames.start) * u64::from(rate.frame_ticks()));
    assert!(segment.samples[0].sync && segment.samples[1..].iter().all(|s| !s.sync));
    let (mut decode, mut shown) = (segment.decode_time, vec![]);
    for sample in &segment.samples {
        let offset = u64::try_from(sample.composition_offset).expect("never negative");
        shown.push(decode + offset - u64::from(timing::video_start(rate)));
        decode += u64::from(sample.duration);
    }
    shown.sort_unstable();
    let expected: Vec<u64> = frames.map(|n| timing::video_decode_time(rate, n)).collect();
    assert_eq!(shown, expected);
}

#[cfg(test)]
mod tests {
    use package::TrackInit;
    use package::cmaf::{self, ChunkWriter};
    use package::index::Sample;
    use proptest::prelude::*;

    use super::*;

    /// The plan of the short film with other segments.
    fn plan(lengths: &[u64]) -> Plan {
        let mut plan = SHORT.clone();
        plan.grid.boundaries = vec![0];
        for length in lengths {
            plan.grid.boundaries.push(plan.grid.frames() + length);
        }
        for chunk in &mut plan.chunks {
            chunk.segments.end = plan.grid.segments();
        }
        plan
    }

    /// Frames of a segment in the order of decoding: groups of a picture and up to three that come before it.
    fn decoded(frames: u64, groups: &[usize]) -> Vec<u64> {
        const ORDERS: [&[u64]; 4] = [&[1], &[2, 1], &[3, 1, 2], &[4, 2, 1, 3]];
        let mut order = vec![0];
        for group in groups.iter().cycle() {
            let left = frames - order.len() as u64;
            if left == 0 {
                break;
            }
            let group = ORDERS[(*group % 4).min(left as usize - 1)];
            let last = order.len() as u64 - 1;
            order.extend(group.iter().map(|ahead| last + ahead));
        }
        order
    }

    proptest! {
        #[test]
        fn pictures_get_the_times_of_the_plan_whatever_theirs_were(
            lengths in proptest::collection::vec(1_u64..20, 1..6),
            groups in proptest::collection::vec(0_usize..4, 1..8),
            ticks in 10_u32..3000, jitter in proptest::collection::vec(0_i32..5, 1..9),
            bytes in proptest::collection::vec(2_usize..40, 1..7),
        ) {
            let plan = plan(&lengths);
            let mut file = cmaf::init(&TrackInit::of(&plan, Track::Video(0)).unwrap()).unwrap().to_vec();
            let mut writer = ChunkWriter::new(0);
            for (k, length) in (0_u64..).zip(&lengths) {
                let (mut samples, mut data) = (vec![], vec![]);
                for (n, frame) in (0_u64..).zip(decoded(*length, &groups)) {
                    let size = bytes[n as usize % bytes.len()];
                    let kind = if n == 0 { 0x65 } else { 0x41 };
                    data.extend([&(size as u32).to_be_bytes()[..], &[kind], &vec![n as u8; size - 1]].concat());
                    let offset = (frame + 2 - n) as i32 * ticks as i32 + jitter[frame as usize % jitter.len()];
                    samples.push(Sample { size: size as u32 + 4, duration: ticks, composition_offset: offset, sync: n == 0 });
                }
                file.extend(writer.segment(k * 1_000_000, samples).unwrap());
                file.extend(data);
            }
            let how = How::whole(Track::Video(0));
            prop_assert!(retimed(&plan, how, &file));
            // While ffmpeg still writes, whole segments are taken, and nothing else.
            let how = How { running: true, ..how };
            prop_assert!(retimed(&plan, how, &file[..file.len() - 1]));
        }

        #[test]
        fn sounds_are_cut_at_the_plans_frames_however_they_came(
            lengths in proptest::collection::vec(1_u64..20, 1..6),
            pieces in proptest::collection::vec(1_usize..50, 1..9),
            warm_up in 0_u8..4,
        ) {
            let plan = plan(&lengths);
            let mut file = cmaf::init(&TrackInit::of(&plan, Track::Audio(0)).unwrap()).unwrap().to_vec();
            let mut writer = ChunkWriter::new(0);
            let last = plan.grid.aac_frames(plan.grid.segments() - 1, 48_000).unwrap().end;
            let (mut n, wanted) = (0_u64, last + u64::from(warm_up));
            for piece in pieces.iter().cycle() {
                if n >= wanted {
                    break;
                }
                let samples = vec![Sample { size: 4, duration: 1024, composition_offset: 0, sync: true }; *piece];
                file.extend(writer.segment(n * 1024, samples).unwrap());
                for _ in 0..*piece {
                    file.extend((n as u32).to_be_bytes());
                    n += 1;
                }
            }
            let how = How { warm_up, ..How::whole(Track::Audio(0)) };
            prop_assert!(retimed(&plan, how, &file));
        }
    }
}
