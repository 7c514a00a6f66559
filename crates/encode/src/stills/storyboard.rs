//! The storyboard: small pictures at equal distances, on sheets of ten times ten.

use std::path::PathBuf;
use std::time::Duration;

use model::media::{Storyboard, Video};

use super::{Studio, filter, height, jpeg, jpeg_encoder, map, to_jpeg};
use crate::argv::list;
use crate::ladder::Size;
use crate::run::Arg;
use crate::{Look, Result};

const TILE_WIDTH: u32 = 160;
const MAX_TILE_HEIGHT: u32 = 640;
const SIDE: u32 = 10;

/// Tiles at most, and how close they lie at most.
const MAX_TILES: u64 = 400;
const LEAST_INTERVAL_MS: u64 = 2000;

/// Pixels that are decoded where keyframes alone are too few: about a minute on one processor.
const MAX_PIXELS: u64 = 30_000_000_000;

/// A storyboard and the files of its sheets, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// What a player needs to know.
    pub facts: Storyboard,
    /// JPEG files.
    pub sheets: Vec<PathBuf>,
}

/// Makes the storyboard; none for a song, or where nothing can be decoded.
///
/// Tile n shows the middle of its interval, as near as the frames that are decoded allow.
///
/// # Errors
/// Those of a run that are not the file's fault.
pub async fn storyboard(look: Look<'_>) -> Result<Option<Board>> {
    let Some(video) = &look.source.video else { return Ok(None) };
    let facts = facts(video, look.source.duration_ms);
    let studio = Studio::new(look, "storyboard-run").await?;
    for keyframes in ways(video, &facts) {
        if let Some(sheets) = make(&studio, video, &facts, keyframes).await? {
            return Ok(Some(Board { facts, sheets }));
        }
    }
    Ok(None)
}

fn facts(video: &Video, duration_ms: u64) -> Storyboard {
    let seconds = duration_ms.div_ceil(MAX_TILES * 1000);
    let interval = (seconds * 1000).max(LEAST_INTERVAL_MS);
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Storyboard {
        tile_width: TILE_WIDTH,
        tile_height: height(video, TILE_WIDTH, MAX_TILE_HEIGHT),
        columns: SIDE,
        rows: SIDE,
        interval_ms: number(interval),
        count: number(duration_ms.div_ceil(interval).max(1)),
    }
}

/// Whether to decode keyframes only, best first.
fn ways(video: &Video, facts: &Storyboard) -> Vec<bool> {
    let ms = |frame: u64| video.rate.frame_ms(frame);
    let interval = u64::from(facts.interval_ms);
    let mut shown: Vec<u64> =
        video.keyframes.iter().map(|key| (ms(*key) + interval / 2) / interval).collect();
    shown.dedup();
    let suffice = shown.len() as u64 * 10 >= u64::from(facts.count) * 9;
    let pixels = u64::from(video.width) * u64::from(video.height);
    let all = video.shown().saturating_mul(pixels) <= MAX_PIXELS;
    match (suffice, all) {
        (true, true) => vec![true, false],
        (true, false) => vec![true],
        (false, true) => vec![false, true],
        (false, false) => vec![true],
    }
}

async fn make(
    studio: &Studio<'_>,
    video: &Video,
    facts: &Storyboard,
    keyframes: bool,
) -> Result<Option<Vec<PathBuf>>> {
    let size = Size { width: facts.tile_width, height: facts.tile_height };
    let mut chain = vec![
        "settb=1/1000000".into(),
        Arg::of(&[&"setpts=PTS-(", &video.start_us, &")"]),
        // Of the frames nearest to a tick the last is taken, which is one in the middle of the interval behind it.
        Arg::of(&[&"fps=fps=1000/", &facts.interval_ms, &":start_time=0:round=near:eof_action=pass"]),
    ];
    chain.extend(studio.picture(video, size));
    chain.extend([
        Arg::of(&[&"tpad=stop_mode=clone:stop=", &facts.count]),
        Arg::of(&[&"trim=end_frame=", &facts.count]),
        Arg::of(&[&"tile=", &facts.columns, &"x", &facts.rows]),
        to_jpeg(),
    ]);
    let mut after = map(video.stream).to_vec();
    after.extend(filter(&chain));
    after.extend(jpeg_encoder());
    after.extend(list([&["-f", "image2", "-start_number", "0", "file:storyboard-%d.jpg"][..]]));
    let before =
        if keyframes { list([&["-skip_frame", "nokey", "-discard:v", "nokey"][..]]) } else { vec![] };
    studio.run(before, after, Duration::from_secs(1800)).await?;
    let mut sheets = vec![];
    for n in 0..facts.count.div_ceil(facts.columns * facts.rows) {
        let name = format!("storyboard-{n}.jpg");
        let wanted = (facts.columns * facts.tile_width, facts.rows * facts.tile_height);
        let Some(bytes) = studio.bytes(&name).await else { return Ok(None) };
        if jpeg::size(&bytes) != Some(wanted) {
            return Ok(None);
        }
        sheets.push(studio.keep(&name).await?);
    }
    Ok(Some(sheets))
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use model::testing::film;

    #[test]
    fn a_long_film_has_four_hundred_tiles_at_most() {
        let video = film(1920, 1080, FrameRate::new(24, 1).unwrap(), 1).video.unwrap();
        let check = |seconds: u64, interval_ms, count| {
            let facts = facts(&video, seconds * 1000);
            assert_eq!((facts.interval_ms, facts.count), (interval_ms, count), "{seconds} s");
            assert_eq!((facts.tile_width, facts.tile_height), (160, 90));
        };
        check(1, 2000, 1);
        check(41, 2000, 21);
        check(800, 2000, 400);
        check(801, 3000, 267);
        check(3 * 3600, 27_000, 400);
        check(24 * 3600, 216_000, 400);
    }
}
