//! Pictures that are held: by sound that continues after them, and by their own duration.

use std::path::{Path, PathBuf};

use encode::probe;
use model::plan::{Medium, Track};
use template::{Template, standard};

use crate::numbered::{self, Film, joined};
use crate::support::{clip, runner};
use crate::title::Title;

const FRAMES: u64 = 130;
const SIZE: (u32, u32) = (320, 180);

/// A numbered film of 5.2 s, beside so many seconds of sound.
fn film(folder: &Path, name: &str, seconds: f64) -> PathBuf {
    let picture = folder.join("picture.mp4");
    let film = Film { frames: 130, rate: (25, 1), size: (320, 180), keyframes: "0,1.9,4.6", more: "" };
    numbered::make(&film, &picture);
    let sound = "-c:v copy -c:a aac -map 0:v -map 1:a";
    let args = format!("-i {} -f lavfi -i sine=d={seconds} {sound}", picture.display());
    clip(folder, name, &args)
}

/// Every segment, decoded alone, shows its pictures, and behind them the last one.
async fn check(title: &Title, size: (u32, u32)) {
    let mut encoded = title.encode_in_reverse(Medium::Video).await;
    encoded.extend(title.encode_in_reverse(Medium::Audio(0)).await);
    let init = title.init(Track::Video(0));
    for chunk in encoded.iter().filter(|chunk| chunk.track == Track::Video(0)) {
        let bytes = std::fs::read(&chunk.path).unwrap();
        for (segment, k) in chunk.index.segments.iter().zip(chunk.index.first_segment..) {
            let range = segment.range.start as usize..segment.range.end as usize;
            let alone = joined(title.folder.path().join("alone.mp4"), &[&init, &bytes[range]]);
            let planned = title.plan.grid.segment(k).unwrap().map(|frame| frame.min(FRAMES - 1));
            assert_eq!(numbered::numbers(&alone, size), planned.collect::<Vec<_>>(), "segment {k}");
        }
    }
    let whole = numbered::numbers(&title.whole(Track::Video(0), &encoded), size);
    assert_eq!(whole.len() as u64, title.plan.grid.frames());
    let sound = numbered::samples(&title.whole(Track::Audio(0), &encoded));
    assert!(sound[sound.len() - 24_000..].iter().any(|sample| sample.abs() > 0.05), "it sounds to its end");
}

#[tokio::test]
async fn the_last_picture_stands_while_the_sound_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    for (name, segments) in [("film.mp4", 1), ("film.mkv", 3), ("film.ts", 100)] {
        let title = Title::of(&film(folder.path(), name, 16.0), &standard()).await.cut(segments);
        let video = title.source.video.as_ref().unwrap();
        assert_eq!(video.shown(), FRAMES, "{name}");
        assert!((398..=402).contains(&video.frames), "{name}: {}", video.frames);
        assert!(title.source.duration_ms.abs_diff(16_000) < 100, "{name}");
        check(&title, SIZE).await;
    }
}

#[tokio::test]
async fn a_little_more_sound_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let found = probe(runner(), &film(folder.path(), "film.mp4", 5.28)).await.unwrap();
    assert_eq!((found.source.video.unwrap().frames, found.notes), (FRAMES, vec![]));
}

/// Less than half a second of the picture may be missing; its last one is then the last that there is.
#[tokio::test]
async fn a_picture_that_is_missing_in_front_of_held_ones_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = film(folder.path(), "film.mp4", 16.0);
    let mut title = Title::of(&path, &standard()).await.cut(2);
    // As if ten more had been announced.
    let video = title.source.video.as_mut().unwrap();
    video.held -= 10;
    check(&title, SIZE).await;
}

/// A song as people upload it where only films are taken: one picture, and minutes of music.
#[tokio::test]
async fn one_picture_and_a_song_is_as_long_as_the_song() {
    let folder = tempfile::tempdir().unwrap();
    let made =
        "-f lavfi -i color=c=0x808080:s=320x180:r=25:d=0.04 -f lavfi -i sine=d=90 -c:v libx264 -c:a aac";
    let song = clip(folder.path(), "song.mp4", made);
    let found = probe(runner(), &song).await.unwrap();
    assert_eq!(
        found.notes,
        ["89.9 s of sound come after the last picture: the last picture is shown during that time"]
    );
    let one: Template = standard();
    let title = Title::of(&song, &one).await;
    let cut: Vec<_> = title.plan.chunks.iter().filter(|chunk| chunk.of == Medium::Video).collect();
    assert!(cut.len() > 2 && cut.iter().all(|chunk| chunk.decode_from == 0), "{cut:?}");
    let counted: usize = title
        .encode_in_reverse(Medium::Video)
        .await
        .iter()
        .filter(|chunk| chunk.track == Track::Video(0))
        .flat_map(|chunk| &chunk.index.segments)
        .map(|segment| segment.samples.len())
        .sum();
    assert_eq!(counted as u64, title.plan.grid.frames());
    assert!(title.plan.duration_ms().abs_diff(90_000) < 100);
}
