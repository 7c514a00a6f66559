//! Posters and storyboards: right sizes, upright, of the right moments, the same every time.

use std::path::{Path, PathBuf};
use std::process::Command;

use encode::stills::{self, Board};
use encode::{Look, probe};
use tempfile::TempDir;

use crate::support::{clip, runner, shared};

struct Stills {
    posters: Vec<(u32, PathBuf)>,
    board: Option<Board>,
    _folder: TempDir,
}

async fn stills(file: &Path) -> Stills {
    let source = probe(runner(), file).await.unwrap().source;
    let folder = tempfile::tempdir().unwrap();
    let look = Look { runner: runner(), source: &source, file, scratch: folder.path() };
    let posters = stills::posters(look).await.unwrap();
    let board = stills::storyboard(look).await.unwrap();
    let posters = posters.into_iter().map(|poster| (poster.width, poster.path)).collect();
    Stills { posters, board, _folder: folder }
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

fn sizes(stills: &Stills) -> Vec<(u32, usize, usize)> {
    let size = |(width, path): &(u32, PathBuf)| {
        let (w, h, _) = grey(path);
        (*width, w, h)
    };
    stills.posters.iter().map(size).collect()
}

fn mean(pixels: &[u8]) -> u64 {
    pixels.iter().map(|p| u64::from(*p)).sum::<u64>() / pixels.len() as u64
}

/// Grey that grows by 8 every 2 s, from 40 on, for 41 s.
const STEPS: &str = "-f lavfi -i nullsrc=s=32x18:r=25:d=41,geq=lum='40+floor(T/2)*8':cb=128:cr=128,scale=320:180 \
                     -c:v libx264 -preset ultrafast -pix_fmt yuv420p";

#[tokio::test]
async fn every_tile_shows_its_moment() {
    let folder = tempfile::tempdir().unwrap();
    for (name, args) in [
        ("dense.mp4", "-g 50"),
        ("one-keyframe.mp4", "-g 9999 -keyint_min 9999"),
        ("late.mkv", "-g 50 -output_ts_offset 100"),
        ("film.ts", "-g 25"),
    ] {
        let film = clip(folder.path(), name, &format!("{STEPS} {args}"));
        let made = stills(&film).await;
        let board = made.board.unwrap();
        let facts = board.facts;
        assert_eq!(
            (facts.tile_width, facts.tile_height, facts.columns, facts.rows, facts.interval_ms, facts.count),
            (160, 90, 10, 10, 2000, 21),
            "{name}"
        );
        assert_eq!(board.sheets.len(), 1);
        let (width, height, pixels) = grey(&board.sheets[0]);
        assert_eq!((width, height), (1600, 900));
        for tile in 0..21 {
            let (x, y) = (tile % 10 * 160 + 80, tile / 10 * 90 + 45);
            let found = i32::from(pixels[y * width + x]);
            let wanted = (40 + 8 * tile as i32 - 16) * 255 / 219;
            assert!((found - wanted).abs() <= 4, "{name}: tile {tile} is {found}, not {wanted}");
        }
    }
}

#[tokio::test]
async fn the_poster_is_a_lively_frame_in_every_size_that_is_not_larger() {
    let folder = tempfile::tempdir().unwrap();
    let filter = "testsrc2=s=1280x720:r=10:d=40,drawbox=c=black:t=fill:enable='lt(t,11)'";
    let args = format!("-f lavfi -i {filter} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 20");
    let film = clip(folder.path(), "film.mp4", &args);
    let made = stills(&film).await;
    assert_eq!(sizes(&made), [(320, 320, 180), (640, 640, 360), (1280, 1280, 720)]);
    assert!(mean(&grey(&made.posters[0].1).2) > 50, "it is black");
    let again = stills(&film).await;
    for (one, two) in made.posters.iter().zip(&again.posters) {
        assert!(std::fs::read(&one.1).unwrap() == std::fs::read(&two.1).unwrap(), "{} differs", one.0);
    }
    let small =
        clip(folder.path(), "small.mp4", "-f lavfi -i testsrc2=s=200x100:d=1 -c:v libx264 -pix_fmt yuv420p");
    assert_eq!(sizes(&stills(&small).await), [(320, 200, 100)]);
}

#[tokio::test]
async fn odd_films_have_upright_posters() {
    for (name, expected) in [
        ("internal_emulator_transformer_output_270_rotated.mp4", &[(320, 320, 568), (640, 640, 1138)][..]),
        ("ae_SAR-2by3.mp4", &[(320, 320, 270)]),
        ("hdr10-video-with-sdr-container.mp4", &[(320, 320, 180), (640, 640, 360), (1280, 1280, 720)]),
        ("kyrion_mpeg2av_ac3.ts", &[(320, 320, 180), (640, 640, 360), (1280, 1280, 720)]),
    ] {
        let Some(film) = shared(&format!("odd/{name}")) else { continue };
        let made = stills(&film).await;
        assert_eq!(sizes(&made), expected, "{name}");
        // This one is black from beginning to end.
        let dark = name == "kyrion_mpeg2av_ac3.ts";
        assert_eq!(mean(&grey(&made.posters[0].1).2) < 25, dark, "{name}");
        assert!(made.board.is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_song_has_its_cover_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let song = clip(folder.path(), "song.flac", "-f lavfi -i sine=d=1");
    let made = stills(&song).await;
    assert!(made.posters.is_empty() && made.board.is_none());
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
    assert_eq!(sizes(&stills(&covered).await), [(320, 320, 320), (640, 640, 640)]);
    let Some(song) = shared("audio/bear_with_picture.flac") else { return };
    assert_eq!(sizes(&stills(&song).await), [(320, 320, 276)]);
}
