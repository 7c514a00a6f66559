//! The storyboard: small pictures at equal distances, on sheets of ten times ten.

use std::ops::Range;
use std::path::PathBuf;

use model::media::{Source, Storyboard};
use model::plan::Grid;

use super::{Keyframes, filter, height, jpeg, jpeg_encoder, to_jpeg};
use crate::Result;
use crate::argv::list;
use crate::ladder::Size;
use crate::run::{Arg, Name};

const TILE_WIDTH: u32 = 160;
const MAX_TILE_HEIGHT: u32 = 640;
const SIDE: u32 = 10;

/// Tiles at most, and how close they lie at most.
const MAX_TILES: u64 = 400;
const LEAST_INTERVAL_MS: u64 = 2000;

/// Layout of a film's storyboard, and the segment of each tile, whose keyframe it shows; `None` for a song.
///
/// That is the keyframe within the tile's interval that is nearest to its middle, or the nearest one where there is none.
pub fn board(source: &Source, grid: &Grid) -> Option<(Storyboard, Vec<u32>)> {
    let video = source.video.as_ref()?;
    let segments = u64::from(grid.segments().max(1));
    let length_ms = grid.ticks(grid.frames(), 1000).div_ceil(segments);
    let shape = Size { width: video.display_width, height: video.display_height };
    let facts = facts(shape, source.duration_ms, length_ms);
    let keys: Vec<u64> = (0..grid.segments())
        .filter_map(|k| grid.segment(k))
        .map(|frames| grid.ticks(frames.start, 1000))
        .collect();
    let interval = u64::from(facts.interval_ms);
    let tile = |n: u32| {
        let from = u64::from(n) * interval;
        nearest(&keys, from..from + interval)
    };
    Some((facts, (0..facts.count).map(tile).collect()))
}

fn facts(shape: Size, duration_ms: u64, segment_ms: u64) -> Storyboard {
    let least = LEAST_INTERVAL_MS.max(segment_ms / 1000 * 1000);
    let seconds = duration_ms.div_ceil(MAX_TILES * 1000);
    let interval = (seconds * 1000).max(least);
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Storyboard {
        tile_width: TILE_WIDTH,
        tile_height: height(shape, TILE_WIDTH, MAX_TILE_HEIGHT),
        columns: SIDE,
        rows: SIDE,
        interval_ms: number(interval),
        count: number(duration_ms.div_ceil(interval).max(1)),
    }
}

/// The best of some ascending moments to represent an interval.
fn nearest(keys: &[u64], interval: Range<u64>) -> u32 {
    let middle = u64::midpoint(interval.start, interval.end);
    let after = keys.partition_point(|key| *key < middle);
    let around = after.saturating_sub(1)..(after + 1).min(keys.len());
    let best = around.min_by_key(|n| (!interval.contains(&keys[*n]), keys[*n].abs_diff(middle)));
    best.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// Makes the sheet of this number of so many keyframes in the order of its tiles; `None` where they cannot be decoded.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn sheet(frames: Keyframes<'_>, facts: &Storyboard, number: u32) -> Result<Option<PathBuf>> {
    let studio = frames.studio("storyboard-run").await?;
    let size = Size { width: facts.tile_width, height: facts.tile_height };
    let mut chain = frames.scaled(size);
    chain.extend([Arg::of(&[&"tile=", &facts.columns, &"x", &facts.rows]), to_jpeg()]);
    let name = format!("storyboard-{number}.jpg");
    let mut after = list([&["-map", "0:v:0"][..]]);
    after.extend(filter(&chain));
    after.extend(jpeg_encoder());
    after.extend(list([&["-frames:v", "1", "-f", "mjpeg"][..]]));
    after.push(Arg::output(&Name::new(&name)));
    studio.run(after).await?;
    let wanted = (facts.columns * facts.tile_width, facts.rows * facts.tile_height);
    match studio.bytes(&name).await.and_then(|bytes| jpeg::size(&bytes)) {
        Some(size) if size == wanted => Ok(Some(studio.keep(&name).await?)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_film_has_four_hundred_tiles_at_most() {
        let shape = Size { width: 1920, height: 1080 };
        let check = |seconds: u64, segment_ms, interval_ms, count| {
            let facts = facts(shape, seconds * 1000, segment_ms);
            assert_eq!((facts.interval_ms, facts.count), (interval_ms, count), "{seconds} s");
            assert_eq!((facts.tile_width, facts.tile_height), (160, 90));
        };
        check(1, 1000, 2000, 1);
        check(41, 2000, 2000, 21);
        check(800, 2000, 2000, 400);
        check(801, 2000, 3000, 267);
        check(3 * 3600, 2000, 27_000, 400);
        check(24 * 3600, 2000, 216_000, 400);
        check(60, 6006, 6000, 10);
    }

    #[test]
    fn a_tile_shows_what_lies_in_its_interval() {
        let check = |keys: &[u64], wanted: &[u32]| {
            let tiles: Vec<u32> = (0..3).map(|n| nearest(keys, n * 2000..(n + 1) * 2000)).collect();
            assert_eq!(tiles, wanted, "{keys:?}");
        };
        check(&[0, 2000, 4000], &[0, 1, 2]);
        check(&[0, 1600, 3900], &[1, 2, 2]);
        check(&[0, 900, 1900, 2900, 3900], &[1, 3, 4]);
        check(&[0], &[0, 0, 0]);
        check(&[0, 5900], &[0, 1, 1]);
        check(&[0, 6900], &[0, 0, 1]);
    }
}
