//! Posters: the best of a few keyframes.

use std::path::PathBuf;

use model::Plan;

use super::{Keyframes, Studio, filter, height, jpeg, jpeg_file, to_jpeg};
use crate::Result;
use crate::argv::list;
use crate::ladder::Size;
use crate::run::{Arg, Name};

/// Widths of posters in pixels. None is larger than the film, but for the smallest, which there always is.
pub const WIDTHS: [u32; 3] = [320, 640, 1280];

/// Where in a title, in ‰, its poster is looked for.
const PLACES: [u64; 8] = [0, 100, 150, 200, 250, 300, 400, 500];

/// Candidates are compared in this width.
const LOOK_WIDTH: u32 = 160;

const MAX_HEIGHT: u32 = 4096;

/// Mean grey of a picture that is neither nearly black nor nearly white.
const LIVELY: std::ops::RangeInclusive<u64> = 28..=228;

/// One poster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// Its entry in [`WIDTHS`]; the picture may be smaller if the film is.
    pub width: u32,
    /// The JPEG file.
    pub path: PathBuf,
}

/// The best of some keyframes for a poster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Best {
    /// Its place among them.
    pub at: usize,
    /// Whether it is more than nearly black or white.
    pub is_lively: bool,
}

/// The segments of a film whose keyframes a poster is chosen from, ascending.
pub fn candidates(plan: &Plan) -> Vec<u32> {
    let at = |place: u64| {
        let frame = plan.grid.frames() * place / 1000;
        plan.grid.boundaries.partition_point(|boundary| *boundary <= frame).saturating_sub(1)
    };
    let mut segments: Vec<u32> = PLACES.iter().filter_map(|place| u32::try_from(at(*place)).ok()).collect();
    segments.dedup();
    segments
}

/// Finds the best poster among so many keyframes; `None` where they cannot be decoded.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn best(frames: Keyframes<'_>, count: usize) -> Result<Option<Best>> {
    const FILE: &str = "look.gray";
    let studio = frames.studio("look-run").await?;
    let size = Size { width: LOOK_WIDTH, height: height(frames.picture(), LOOK_WIDTH, 640) };
    let mut chain = frames.scaled(size);
    chain.push("format=gray".into());
    let mut after = list([&["-map", "0:v:0"][..]]);
    after.extend(filter(&chain));
    after.extend(list([&["-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "rawvideo"][..]]));
    after.push(Arg::output(&Name::new(FILE)));
    studio.run(after).await?;
    let Some(pixels) = studio.bytes(FILE).await else { return Ok(None) };
    let length = usize::try_from(size.pixels()).unwrap_or(usize::MAX);
    if pixels.len() != length.saturating_mul(count) {
        return Ok(None);
    }
    let pictures = pixels.chunks_exact(length).enumerate();
    // Of equal ones the first.
    let best =
        pictures.max_by_key(|(n, picture)| (score(picture, LOOK_WIDTH as usize), std::cmp::Reverse(*n)));
    Ok(best.map(|(at, picture)| Best { at, is_lively: LIVELY.contains(&mean(picture)) }))
}

/// Makes posters of one keyframe, narrowest first; none where it cannot be decoded.
///
/// # Errors
/// Errors of a run that are not caused by the file.
pub async fn posters(frame: Keyframes<'_>) -> Result<Vec<Poster>> {
    let studio = frame.studio("poster-run").await?;
    let picture = frame.picture();
    let widths: Vec<u32> = WIDTHS.into_iter().filter(|w| *w == WIDTHS[0] || *w <= picture.width).collect();
    let mut after = vec![];
    for width in &widths {
        let pixels = (*width).min(picture.width) & !1;
        let size = Size { width: pixels.max(2), height: height(picture, pixels, MAX_HEIGHT) };
        let mut chain = frame.scaled(size);
        chain.push(to_jpeg());
        after.extend(list([&["-map", "0:v:0"][..]]));
        after.extend(filter(&chain));
        after.extend(jpeg_file(&Name::new(&file(*width))));
    }
    studio.run(after).await?;
    kept(&studio, &widths, false).await
}

/// The pictures that are there and whole. `exact`: of those that would have to be enlarged only the smallest.
pub(super) async fn kept(studio: &Studio<'_>, widths: &[u32], exact: bool) -> Result<Vec<Poster>> {
    let mut posters = vec![];
    for width in widths {
        let Some(bytes) = studio.bytes(&file(*width)).await else { continue };
        let Some((found, _)) = jpeg::size(&bytes) else { continue };
        if exact && found < *width && *width != WIDTHS[0] {
            continue;
        }
        posters.push(Poster { width: *width, path: studio.keep(&file(*width)).await? });
    }
    Ok(posters)
}

pub(super) fn file(width: u32) -> String {
    format!("poster-{width}.jpg")
}

fn mean(pixels: &[u8]) -> u64 {
    pixels.iter().map(|p| u64::from(*p)).sum::<u64>() / pixels.len().max(1) as u64
}

/// Contrast and sharpness; little for a frame that is nearly black or white.
fn score(pixels: &[u8], width: usize) -> u64 {
    let (count, mean) = (pixels.len().max(1) as u64, mean(pixels));
    let spread = pixels.iter().map(|p| u64::from(*p).abs_diff(mean)).sum::<u64>() * 16 / count;
    let edges = |step: usize| {
        let pairs = pixels.iter().zip(pixels.iter().skip(step));
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>() * 16 / count
    };
    let score = 1 + spread.min(1000) + 3 * (edges(1) + edges(width)).min(500);
    if LIVELY.contains(&mean) { score * 8 } else { score }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lively_frames_are_better_than_dark_and_flat_ones() {
        let black = [16; 160 * 90];
        let grey = [128; 160 * 90];
        let soft: Vec<u8> = (0..160 * 90).map(|n| (60 + (n % 160) / 2) as u8).collect();
        let sharp: Vec<u8> = (0..160 * 90).map(|n| if n / 8 % 2 == 0 { 60 } else { 200 }).collect();
        let scores: Vec<u64> =
            [&black[..], &grey[..], &soft[..], &sharp[..]].iter().map(|p| score(p, 160)).collect();
        assert!(scores.is_sorted() && scores[0] < scores[1], "{scores:?}");
    }
}
