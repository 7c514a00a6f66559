//! Which renditions a configuration delivers, in which order, and what each needs of a network.

use model::packaging::StreamOrder;
use model::plan::Track;

use crate::measured::{average, peak};
use crate::{Asset, Result};

/// Variants in the configuration's order; an audio-only title has its default audio as the only one.
///
/// A selection that no rendition meets leaves the lowest: a title that cannot be watched helps nobody.
pub(crate) fn variants(asset: &Asset<'_>) -> Vec<Track> {
    let number = |n: usize| Track::Video(u16::try_from(n).unwrap_or(u16::MAX));
    let all: Vec<_> = asset.plan.renditions.iter().enumerate().collect();
    if all.is_empty() {
        return vec![Track::Audio(0)];
    }
    let configuration = asset.layout.configuration();
    let (least, most) = (configuration.min_video_bits_per_second, configuration.max_video_bits_per_second);
    let within = |rate: u32| least.is_none_or(|least| rate >= least) && most.is_none_or(|most| rate <= most);
    let mut list: Vec<_> = all.iter().copied().filter(|(_, r)| within(r.max_rate.0)).collect();
    if list.is_empty() {
        list.extend(all.iter().copied().min_by_key(|(_, r)| (r.max_rate, r.height)));
    }
    // By what the plan says, not by what was measured: the order must not change when an asset is complete.
    match configuration.stream_order {
        StreamOrder::Original => {}
        StreamOrder::VideoBitrateAscending => list.sort_by_key(|(_, r)| (r.max_rate, r.height)),
        StreamOrder::VideoBitrateDescending => {
            list.sort_by_key(|(_, r)| std::cmp::Reverse((r.max_rate, r.height)));
        }
    }
    list.into_iter().map(|(n, _)| number(n)).collect()
}

/// Rates of a track in bit/s.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// Measured, or its bound.
    pub(crate) peak: u64,
    /// 0 until measured.
    pub(crate) average: u64,
}

/// Rates of a track as it is stored, in fragmented MP4.
pub(crate) fn rates(asset: &Asset<'_>, track: Track, target: u64) -> Result<Rates> {
    Ok(match asset.measured {
        Some(measured) => {
            let loads = asset.loads(track, measured)?;
            Rates { peak: peak(&loads, target), average: average(&loads) }
        }
        None => Rates { peak: peak(&asset.bounds(track)?, target), average: 0 },
    })
}
