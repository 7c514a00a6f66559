//! Sources whose times begin late, restart, leap, or are not those of their samples: the marks of every second.

use std::path::{Path, PathBuf};
use std::process::Command;

use encode::probe;
use model::plan::{Medium, Track};
use template::reference;

use crate::numbered;
use crate::support::{case, clip, runner};
use crate::title::Title;

/// How far a mark may be from where it belongs, in seconds.
const OFF: f64 = 0.020;

/// Where marks are, in seconds from the beginning of the film: a white patch in the picture, a beep in the sound.
#[derive(Debug)]
struct Marks {
    patches: Vec<f64>,
    beeps: Vec<f64>,
    frames: u64,
}

/// Encodes a file, its last chunk first, in chunks of a few segments, and looks for its marks.
async fn marks(file: &Path) -> (Title, Marks) {
    let title = Title::of(file, &reference()).await.cut(6);
    let mut encoded = title.encode_in_reverse(Medium::Video).await;
    encoded.extend(title.encode_in_reverse(Medium::Audio(0)).await);
    let (video, audio) = (title.whole(Track::Video(0), &encoded), title.whole(Track::Audio(0), &encoded));
    let rate = title.plan.grid.rate.as_f64();
    let pictures = pictures(&video);
    let is_marked = |picture: &[u8]| picture.iter().filter(|luma| **luma > 225).count() >= 8;
    let patches = starts(pictures.chunks(WIDTH * HEIGHT).map(is_marked), 1);
    let frames = (pictures.len() / (WIDTH * HEIGHT)) as u64;
    let samples = numbered::samples(&audio);
    let loud = samples.chunks(48).map(|ms| ms.iter().any(|sample| sample.abs() > 0.1));
    let beeps = starts(loud, 20);
    let marks = Marks {
        patches: patches.into_iter().map(|n| n as f64 / rate).collect(),
        beeps: beeps.into_iter().map(|ms| ms as f64 / 1000.0).collect(),
        frames,
    };
    (title, marks)
}

const WIDTH: usize = 80;
const HEIGHT: usize = 45;

fn pictures(file: &Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(["-vf", "scale=80:45:flags=area,format=gray"]);
    command.args(["-fps_mode", "passthrough", "-f", "rawvideo", "-"]);
    command.output().unwrap().stdout
}

/// Where something begins to be true that was not for so long.
fn starts(found: impl Iterator<Item = bool>, least: usize) -> Vec<usize> {
    let (mut starts, mut not) = (vec![], least);
    for (n, is_found) in found.enumerate() {
        if is_found && not >= least {
            starts.push(n);
        }
        not = if is_found { 0 } else { not + 1 };
    }
    starts
}

/// Whether there is a mark at every second of these, and no other.
fn assert_at(found: &[f64], seconds: std::ops::Range<u32>, what: &str) {
    let expected: Vec<f64> = seconds.map(f64::from).collect();
    let near =
        found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= OFF);
    assert!(near, "{what}: {found:.3?}, not {expected:.3?}");
}

/// A case is a film of so many frames with a white patch and a beep at every second of these; whatever is brighter than
/// the patch hides it.
async fn check(name: &str, frames: u64, patches: std::ops::Range<u32>, beeps: std::ops::Range<u32>) {
    let Some(file) = case(name) else { return };
    let (title, marks) = marks(&file).await;
    assert_eq!((marks.frames, title.plan.grid.frames()), (frames, frames), "{name}");
    assert_at(&marks.patches, patches, name);
    assert_at(&marks.beeps, beeps, name);
}

#[tokio::test]
async fn pieces_in_a_row_are_one_film() {
    check("five-segments-in-a-row.ts", 750, 0..22, 0..30).await;
}

#[tokio::test]
async fn a_reconnected_encoder_continues_its_film() {
    check("reconnected.flv", 300, 0..12, 0..12).await;
}

#[tokio::test]
async fn sound_with_another_clock_stays_with_the_picture() {
    check("sound-with-a-slow-clock.mp4", 750, 0..22, 0..30).await;
}

#[tokio::test]
async fn times_of_day_are_no_length() {
    check("recorded-live.mp4", 200, 0..8, 0..8).await;
}

