//! Encoding from nothing but the bytes that a chunk needs.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use encode::extent::{Finder, Map, Step};
use encode::{Look, captions};
use model::media::Source;
use model::plan::{CaptionTrack, Medium};
use template::reference;

use crate::support::{clip, runner, shared};
use crate::title::{Title, with_holes};

/// The index of a file, and the bytes that were read for it.
fn map(file: &Path) -> (Option<Map>, u64) {
    let file = std::fs::File::open(file).unwrap();
    let mut finder = Finder::new(file.metadata().unwrap().len());
    let (mut step, mut read) = (finder.next(&[]), 0);
    loop {
        match step {
            Step::Read(range) => {
                let mut bytes = vec![0; (range.end - range.start) as usize];
                file.read_exact_at(&mut bytes, range.start).unwrap();
                read += bytes.len() as u64;
                step = finder.next(&bytes);
            }
            Step::Done(map) => return (map, read),
        }
    }
}

fn sum(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Chunks from the middle of a film have the same bytes from parts of the file as from all of it.
async fn check(file: &Path, at: u32) -> u64 {
    let title = Title::of(file, &reference()).await.cut(1);
    let (map, index) = map(file);
    let map = map.unwrap();
    let mut most = 0;
    for of in [Medium::Video, Medium::Audio(0)] {
        let chunk = title.plan.chunks.iter().position(|c| c.of == of && c.segments.contains(&at)).unwrap();
        let chunk = u32::try_from(chunk).unwrap();
        let ranges = map.ranges(&title.plan, chunk, &title.source).unwrap();
        most = most.max(index + sum(&ranges));
        let parts: Vec<_> = title.encode_of(chunk, &ranges).await.iter().map(|one| one.sha256).collect();
        let whole: Vec<_> = title.encode(chunk).await.iter().map(|one| one.sha256).collect();
        assert_eq!(parts, whole, "{} {of:?}", file.display());
    }
    most
}

/// Probing parts of the file tells the same as probing all of it, and so does looking for captions in more of it.
async fn check_probe(file: &Path) -> u64 {
    let (map, index) = map(file);
    let map = map.unwrap();
    let (mut ranges, more) = (map.to_probe().unwrap(), map.to_find_captions().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let holes = with_holes(file, &ranges, folder.path());
    let of_parts = encode::probe_parts(runner(), &holes).await.unwrap();
    let of_all = encode::probe(runner(), file).await.unwrap();
    assert_eq!(of_parts, of_all, "{}", file.display());
    let apart = |one: &Range<u64>| more.iter().all(|more| more.end <= one.start || more.start >= one.end);
    assert!(ranges.iter().all(apart), "{}: some bytes are read twice", file.display());
    assert!(sum(&more) > sum(&ranges) / 2, "{}: {} and {}", file.display(), sum(&ranges), sum(&more));
    ranges.extend(more);
    let holes = with_holes(file, &ranges, folder.path());
    assert_eq!(within(&of_all.source, &holes).await, within(&of_all.source, file).await);
    index + sum(&ranges)
}

async fn within(source: &Source, file: &Path) -> Vec<CaptionTrack> {
    let scratch = tempfile::tempdir().unwrap();
    let look = Look { runner: runner(), source, file, scratch: scratch.path() };
    captions::in_picture(look).await.unwrap()
}

#[tokio::test]
async fn parts_of_a_long_film_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let short = clip(
        folder.path(),
        "short.mp4",
        "-f lavfi -i testsrc2=s=320x180:r=24:d=12 -f lavfi -i sine=frequency=330:beep_factor=4:d=12 \
         -c:v libx264 -preset veryfast -g 100 -bf 3 -pix_fmt yuv420p -c:a aac -b:a 96k",
    );
    for (name, options) in [("front.mp4", "-movflags +faststart"), ("behind.mov", "")] {
        let looped = format!("-stream_loop -1 -i {} -t 1500 -c copy {options}", short.display());
        let film = clip(folder.path(), name, &looped);
        let needed = check(&film, 500).await.max(check_probe(&film).await);
        let bytes = std::fs::metadata(&film).unwrap().len();
        assert!(needed < 12 << 20 && needed * 4 < bytes, "{name}: {needed} of {bytes} bytes");
    }
}

#[tokio::test]
async fn captions_are_looked_for_in_the_middle_of_a_film_that_begins_late() {
    let Some(captions) = shared("captions/sintel-captions.ts") else { return };
    let folder = tempfile::tempdir().unwrap();
    // Nearly three minutes from the first minute on, of which ten seconds in the middle have captions.
    let film = clip(
        folder.path(),
        "late.mp4",
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=24:d=80,format=yuv420p -i {} -f lavfi -i sine=d=170 -filter_complex \
             [1:v]scale=160:90,setsar=1,setpts=PTS-STARTPTS[c];[0:v]split[a][b];[a][c][b]concat=n=3[v] -map [v] \
             -map 2:a -c:v libx264 -preset ultrafast -g 48 -c:a aac -output_ts_offset 60",
            captions.display()
        ),
    );
    let map = map(&film).0.unwrap();
    let (mut ranges, more) = (map.to_probe().unwrap(), map.to_find_captions().unwrap());
    ranges.extend(more);
    let source = encode::probe(runner(), &film).await.unwrap().source;
    let holes = with_holes(&film, &ranges, folder.path());
    let found = within(&source, &film).await;
    assert!(!found.is_empty());
    assert_eq!(within(&source, &holes).await, found);
}

#[tokio::test]
async fn parts_of_real_films_are_enough() {
    for name in ["main/sintel_trailer_720p24_52s.mp4", "main/intel_car-detection.mp4"] {
        if let Some(file) = shared(name) {
            check(&file, 10).await;
        }
    }
}

#[test]
fn what_has_no_plain_index_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=s=64x64:r=24:d=2 -c:v libx264 -pix_fmt yuv420p";
    let fragmented = clip(folder.path(), "f.mp4", &format!("{source} -movflags +frag_keyframe+empty_moov"));
    assert!(map(&fragmented).0.is_none());
    let other = clip(folder.path(), "o.mkv", source);
    assert!(map(&other).0.is_none());
    let cut = folder.path().join("cut.mp4");
    let whole = std::fs::read(clip(folder.path(), "w.mp4", source)).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    assert!(map(&cut).0.is_none());
}
