//! Posters: the best of a few early frames, or the cover of a song.

use std::path::PathBuf;
use std::time::Duration;

use model::media::Video;

use super::{Studio, filter, height, jpeg, jpeg_file, map, to_jpeg};
use crate::argv::{SCALER, list};
use crate::ladder::Size;
use crate::run::{Arg, Name};
use crate::{Look, Result};

/// Widths of posters in pixels. None is larger than the source, but for the smallest, which there always is.
pub const WIDTHS: [u32; 3] = [320, 640, 1280];

/// Where in a title, in ‰, its poster is looked for.
const PLACES: [u64; 7] = [100, 150, 200, 250, 300, 400, 500];

/// Frames that are decoded for nothing, to look at another than a keyframe.
const MAX_SKIPPED: u64 = 300;

/// Candidates are looked at in this width.
const LOOK_WIDTH: u32 = 160;

const MAX_HEIGHT: u32 = 4096;

const WALL: Duration = Duration::from_secs(120);

/// One poster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// Which of [`WIDTHS`] it is; the picture may be smaller where the source is.
    pub width: u32,
    /// The JPEG file.
    pub path: PathBuf,
}

/// Makes posters, narrowest first; none where the title has no picture that can be decoded.
///
/// # Errors
/// Those of a run that are not the file's fault.
pub async fn posters(look: Look<'_>) -> Result<Vec<Poster>> {
    let studio = Studio::new(look, "poster-run").await?;
    match &look.source.video {
        Some(video) => of_film(&studio, video).await,
        None => of_song(&studio).await,
    }
}

/// Where a film is looked at for its poster, in µs of the source's clock, besides its beginning.
pub fn moments(video: &Video) -> Vec<i64> {
    seeks(video).into_iter().filter_map(|seek| seek.us).collect()
}

async fn of_film(studio: &Studio<'_>, video: &Video) -> Result<Vec<Poster>> {
    let mut best: Option<(u64, Seek)> = None;
    for seek in seeks(video) {
        if let Some(score) = look(studio, video, seek).await?
            && best.is_none_or(|(most, _)| score > most)
        {
            best = Some((score, seek));
        }
    }
    let Some((_, seek)) = best else { return Ok(vec![]) };
    let widths: Vec<u32> =
        WIDTHS.into_iter().filter(|w| *w == WIDTHS[0] || *w <= video.display_width).collect();
    let mut after = vec![];
    for width in &widths {
        let pixels = (*width).min(video.display_width) & !1;
        let size = Size { width: pixels.max(2), height: height(video, pixels, MAX_HEIGHT) };
        let mut chain = studio.picture(video, size);
        chain.push(to_jpeg());
        after.extend(map(video.stream));
        after.extend(filter(&chain));
        after.extend(jpeg_file(&Name::new(&file(*width))));
    }
    studio.run(seek.options(), after, WALL).await?;
    kept(studio, &widths, false).await
}

/// The cover that a song's file carries.
async fn of_song(studio: &Studio<'_>) -> Result<Vec<Poster>> {
    let mut after = vec![];
    for width in WIDTHS {
        let scale = Arg::of(&[&"scale='min(", &width, &",iw)':-2:flags=", &SCALER, &",setsar=1"]);
        after.extend(["-map", "0:v:0"].map(Arg::from));
        after.extend(filter(&[scale, to_jpeg()]));
        after.extend(jpeg_file(&Name::new(&file(width))));
    }
    // Most songs have none, which ffmpeg takes for a failure.
    studio.run(vec![], after, WALL).await?;
    kept(studio, &WIDTHS, true).await
}

/// The pictures that are there and whole. `exact`: of those that would have to be enlarged only the smallest.
async fn kept(studio: &Studio<'_>, widths: &[u32], exact: bool) -> Result<Vec<Poster>> {
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

fn file(width: u32) -> String {
    format!("poster-{width}.jpg")
}

/// Where decoding starts, and whether the first frame there will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seek {
    /// µs of the source's clock; `None` for its beginning.
    us: Option<i64>,
    /// Whether it is the keyframe before rather than the frame there.
    keyframe: bool,
}

impl Seek {
    fn options(self) -> Vec<Arg> {
        let mut args = vec![];
        if self.keyframe {
            args.extend(list([&["-noaccurate_seek", "-skip_frame", "nokey"][..]]));
        }
        if let Some(us) = self.us {
            args.extend(list([&["-seek_timestamp", "1", "-ss"][..]]));
            args.push(Arg::of(&[&us, &"us"]));
        }
        args
    }
}

/// Places to look at: keyframes where they differ, else frames that are soon decoded; the beginning at last.
fn seeks(video: &Video) -> Vec<Seek> {
    let us = |frame: u64| video.rate.frame_us(frame).saturating_add(video.start_us);
    let mut seen = vec![];
    let mut seeks = vec![];
    for place in PLACES {
        let frame = video.shown() * place / 1000;
        let key = video.keyframes.iter().copied().rfind(|key| *key <= frame).unwrap_or(0);
        let exact = frame - key <= MAX_SKIPPED && video.keyframes.len() < 2 * PLACES.len();
        let target = if exact { frame } else { key };
        if !seen.contains(&target) {
            seen.push(target);
            seeks.push(Seek { us: (target > 0).then(|| us(frame)), keyframe: !exact });
        }
    }
    seeks.push(Seek { us: None, keyframe: false });
    seeks
}

/// How good a poster the frame there would be; `None` if there is none.
async fn look(studio: &Studio<'_>, video: &Video, seek: Seek) -> Result<Option<u64>> {
    const FILE: &str = "look.gray";
    // What another candidate left must not be taken for this one.
    let _ = tokio::fs::remove_file(studio.folder.path().join(FILE)).await;
    let size = Size { width: LOOK_WIDTH, height: height(video, LOOK_WIDTH, 640) };
    let mut chain = studio.picture(video, size);
    chain.push("format=gray".into());
    let mut after = map(video.stream).to_vec();
    after.extend(filter(&chain));
    after.extend(list([&[
        "-frames:v",
        "1",
        "-fps_mode",
        "passthrough",
        "-c:v",
        "rawvideo",
        "-f",
        "rawvideo",
    ][..]]));
    after.push(Arg::output(&Name::new(FILE)));
    studio.run(seek.options(), after, WALL).await?;
    let pixels = studio.bytes(FILE).await;
    let pixels = pixels.filter(|pixels| pixels.len() as u64 == size.pixels());
    Ok(pixels.map(|pixels| score(&pixels, LOOK_WIDTH as usize)))
}

/// Contrast and sharpness; little for a frame that is nearly black or white.
fn score(pixels: &[u8], width: usize) -> u64 {
    let count = pixels.len().max(1) as u64;
    let mean = pixels.iter().map(|p| u64::from(*p)).sum::<u64>() / count;
    let spread = pixels.iter().map(|p| u64::from(*p).abs_diff(mean)).sum::<u64>() * 16 / count;
    let edges = |step: usize| {
        let pairs = pixels.iter().zip(pixels.iter().skip(step));
        pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>() * 16 / count
    };
    let score = 1 + spread.min(1000) + 3 * (edges(1) + edges(width)).min(500);
    if (28..=228).contains(&mean) { score * 8 } else { score }
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