/// Results of a case: frames, those before the first picture and after the last one, and notes.
async fn found(name: &str) -> Option<(u64, u64, u64, Vec<String>)> {
    let found = probe(runner(), &case(name)?).await.unwrap();
    let video = found.source.video.unwrap();
    Some((video.frames, video.lead, video.held, found.notes))
}

#[tokio::test]
async fn sound_before_the_first_picture_and_behind_the_last_is_kept() {
    let before = |seconds: &str| {
        vec![format!(
            "{seconds} s of sound come before the first picture: the first picture is shown during that time"
        )]
    };
    let behind = |seconds: &str| {
        vec![format!(
            "{seconds} s of sound come after the last picture: the last picture is shown during that time"
        )]
    };
    for (name, expected) in [
        ("from-the-middle-seven.mp4", (200, 0, 0, vec![])),
        ("picture-after-4-s.mp4", (300, 100, 0, before("4.0"))),
        ("picture-after-20-s.mkv", (701, 501, 0, before("20.0"))),
        ("screen-with-few-pictures.mkv", (401, 0, 45, behind("4.4"))),
    ] {
        let Some(found) = found(name).await else { continue };
        assert_eq!(found, expected, "{name}");
    }
}

/// Six seconds with a white patch and a beep at every one of them, whose clock begins at this second.
fn recording(folder: &Path, container: &str, start: u32) -> Vec<u8> {
    cell(folder, container, start, (0.0, 0.0))
}

/// The same whose pictures and sound begin so many seconds later.
fn cell(folder: &Path, container: &str, start: u32, (picture, sound): (f64, f64)) -> Vec<u8> {
    let pictures = "color=c=0x303030:s=160x90:r=25:d=6,drawbox=x=40:y=20:w=60:h=50:c=white:t=fill:enable='lt(mod(t,1),0.2)'";
    let sounds = "aevalsrc='0.5*lt(mod(t,1),0.1)*sin(2*PI*1000*t)':s=48000:d=6";
    let codecs = match container {
        "mpg" => "-c:v mpeg2video -b:v 1M -c:a mp2",
        "avi" => "-c:v mpeg4 -c:a mp2",
        "wmv" => "-c:v wmv2 -c:a wmav2",
        "mxf" => "-c:v mpeg2video -c:a pcm_s16le",
        _ => "-c:v libx264 -preset ultrafast -bf 0 -c:a aac",
    };
    let form = if container == "mp4" { "-movflags frag_keyframe+empty_moov+default_base_moof" } else { "" };
    let made = format!(
        "-itsoffset {picture} -f lavfi -i {pictures} -itsoffset {sound} -f lavfi -i {sounds} {codecs} -g 25 {form} \
         -output_ts_offset {start}"
    );
    std::fs::read(clip(folder, &format!("{start}.{container}"), &made)).unwrap()
}

/// Six seconds of sound with a beep at every one of them.
fn song(folder: &Path, name: &str) -> Vec<u8> {
    let made = "-f lavfi -i aevalsrc='0.5*lt(mod(t,1),0.1)*sin(2*PI*1000*t)':s=48000:d=6";
    std::fs::read(clip(folder, name, made)).unwrap()
}

/// Recordings that begin at these seconds, one behind the other in one file.
fn joined(folder: &Path, container: &str, starts: &[u32]) -> PathBuf {
    let parts: Vec<u8> = starts.iter().flat_map(|start| recording(folder, container, *start)).collect();
    let file = folder.join(format!("joined.{container}"));
    std::fs::write(&file, parts).unwrap();
    file
}

/// A clock that begins anew, one that leaps, one that falls back by less than a recording, and one that begins late.
const CLOCKS: [&[u32]; 4] = [&[10, 10], &[10, 1010], &[10, 15], &[90_000]];

async fn joined_is_whole(container: &str) {
    let folder = tempfile::tempdir().unwrap();
    for starts in CLOCKS {
        let (_, marks) = marks(&joined(folder.path(), container, starts)).await;
        let (parts, what) = (u32::try_from(starts.len()).unwrap(), format!("{container} {starts:?}"));
        assert_eq!(marks.frames, u64::from(parts) * 150, "{what}");
        assert_at(&marks.patches, 0..6 * parts, &what);
        assert_at(&marks.beeps, 0..6 * parts, &what);
    }
}

