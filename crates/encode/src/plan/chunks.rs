//! Chunks: runs of segments that one worker encodes in one go.
//!
//! A chunk should start at a source keyframe, because everything between the keyframe and its first frame is
//! decoded for nothing; it should not take longer than a few seconds of work, because that is what a killed worker
//! loses and what a viewer who jumps there waits for; and it should not be tiny, because starting costs too.

use std::ops::Range;

use model::plan::{Chunk, Grid, Medium};

/// Predicted nanoseconds of one processor that a chunk is aimed at; it may take a quarter more, which makes 8 s, or
/// 10 s where it then ends at a keyframe (encoders' usual distance is 250 frames).
///
/// The first chunk is one segment, so that a title can be played soon. The second is as long as any other: its segments
/// are shown while it is encoded, and every further cut before the second keyframe would decode the film's beginning
/// again.
const AIM: u64 = 6_400_000_000;

/// Cost of starting the tools and reading the container's index.
const START: u64 = 150_000_000;

/// No chunk of video lasts longer than that, however easy it is to encode (bar sources whose keyframes are far away).
const MAX_VIDEO_S: u64 = 60;

/// Segments in a chunk at most: each is named on ffmpeg's command line, in one argument of at most 128 KiB.
const MAX_SEGMENTS: u32 = 8192;

/// Chunks of audio: quickly something, then long ones.
const AUDIO_HEAD_S: u64 = 10;
const AUDIO_S: u64 = 60;

/// Cost of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    /// Nanoseconds to decode it.
    pub(super) decode: u64,
    /// Nanoseconds to decode it, scale it and encode it in all renditions.
    pub(super) encode: u64,
}

/// Cuts the grid into chunks of video, of which so many frames are the file's own and the last of them is held.
pub(super) fn video(grid: &Grid, shown: u64, keyframes: &[u64], cost: Cost) -> Vec<Chunk> {
    let cutter = Cutter { grid, shown, keyframes, cost };
    let mut chunks = vec![];
    let mut start = 0;
    while start < grid.segments() {
        let end = if start == 0 { 1 } else { cutter.end(start) };
        let decode_from = cutter.keyframe(cutter.frame(start));
        chunks.push(Chunk { of: Medium::Video, segments: start..end, decode_from });
        start = end;
    }
    chunks
}

/// Cuts the grid into chunks of one audio track.
pub(super) fn audio(grid: &Grid, track: u16) -> Vec<Chunk> {
    let frame = |k: u32| grid.boundaries.get(index(k)).copied().unwrap_or_else(|| grid.frames());
    let mut chunks = vec![];
    let mut start = 0;
    while start < grid.segments() {
        let longest = if start == 0 { AUDIO_HEAD_S } else { AUDIO_S };
        let most = frames(grid, longest);
        let mut end = start + 1;
        while end < grid.segments() && frame(end + 1) - frame(start) <= most {
            end += 1;
        }
        let decode_from = frame(start);
        chunks.push(Chunk { of: Medium::Audio(track), segments: start..end, decode_from });
        start = end;
    }
    chunks
}

/// Puts chunks into the order in which a viewer needs them: by start, video first.
pub(super) fn in_order(mut chunks: Vec<Chunk>) -> Vec<Chunk> {
    chunks.sort_by_key(|chunk| (chunk.segments.start, chunk.of));
    chunks
}

struct Cutter<'a> {
    grid: &'a Grid,
    shown: u64,
    keyframes: &'a [u64],
    cost: Cost,
}

impl Cutter<'_> {
    /// Where the chunk that starts at segment `start` ends.
    fn end(&self, start: u32) -> u32 {
        let first = self.frame(start);
        // Where keyframes are far away, chunks grow so that at most a third of the work is wasted.
        let wasted = self.wasted(first);
        let aim = AIM.max(wasted.saturating_mul(2));
        let longest = if wasted > START { u64::MAX } else { frames(self.grid, MAX_VIDEO_S) };

        let mut best: Option<(u128, u32)> = None;
        for end in self.candidates(start) {
            let frames = self.frame(end) - first;
            let work = frames.saturating_mul(self.cost.encode);
            if end > start + 1 {
                if work > most(aim, true) || frames > longest {
                    break;
                }
                if work > most(aim, false) && !self.ends_well(end) {
                    continue;
                }
            }
            let small = work < aim / 2 && frames < longest / 2 && end < self.grid.segments();
            let cost = if small { u128::MAX } else { self.cost_of_cutting(end, work) };
            if best.is_none_or(|(least, _)| cost <= least) {
                best = Some((cost, end));
            }
        }
        best.map_or(start + 1, |(_, end)| end)
    }

    fn candidates(&self, start: u32) -> Range<u32> {
        start + 1..self.grid.segments().min(start.saturating_add(MAX_SEGMENTS)) + 1
    }

    /// Whether nothing is decoded twice when a chunk ends there.
    fn ends_well(&self, end: u32) -> bool {
        end == self.grid.segments() || self.keyframes.binary_search(&self.frame(end)).is_ok()
    }

    /// Cost of another chunk, per amount of work of this one (times 2³²).
    fn cost_of_cutting(&self, end: u32, work: u64) -> u128 {
        if end == self.grid.segments() {
            return 0;
        }
        let frame = self.frame(end);
        (u128::from(self.wasted(frame).saturating_add(START)) << 32) / u128::from(work.max(1))
    }

    /// Work decoded in vain by a chunk that starts there.
    fn wasted(&self, frame: u64) -> u64 {
        let frame = frame.min(self.shown);
        (frame - self.keyframe(frame)).saturating_mul(self.cost.decode)
    }

    /// The first frame of segment `k`; the number of frames for the one past the last.
    fn frame(&self, k: u32) -> u64 {
        self.grid.boundaries.get(index(k)).copied().unwrap_or_else(|| self.grid.frames())
    }

    /// The last keyframe at or before `frame`.
    fn keyframe(&self, frame: u64) -> u64 {
        let after = self.keyframes.partition_point(|key| *key <= frame);
        after.checked_sub(1).and_then(|at| self.keyframes.get(at)).copied().unwrap_or(0)
    }
}

