//! How a configuration cuts a plan into delivered segments, equally for all tracks.

use std::ops::Range;

use model::Plan;
use model::packaging::Configuration;
use model::plan::{Grid, Medium, Track};

use crate::{Error, Result};

/// The delivered segments of a plan under one configuration. Made once, used for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    configuration: Configuration,
    /// Grid segments of each delivered segment.
    segments: Vec<Range<u32>>,
    /// Chunk of each grid segment, of video, of each audio and of each caption track.
    video: Vec<u32>,
    audio: Vec<Vec<u32>>,
    captions: Vec<Vec<u32>>,
}

impl Layout {
    /// Lays out a plan; fails if the plan is not whole.
    ///
    /// Delivered segment n ends at the grid boundary that is nearest to n · `segment_duration_seconds` (the
    /// earlier one of two), so the segments of a plan that grows never change.
    pub fn new(plan: &Plan, configuration: &Configuration) -> Result<Self> {
        let boundaries = &plan.grid.boundaries;
        if boundaries.len() < 2 || boundaries[0] != 0 || boundaries.windows(2).any(|w| w[0] >= w[1]) {
            return Err(Error::Plan("its boundaries are not ascending from 0"));
        }
        if plan.renditions.is_empty() && plan.audio.is_empty() {
            return Err(Error::Plan("it has no tracks"));
        }
        let video = if plan.renditions.is_empty() { Vec::new() } else { chunks(plan, Medium::Video)? };
        let all = |count: usize, medium: fn(u16) -> Medium| -> Result<Vec<Vec<u32>>> {
            let count = u16::try_from(count).map_err(|_| Error::Plan("too many tracks"))?;
            (0..count).map(|n| chunks(plan, medium(n))).collect()
        };
        let audio = all(plan.audio.len(), Medium::Audio)?;
        let captions = all(plan.captions.len(), Medium::Captions)?;
        let segments = merge(&plan.grid, configuration.segment_duration_seconds);
        Ok(Self { configuration: configuration.clone(), segments, video, audio, captions })
    }

    /// The configuration it was made for.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Grid segments of each delivered segment.
    pub fn segments(&self) -> &[Range<u32>] {
        &self.segments
    }

    /// The number of the delivered segment that contains a grid segment.
    pub fn delivered(&self, grid_segment: u32) -> Option<u32> {
        let at = self.segments.partition_point(|s| s.end <= grid_segment);
        (at < self.segments.len()).then(|| u32::try_from(at).ok())?
    }

    /// The chunk of each grid segment of a track.
    pub(crate) fn chunks(&self, track: Track) -> Result<&[u32]> {
        let found = match track {
            Track::Video(_) => Some(&self.video).filter(|list| !list.is_empty()),
            Track::Audio(n) => self.audio.get(usize::from(n)),
            Track::Captions(n) => self.captions.get(usize::from(n)),
        };
        found.map(Vec::as_slice).ok_or(Error::NoTrack(track))
    }
}

fn chunks(plan: &Plan, medium: Medium) -> Result<Vec<u32>> {
    let mut list = Vec::new();
    for (number, chunk) in plan.chunks.iter().enumerate().filter(|(_, c)| c.of == medium) {
        let number = u32::try_from(number).map_err(|_| Error::Plan("too many chunks"))?;
        if usize::try_from(chunk.segments.start) != Ok(list.len())
            || chunk.segments.end > plan.grid.segments()
        {
            return Err(Error::Plan("its chunks do not cover the grid in order"));
        }
        list.extend(chunk.segments.clone().map(|_| number));
    }
    let whole = u32::try_from(list.len()) == Ok(plan.grid.segments());
    if whole { Ok(list) } else { Err(Error::Plan("its chunks do not cover the grid in order")) }
}

fn merge(grid: &Grid, seconds: u32) -> Vec<Range<u32>> {
    let count = grid.segments();
    if seconds == 0 {
        return (0..count).map(|k| k..k + 1).collect();
    }
    // Times are compared in frames · den, where a second is num.
    let target = u128::from(seconds) * u128::from(grid.rate.num());
    let times: Vec<u128> =
        grid.boundaries.iter().map(|b| u128::from(*b) * u128::from(grid.rate.den())).collect();
    let (mut segments, mut start) = (Vec::new(), 0);
    while start + 1 < times.len() {
        // The first multiple that is nearer to a later boundary than to this one.
        let wanted = ((times[start] + times[start + 1]) / (2 * target) + 1) * target;
        let after = times.partition_point(|t| *t < wanted);
        let end = match times.get(after) {
            None => times.len() - 1,
            Some(next) if next - wanted < wanted - times[after - 1] => after,
            Some(_) => after - 1,
        };
        segments.push((start, end));
        start = end;
    }
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    segments.into_iter().map(|(start, end)| number(start)..number(end)).collect()
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use proptest::prelude::*;

    use super::*;

    fn lengths(seconds: u32, boundaries: Vec<u64>) -> Vec<u32> {
        let grid = Grid { rate: FrameRate::new(1, 1).unwrap(), boundaries };
        merge(&grid, seconds).into_iter().map(|s| s.end - s.start).collect()
    }

    #[test]
    fn segments_end_at_the_nearest_boundary() {
        let even = |step: u64, count: u64| (0..=count).map(|k| k * step).collect::<Vec<u64>>();
        assert_eq!(lengths(0, even(2, 4)), [1, 1, 1, 1]);
        assert_eq!(lengths(2, even(2, 4)), [1, 1, 1, 1]);
        assert_eq!(lengths(1, even(2, 4)), [1, 1, 1, 1], "a grid segment is never split");
        assert_eq!(lengths(10, even(2, 16)), [5, 5, 5, 1]);
        assert_eq!(lengths(10, even(4, 10)), [2, 3, 2, 3], "10 of 8 and 12, 20, 30 of 28 and 32, 40");
        assert_eq!(lengths(10, vec![0, 9, 13, 19, 22, 30]), [1, 2, 2]);
        assert_eq!(lengths(10, vec![0, 3]), [1]);
    }

    proptest! {
        #[test]
        fn segments_cover_the_grid_and_do_not_change_when_it_grows(
            steps in proptest::collection::vec(1..8_u64, 2..60),
            seconds in 0..12_u32,
        ) {
            let mut boundaries = vec![0];
            boundaries.extend(steps.iter().scan(0, |at, step| { *at += step; Some(*at) }));
            let all = lengths(seconds, boundaries.clone());
            prop_assert_eq!(all.iter().sum::<u32>() as usize, boundaries.len() - 1);
            boundaries.pop();
            let before = lengths(seconds, boundaries);
            let settled = before.len() - 1;
            prop_assert_eq!(&before[..settled], &all[..settled]);
        }
    }
}