#[tokio::test]
async fn joined_transport_streams_are_one_film() {
    joined_is_whole("ts").await;
}

#[tokio::test]
async fn joined_program_streams_are_one_film() {
    joined_is_whole("mpg").await;
}

#[tokio::test]
async fn joined_flash_files_are_one_film() {
    joined_is_whole("flv").await;
    let folder = tempfile::tempdir().unwrap();
    // One whose clock runs on, and three of which the first was broken off in a tag.
    let parts: Vec<u8> = [10, 16].iter().flat_map(|start| recording(folder.path(), "flv", *start)).collect();
    let file = folder.path().join("runs-on.flv");
    std::fs::write(&file, parts).unwrap();
    let (title, found) = marks(&file).await;
    assert_eq!((found.frames, &title.notes[..]), (300, &[][..]));
    assert_at(&found.patches, 0..12, "runs on");
    assert_at(&found.beeps, 0..12, "runs on");
    let one = recording(folder.path(), "flv", 0);
    let file = folder.path().join("broken-off.flv");
    std::fs::write(&file, [&one[..one.len() - 40], &one, &one].concat()).unwrap();
    let (_, found) = marks(&file).await;
    assert!((440..=450).contains(&found.frames), "{}", found.frames);
    assert_eq!((found.patches.len(), found.beeps.len()), (18, 18));
}

#[tokio::test]
async fn a_flash_file_of_another_form_behind_the_first_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let other = "-f lavfi -i testsrc=s=320x180:r=25:d=6 -c:v libx264 -preset ultrafast";
    let other = std::fs::read(clip(folder.path(), "other.flv", other)).unwrap();
    let one = recording(folder.path(), "flv", 0);
    let file = folder.path().join("two.flv");
    std::fs::write(&file, [&one[..], &one, &other].concat()).unwrap();
    let (title, found) = marks(&file).await;
    assert_eq!((found.frames, title.notes.len()), (300, 1), "{:?}", title.notes);
    assert!(title.notes[0].contains("another recording was appended"), "{:?}", title.notes);
    assert_at(&found.patches, 0..12, "two of three");
}

#[tokio::test]
async fn cells_whose_sound_begins_at_another_time_are_one_film() {
    let folder = tempfile::tempdir().unwrap();
    for container in ["mpg", "ts", "flv"] {
        for offsets in [(0.0, 0.6), (0.6, 0.0)] {
            let parts =
                [(0.0, 0.0), offsets, (0.0, 0.0)].map(|offsets| cell(folder.path(), container, 10, offsets));
            let file = folder.path().join(format!("cells.{container}"));
            std::fs::write(&file, parts.concat()).unwrap();
            let (_, found) = marks(&file).await;
            let what = format!("{container} {offsets:?}: {found:.3?}");
            assert_eq!((found.patches.len(), found.beeps.len()), (18, 18), "{what}");
            for (n, (patch, beep)) in found.patches.iter().zip(&found.beeps).enumerate() {
                let later = if (6..12).contains(&n) { offsets.1 - offsets.0 } else { 0.0 };
                // Before its first picture, that stands in for those that are not there.
                let is_early = n == 6 && *patch < beep - later;
                assert!(is_early || (beep - patch - later).abs() <= 2.0 * OFF, "{what}: mark {n}");
            }
        }
    }
}

/// Marks of a song.
async fn beeps(file: &Path) -> (Title, Vec<f64>) {
    let title = Title::of(file, &reference()).await.cut(6);
    let encoded = title.encode_in_reverse(Medium::Audio(0)).await;
    let samples = numbered::samples(&title.whole(Track::Audio(0), &encoded));
    let loud = samples.chunks(48).map(|ms| ms.iter().any(|sample| sample.abs() > 0.1));
    let beeps = starts(loud, 20).into_iter().map(|ms| ms as f64 / 1000.0).collect();
    (title, beeps)
}

