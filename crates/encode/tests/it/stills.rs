//! Posters and storyboards: right sizes, without bars, the same every time. `e2e/tests/test_pictures.py` looks at them from
//! upload to page.

use std::path::{Path, PathBuf};
use std::process::Command;

use encode::stills::{self, Best, Keyframes};
use encode::{Look, probe};
use model::media::{Source, Storyboard};
use model::plan::Rendition;
use model::{FrameRate, testing};
use tempfile::TempDir;
use template::Template;

use crate::support::{clip, runner, shared};

/// A film of nothing but keyframes, as the encode of another one has them.
struct Film {
    file: PathBuf,
    source: Source,
    rendition: Rendition,
    template: Template,
    folder: TempDir,
}

impl Film {
    /// `filter` makes pictures of the rendition's size; the source is of the size that is seen.
    fn new(filter: &str, encoded: (u32, u32), seen: (u32, u32)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let codec = "-c:v libx264 -preset ultrafast -crf 12 -pix_fmt yuv420p -g 1";
        let file = clip(folder.path(), "keyframes.mp4", &format!("-f lavfi -i {filter} {codec}"));
        let source = testing::film(seen.0, seen.1, FrameRate::new(25, 1).unwrap(), 1000);
        let rendition = testing::rendition(encoded.0, encoded.1, 1_000_000);
        Self { file, source, rendition, template: template::reference(), folder }
    }

    fn keyframes(&self) -> Keyframes<'_> {
        Keyframes {
            runner: runner(),
            file: &self.file,
            rendition: &self.rendition,
            source: &self.source,
            template: &self.template,
            scratch: self.folder.path(),
        }
    }

    /// Width, height and bytes of its posters.
    async fn posters(&self) -> Vec<(u32, usize, usize, Vec<u8>)> {
        let made = stills::posters(self.keyframes()).await.unwrap();
        let read = |poster: stills::Poster| {
            let (w, h, _) = grey(&poster.path);
            (poster.width, w, h, std::fs::read(&poster.path).unwrap())
        };
        made.into_iter().map(read).collect()
    }
}

/// The sizes of the posters of a song.
async fn cover(file: &Path) -> Vec<(u32, usize, usize)> {
    let source = probe(runner(), file).await.unwrap().source;
    let folder = tempfile::tempdir().unwrap();
    let look = Look { runner: runner(), source: &source, file, scratch: folder.path() };
    let made = stills::cover(look).await.unwrap();
    let size = |poster: stills::Poster| {
        let (w, h, _) = grey(&poster.path);
        (poster.width, w, h)
    };
    made.into_iter().map(size).collect()
}

/// Width, height and grey values from 0 to 255.
fn grey(jpeg: &Path) -> (usize, usize, Vec<u8>) {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-show_entries", "stream=width,height,pix_fmt", "-of", "csv=p=0"]).arg(jpeg);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let fields: Vec<&str> = text.trim().split(',').collect();
    assert_eq!(fields[2], "yuvj420p");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(jpeg).args(["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]);
    let out = command.output().unwrap();
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    (fields[0].parse().unwrap(), fields[1].parse().unwrap(), out.stdout)
}

fn mean(pixels: &[u8]) -> u64 {
    pixels.iter().map(|p| u64::from(*p)).sum::<u64>() / pixels.len() as u64
}

#[tokio::test]
async fn a_sheet_has_its_tiles_in_order() {
    // Grey that grows by 8 from picture to picture.
    let filter = "nullsrc=s=32x18:r=1:d=21,geq=lum='40+N*8':cb=128:cr=128,scale=640:360";
    let film = Film::new(filter, (640, 360), (1280, 720));
    let facts =
        Storyboard { tile_width: 160, tile_height: 90, columns: 10, rows: 10, interval_ms: 2000, count: 21 };
    let sheet = stills::sheet(film.keyframes(), &facts, 0).await.unwrap().unwrap();
    let (width, height, pixels) = grey(&sheet);
    assert_eq!((width, height), (1600, 900));
    for tile in 0..21 {
        let (x, y) = (tile % 10 * 160 + 80, tile / 10 * 90 + 45);
        let found = i32::from(pixels[y * width + x]);
        let wanted = (40 + 8 * tile as i32 - 16) * 255 / 219;
        assert!((found - wanted).abs() <= 4, "tile {tile} is {found}, not {wanted}");
    }
    let other = Storyboard { columns: 0, ..facts };
    assert!(stills::sheet(film.keyframes(), &other, 1).await.unwrap().is_none());
}

#[tokio::test]
async fn the_best_of_some_keyframes_is_a_lively_one() {
    let dark = "testsrc2=s=640x360:r=1:d=5,drawbox=c=black:t=fill:enable='lt(t,3)'";
    let film = Film::new(dark, (640, 360), (640, 360));
    let best = stills::best(film.keyframes(), 5).await.unwrap().unwrap();
    assert!(best.at >= 3 && best.is_lively, "{best:?}");
    assert_eq!(stills::best(film.keyframes(), 6).await.unwrap(), None, "one of them was not decoded");
    let black = Film::new("color=black:s=640x360:r=1:d=2", (640, 360), (640, 360));
    let best = stills::best(black.keyframes(), 2).await.unwrap();
    assert_eq!(best, Some(Best { at: 0, is_lively: false }));
}

#[tokio::test]
async fn posters_come_in_every_size_that_is_not_larger_than_the_film_and_the_same_every_time() {
    let film = Film::new("testsrc2=s=1280x720:r=1:d=1", (1280, 720), (1920, 1080));
    let posters = film.posters().await;
    let sizes: Vec<_> = posters.iter().map(|(width, w, h, _)| (*width, *w, *h)).collect();
    assert_eq!(sizes, [(320, 320, 180), (640, 640, 360), (1280, 1280, 720)]);
    assert!(film.posters().await == posters);
    let small = Film::new("testsrc2=s=200x100:r=1:d=1", (200, 100), (200, 100));
    let sizes: Vec<_> = small.posters().await.iter().map(|(width, w, h, _)| (*width, *w, *h)).collect();
    assert_eq!(sizes, [(320, 200, 100)]);
}

/// The reference puts a film of another shape between black bars.
#[tokio::test]
async fn bars_are_no_part_of_a_poster() {
    let filter = "color=white:s=406x720:r=1:d=1,pad=1280:720:436:0:black";
    let film = Film::new(filter, (1280, 720), (1080, 1920));
    let posters = stills::posters(film.keyframes()).await.unwrap();
    let (width, height, pixels) = grey(&posters[0].path);
    assert_eq!((posters[0].width, width), (320, 320));
    assert!((564..=570).contains(&height), "{height}");
    assert!(mean(&pixels) > 250, "{}", mean(&pixels));
}

#[tokio::test]
async fn a_song_has_its_cover_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let song = clip(folder.path(), "song.flac", "-f lavfi -i sine=d=1");
    assert!(cover(&song).await.is_empty());
    let covered = folder.path().join("covered.mp3");
    let mut command = Command::new("ffmpeg");
    command.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=700x700:r=1:d=1",
    ]);
    command.args(["-map", "0", "-map", "1"]);
    command.args(["-frames:v", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic"]).arg(&covered);
    assert!(command.status().unwrap().success());
    assert_eq!(cover(&covered).await, [(320, 320, 320), (640, 640, 640)]);
    let Some(song) = shared("audio/bear_with_picture.flac") else { return };
    assert_eq!(cover(&song).await, [(320, 320, 276)]);
}
