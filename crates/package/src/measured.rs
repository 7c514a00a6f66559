//! Sizes of every segment of a complete asset, and the rates that follow.

use model::Plan;
use model::plan::Track;
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::{Error, Result};

/// Bytes of every grid segment of every track: what rates of any configuration are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// One entry for each track of the plan.
    tracks: Vec<Sizes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sizes {
    track: Track,
    bytes: Vec<u32>,
}

impl Measured {
    /// Measures an asset from the indexes of all its chunks, in any order.
    ///
    /// Fails if a segment of the plan is in no index.
    pub fn of<'a>(plan: &Plan, indexes: impl IntoIterator<Item = (Track, &'a Index)>) -> Result<Self> {
        let count = plan.grid.segments() as usize;
        let mut found: Vec<(Track, Vec<Option<u32>>)> =
            plan.tracks().map(|t| (t, vec![None; count])).collect();
        for (track, index) in indexes {
            let (_, sizes) = found.iter_mut().find(|(t, _)| *t == track).ok_or(Error::NoTrack(track))?;
            for (number, segment) in (index.first_segment..).zip(&index.segments) {
                let size = sizes.get_mut(number as usize).ok_or(Error::NoSegment { track, number })?;
                let length = segment.range.end - segment.range.start;
                *size = Some(u32::try_from(length).map_err(|_| Error::TooLarge { what: "segment" })?);
            }
        }
        let mut tracks = Vec::with_capacity(found.len());
        for (track, sizes) in found {
            let bytes = (0..).zip(sizes).map(|(number, size)| size.ok_or(Error::NoSegment { track, number }));
            tracks.push(Sizes { track, bytes: bytes.collect::<Result<_>>()? });
        }
        Ok(Self { tracks })
    }

    /// Bytes of each grid segment of a track.
    pub fn bytes(&self, track: Track) -> Result<&[u32]> {
        let sizes = self.tracks.iter().find(|s| s.track == track).ok_or(Error::NoTrack(track))?;
        Ok(&sizes.bytes)
    }
}

/// Bits and duration of one delivered segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) bits: u64,
    /// Bits that do not count when the segment before is counted too.
    pub(crate) shared: u64,
    pub(crate) micros: u64,
}

/// Peak rate in bit/s (RFC 8216 §4.1): the largest rate of any run of segments whose duration is between half
/// and one and a half times the target duration. Rounded up.
pub(crate) fn peak(loads: &[Load], target_seconds: u64) -> u64 {
    let (least, most) = (target_seconds * 500_000, target_seconds * 1_500_000);
    let mut peak = 0;
    for start in 0..loads.len() {
        let (mut bits, mut micros) = (0, 0);
        for (n, load) in loads[start..].iter().enumerate() {
            bits += load.bits - if n > 0 { load.shared } else { 0 };
            micros += load.micros;
            if micros > most {
                break;
            }
            if micros >= least {
                peak = peak.max(rate(bits, micros));
            }
        }
    }
    // A title shorter than half a target duration has no such run.
    if peak > 0 { peak } else { average(loads) }
}

/// Average rate in bit/s, rounded up.
pub(crate) fn average(loads: &[Load]) -> u64 {
    let bits: u64 = loads.iter().map(|l| l.bits).sum();
    let shared: u64 = loads.iter().skip(1).map(|l| l.shared).sum();
    rate(bits - shared, loads.iter().map(|l| l.micros).sum())
}

fn rate(bits: u64, micros: u64) -> u64 {
    u64::try_from((u128::from(bits) * 1_000_000).div_ceil(u128::from(micros.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loads: &[(u64, u64)], target: u64, peak_rate: u64, average_rate: u64) {
        let loads: Vec<_> = loads.iter().map(|&(bits, micros)| Load { bits, shared: 0, micros }).collect();
        assert_eq!((peak(&loads, target), average(&loads)), (peak_rate, average_rate));
    }

    #[test]
    fn peaks_are_of_runs_near_the_target_duration() {
        check(&[(2000, 2_000_000), (4000, 2_000_000)], 2, 2000, 1500);
        check(&[(2000, 2_000_000), (900, 100_000)], 2, 1381, 1381); // the short tail counts with its neighbour
        check(&[(100, 100_000)], 1, 1000, 1000); // nothing is long enough
        check(&[], 1, 0, 0);
    }

    #[test]
    fn shared_bits_count_once_in_a_run() {
        let load = |shared| Load { bits: 1000, shared, micros: 1_000_000 };
        assert_eq!(peak(&[load(0), load(800), load(0)], 2), 1000);
        assert_eq!(peak(&[load(0), load(800)], 3), 600);
        assert_eq!(average(&[load(0), load(800), load(0)]), 734);
    }
}