#[tokio::test]
async fn joined_songs_are_whole_or_told() {
    let folder = tempfile::tempdir().unwrap();
    for (name, songs) in [
        ("a.mp3", 3),
        ("a.aac", 3),
        ("a.ac3", 3),
        ("a.wav", 3),
        ("a.aiff", 1),
        ("a.w64", 1),
        ("a.flac", 1),
        ("a.ogg", 1),
        ("a.opus", 1),
        ("a.m4a", 1),
        ("a.wma", 1),
        ("a.mka", 1),
    ] {
        let one = song(folder.path(), name);
        let file = folder.path().join(name);
        std::fs::write(&file, one.repeat(3)).unwrap();
        let (title, beeps) = beeps(&file).await;
        assert_eq!(beeps.len(), 6 * songs, "{name}: {beeps:.2?} {:?}", title.notes);
        let is_told = title.notes.iter().any(|note| note.contains("left out"));
        assert_eq!(is_told, songs < 3, "{name}: {:?}", title.notes);
    }
}

#[tokio::test]
async fn joined_films_of_other_containers_are_whole_or_told() {
    let folder = tempfile::tempdir().unwrap();
    let plain = "-f lavfi -i testsrc=s=160x90:r=25:d=6 -c:v libx264 -preset ultrafast";
    let plain = std::fs::read(clip(folder.path(), "plain.mp4", plain)).unwrap();
    let files = ["avi", "mkv", "wmv", "mxf"].map(|kind| (kind, recording(folder.path(), kind, 0)));
    for (kind, one) in files.into_iter().chain([("mp4", plain)]) {
        let file = folder.path().join(format!("joined.{kind}"));
        std::fs::write(&file, one.repeat(3)).unwrap();
        let found = probe(runner(), &file).await.unwrap();
        let is_told = found.notes.iter().any(|note| note.contains("left out"));
        assert_eq!(is_told, kind != "avi", "{kind}: {:?}", found.notes);
        if !is_told {
            let (_, found) = marks(&file).await;
            assert_at(&found.patches, 0..18, kind);
            assert_at(&found.beeps, 0..18, kind);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_in_the_middle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let films = ["avi", "mkv", "wmv", "mxf", "flv", "ts", "mpg", "mp4"]
        .map(|kind| (format!("a.{kind}"), cell(folder.path(), kind, 0, (0.0, 0.0))));
    let songs = ["mp3", "aac", "ac3", "flac", "ogg"]
        .map(|kind| (format!("b.{kind}"), song(folder.path(), &format!("b.{kind}"))));
    for (name, mut bytes) in films.into_iter().chain(songs) {
        let (from, to) = (bytes.len() * 4 / 10, bytes.len() * 6 / 10);
        let mut state = 1_u32;
        for byte in &mut bytes[from..to] {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        let file = folder.path().join(&name);
        std::fs::write(&file, &bytes).unwrap();
        if let Err(encode::Error::Rejected(_)) = probe(runner(), &file).await {
            continue;
        }
        let title = Title::of(&file, &reference()).await.cut(6);
        let mut is_told = !title.notes.is_empty();
        for medium in title.source.video.iter().map(|_| Medium::Video).chain([Medium::Audio(0)]) {
            // Told, or refused.
            let notes = title.notes_on(medium).await.ok();
            is_told |= notes.is_none_or(|notes| !notes.is_empty());
        }
        assert!(is_told, "{name}");
    }
}

#[tokio::test]
async fn what_is_left_out_of_joined_files_of_other_containers_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for container in ["mkv", "mp4"] {
        for starts in [&[10, 10][..], &[10, 15], &[90_000]] {
            let found = probe(runner(), &joined(folder.path(), container, starts)).await.unwrap();
            let (whole, notes) = (starts.len() == 1, &found.notes[..]);
            let is_told = |note: &String| {
                ["another recording was appended", "times go back"].iter().any(|words| note.contains(words))
            };
            assert_eq!(notes.iter().any(is_told), !whole, "{container} {starts:?}: {notes:?}");
            assert!(!whole || found.source.duration_ms == 6000, "{container} {:?}", found.source);
        }
    }
}
