//! The chunk of a caption track: one file, and an index that says which cues begin in which segment.

use std::ops::Range;

use model::plan::Grid;

use super::{Cue, HEADER};
use crate::index::{Index, Sample, Segment};
use crate::{Error, Result};

/// Makes the chunk of a caption track, covering the whole grid: the stored file and its index.
///
/// Cues are sorted and cut at the end of the grid. In the index a segment's range holds the cues that begin in
/// it (the first also the file's header), its decode time is its start in ms, and each sample is a cue: its
/// bytes, how long it is shown in ms, and with the composition offset when it begins, in ms from the decode time.
pub fn chunk(mut cues: Vec<Cue>, grid: &Grid) -> Result<(Vec<u8>, Index)> {
    let starts: Vec<u64> = grid.boundaries.iter().map(|frame| grid.ticks(*frame, 1000)).collect();
    let Some(end) = starts.last().copied() else { return Err(Error::Plan("it has no segments")) };
    cues.retain(|cue| cue.start_ms < end);
    cues.sort_by_key(|cue| (cue.start_ms, cue.end_ms));
    cues.dedup();
    let mut file = HEADER.to_owned().into_bytes();
    let mut index = Index { first_segment: 0, segments: Vec::with_capacity(starts.len()) };
    let (mut cues, mut at) = (cues.into_iter().peekable(), 0);
    for window in starts.windows(2) {
        let mut samples = Vec::new();
        while let Some(mut cue) = cues.next_if(|cue| cue.start_ms < window[1]) {
            cue.end_ms = cue.end_ms.min(end);
            let text = cue.to_string();
            samples.push(Sample {
                size: number(text.len())?,
                duration: number(cue.end_ms - cue.start_ms)?,
                composition_offset: number(cue.start_ms.saturating_sub(window[0]))?,
                sync: true,
            });
            file.extend_from_slice(text.as_bytes());
        }
        index.segments.push(Segment { range: at..file.len() as u64, decode_time: window[0], samples });
        at = file.len() as u64;
    }
    Ok((file, index))
}

/// Reads that a segment's cues may cost.
const MAX_RANGES: usize = 32;

/// Ranges of a stored file that hold every cue that is shown at some time of `span`, in ms. Cues of other times lie
/// between them only where there would be very many ranges: players show cues by their times.
pub(crate) fn shown(index: &Index, span: &Range<u64>) -> Vec<Range<u64>> {
    let mut found: Vec<Range<u64>> = Vec::new();
    for segment in index.segments.iter().take_while(|s| s.decode_time < span.end) {
        let mut at = segment.data().start;
        for cue in &segment.samples {
            let start = segment.decode_time.saturating_add_signed(cue.composition_offset.into());
            let end = start.saturating_add(cue.duration.into());
            let bytes = at..at + u64::from(cue.size);
            at = bytes.end;
            if start >= span.end || end <= span.start {
                continue;
            }
            let full = found.len() == MAX_RANGES;
            match found.last_mut() {
                Some(last) if full || last.end == bytes.start => last.end = bytes.end,
                _ => found.push(bytes),
            }
        }
    }
    found
}

fn number<T: TryFrom<U>, U>(n: U) -> Result<T> {
    T::try_from(n).map_err(|_| Error::TooLarge { what: "cue" })
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use proptest::prelude::*;

    use super::super::parse;
    use super::*;

    fn cue(start: u64, end: u64) -> Cue {
        Cue::new(start, end, "", "Hi").unwrap()
    }

    #[test]
    fn cues_belong_to_the_segment_they_begin_in() {
        let grid = Grid { rate: FrameRate::new(24, 1).unwrap(), boundaries: vec![0, 48, 96, 120] };
        let (file, index) =
            chunk(vec![cue(2500, 9000), cue(0, 500), cue(1999, 2001), cue(5000, 6000)], &grid).unwrap();
        assert_eq!(parse(&file).unwrap(), [cue(0, 500), cue(1999, 2001), cue(2500, 5000)]);
        let counts: Vec<_> = index.segments.iter().map(|s| (s.decode_time, s.samples.len())).collect();
        assert_eq!(counts, [(0, 2), (2000, 1), (4000, 0)]);
        assert_eq!(index.segments[1].samples[0].composition_offset, 500);
        assert_eq!(index.segments[0].data().start, HEADER.len() as u64);
        assert_eq!(index.bytes(), file.len() as u64);
    }

    proptest! {
        #[test]
        fn the_index_says_what_lies_where(list in proptest::collection::vec((0..20_000_u64, 1..5000_u64), 0..40)) {
            let grid = Grid { rate: FrameRate::new(30_000, 1001).unwrap(), boundaries: vec![0, 60, 125, 300, 420] };
            let (file, index) = chunk(list.iter().map(|(start, length)| cue(*start, start + length)).collect(), &grid).unwrap();
            prop_assert_eq!(Index::decode(&index.encode()), Ok(index.clone()));
            let mut read = Vec::new();
            for segment in &index.segments {
                let mut at = segment.data().start as usize;
                for sample in &segment.samples {
                    let bytes = &file[at..at + sample.size as usize];
                    at += bytes.len();
                    let found = parse(&[b"WEBVTT\n\n", bytes].concat()).unwrap();
                    let start = segment.decode_time.saturating_add_signed(sample.composition_offset.into());
                    prop_assert_eq!(&found, &[cue(start, start + u64::from(sample.duration))]);
                    read.extend(found);
                }
                prop_assert_eq!(at as u64, segment.range.end);
            }
            prop_assert_eq!(read, parse(&file).unwrap());
        }
    }
}