/// The work of a chunk that is aimed at so much.
fn most(aim: u64, ends_well: bool) -> u64 {
    aim.saturating_add(if ends_well { aim / 5 * 3 } else { aim / 4 })
}

/// Frames in so many seconds.
fn frames(grid: &Grid, seconds: u64) -> u64 {
    (seconds * u64::from(grid.rate.num())).div_ceil(u64::from(grid.rate.den()))
}

fn index(k: u32) -> usize {
    usize::try_from(k).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use proptest::prelude::*;

    use super::*;

    /// The reference ladder from 1080p.
    const COST: Cost = Cost { decode: 6_000_000, encode: 37_000_000 };

    fn grid(frames: u64, keyframes: &[u64]) -> Grid {
        super::super::grid::lay(FrameRate::new(24, 1).unwrap(), frames, 2, keyframes).unwrap()
    }

    fn starts(chunks: &[Chunk], grid: &Grid) -> Vec<(u64, u64)> {
        chunks.iter().map(|c| (grid.segment(c.segments.start).unwrap().start, c.decode_from)).collect()
    }

    #[test]
    fn chunks_start_at_keyframes_but_for_the_head() {
        let keyframes = [0, 250, 285, 378, 553];
        let grid = grid(720, &keyframes);
        let chunks = video(&grid, grid.frames(), &keyframes, COST);
        assert_eq!(starts(&chunks, &grid), [(0, 0), (48, 0), (285, 285), (378, 378), (576, 553)]);
    }

    #[test]
    fn one_keyframe_in_ten_hours_wastes_at_most_a_third() {
        let grid = grid(36_000 * 24, &[0]);
        let chunks = video(&grid, grid.frames(), &[0], COST);
        let frames: u64 = grid.frames();
        let wasted: u64 = starts(&chunks, &grid).iter().map(|(start, from)| start - from).sum();
        assert!(
            wasted * COST.decode <= frames * COST.encode / 2,
            "{wasted} frames in {} chunks",
            chunks.len()
        );
        assert!(chunks.iter().all(|c| c.segments.end - c.segments.start <= MAX_SEGMENTS));
    }

    #[test]
    fn audio_comes_in_long_chunks_after_a_short_one() {
        let grid = grid(24 * 200, &[0]);
        let seconds: Vec<_> =
            audio(&grid, 3).iter().map(|c| (c.decode_from / 24, c.segments.clone())).collect();
        assert_eq!(seconds, [(0, 0..5), (10, 5..35), (70, 35..65), (130, 65..95), (190, 95..100)]);
    }

    #[test]
    fn chunks_are_listed_as_they_are_needed() {
        let grid = grid(24 * 30, &[0]);
        let mut list = audio(&grid, 1);
        list.extend(audio(&grid, 0));
        list.extend(video(&grid, grid.frames(), &[0], COST));
        let order: Vec<_> = in_order(list).iter().map(|c| (c.segments.start, c.of)).take(5).collect();
        use Medium::{Audio, Video};
        assert_eq!(order, [(0, Video), (0, Audio(0)), (0, Audio(1)), (1, Video), (5, Video)]);
    }

    proptest! {
        #[test]
        fn chunks_cover_every_segment_once(
            frames in 1_u64..200_000, decode in 1_u64..50_000_000, encode in 1_u64..900_000_000,
            mut keyframes in proptest::collection::vec(0_u64..200_000, 0..400),
        ) {
            keyframes.push(0);
            keyframes.retain(|key| *key < frames);
            keyframes.sort_unstable();
            keyframes.dedup();
            let grid = grid(frames, &keyframes);
            let cost = Cost { decode, encode: encode.max(decode) };
            let chunks = video(&grid, grid.frames(), &keyframes, cost);
            for list in [&chunks, &audio(&grid, 0)] {
                let mut next = 0;
                for chunk in list {
                    prop_assert_eq!(chunk.segments.start, next);
                    prop_assert!(chunk.segments.end > next);
                    next = chunk.segments.end;
                }
                prop_assert_eq!(next, grid.segments());
            }
            prop_assert_eq!(chunks[0].segments.clone(), 0..1);
            for chunk in &chunks {
                let span = grid.span(&chunk.segments).unwrap();
                prop_assert!(chunk.decode_from <= span.start);
                prop_assert!(keyframes.contains(&chunk.decode_from));
                prop_assert!(!keyframes.iter().any(|key| *key > chunk.decode_from && *key <= span.start));
                let wasted = (span.start - chunk.decode_from) * cost.decode;
                let work = (span.end - span.start) * cost.encode;
                let well = span.end == frames || keyframes.contains(&span.end);
                let one = chunk.segments.end - chunk.segments.start == 1;
                prop_assert!(one || work <= most(AIM.max(2 * wasted), well), "{work} ns, {wasted} ns wasted");
            }
        }
    }
}
