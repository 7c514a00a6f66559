//! Frame identity: every segment, decoded alone, shows exactly the frames that the plan says.

use std::path::Path;

use encode::{Error, Runner, first_frame, probe};
use model::media::Source;
use model::plan::{Medium, Track};
use model::{BitsPerSecond, FrameRate};
use template::{Ladder, Output, ScalingBehavior, Template, reference, standard};
use tokio_util::sync::CancellationToken;

use crate::numbered::{self, Film, joined};
use crate::support::{clip, runner, shared};
use crate::title::Title;

/// Encodes in reverse, then reads numbers and beeps back.
async fn check_film(film: &Film<'_>, name: &str, template: &Template, sizes: &[(u32, u32)]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    numbered::make(film, &path);
    let title = Title::of(&path, template).await.cut(2);
    assert_eq!(title.plan.grid.frames(), film.frames as u64, "{name}");
    let video = title.source.video.as_ref().unwrap();
    // A program stream does not tell.
    assert!(video.keyframes.len() > 3 || name == "film.mpg", "{name}: {:?}", video.keyframes);
    let found: Vec<_> = title.plan.renditions.iter().map(|r| (r.width, r.height)).collect();
    assert_eq!(found, sizes);

    let mut encoded = title.encode_in_reverse(Medium::Audio(0)).await;
    encoded.extend(title.encode_in_reverse(Medium::Video).await);
    for chunk in &encoded {
        assert_eq!(chunk.note, None);
        let bytes = std::fs::read(&chunk.path).unwrap();
        assert_eq!((bytes.len() as u64, chunk.bytes), (chunk.index.bytes(), chunk.index.bytes()));
        let Track::Video(_) = chunk.track else { continue };
        let init = title.init(chunk.track);
        for (segment, k) in chunk.index.segments.iter().zip(chunk.index.first_segment..) {
            let range = segment.range.start as usize..segment.range.end as usize;
            let alone = joined(title.folder.path().join("alone.mp4"), &[&init, &bytes[range]]);
            let planned: Vec<u64> = title.plan.grid.segment(k).unwrap().collect();
            assert_eq!(
                numbered::numbers(&alone, title.size(chunk.track)),
                planned,
                "{} segment {k}",
                chunk.track
            );
            assert_eq!(segment.samples.len(), planned.len());
        }
    }
    for track in title.plan.tracks() {
        let whole = title.whole(track, &encoded);
        match track {
            Track::Video(_) => {
                let all: Vec<u64> = (0..film.frames as u64).collect();
                assert_eq!(numbered::numbers(&whole, title.size(track)), all);
            }
            Track::Audio(_) | Track::Captions(_) => check_beeps(&title, &whole),
        }
    }
    // Again, in another order: the same bytes.
    for chunk in [0, 1, title.plan.chunks.len() as u32 - 1] {
        for again in title.encode(chunk).await {
            let first = encoded
                .iter()
                .find(|e| (e.track, e.index.first_segment) == (again.track, again.index.first_segment));
            assert_eq!(again.sha256, first.unwrap().sha256, "chunk {chunk} of {}", again.track);
        }
    }
}

fn check_beeps(title: &Title, whole: &Path) {
    let samples = numbered::samples(whole);
    let (rate, grid) = (48_000, &title.plan.grid);
    let frames = grid.aac_frames(grid.segments() - 1, rate).unwrap().end;
    assert_eq!(samples.len() as u64, frames * 1024);
    let beeps = numbered::beeps(&samples, rate as usize);
    let seconds = grid.rate.frame_ms(grid.frames()) as usize;
    assert_eq!(beeps.len(), (seconds + 500) / 1000, "{beeps:?}");
    for (n, at) in beeps.iter().enumerate() {
        // A beep swells within a quarter of its period, 0.25 ms.
        let off = at.abs_diff(n * rate as usize + rate as usize / 2);
        assert!(off <= 48, "beep {n} is {off} samples off");
    }
}

#[tokio::test]
async fn segments_of_the_reference_show_their_frames_at_24() {
    let film = Film {
        frames: 130,
        rate: (24, 1),
        size: (640, 360),
        keyframes: "0,1.9,2.2,4.6",
        more: "-b_strategy 0 -movflags +faststart",
    };
    check_film(&film, "film.mp4", &reference(), &[(1280, 720), (960, 540), (640, 360)]).await;
}

#[tokio::test]
async fn segments_of_the_standard_show_their_frames_at_29_97() {
    let film = Film {
        frames: 300,
        rate: (30_000, 1001),
        size: (480, 360),
        keyframes: "0,1.7,4.1,4.2,8.5",
        more: "-video_track_timescale 90000",
    };
    check_film(&film, "film.mp4", &standard(), &[(480, 360)]).await;
}

#[tokio::test]
async fn segments_from_other_containers_show_their_frames() {
    for name in ["film.mkv", "film.ts", "film.flv", "film.mpg"] {
        let more = if name == "film.mpg" {
            "-c:v mpeg2video -q:v 2 -bf 2 -sc_threshold 0 -c:a mp2 -f vob"
        } else {
            ""
        };
        let film = Film { frames: 160, rate: (25, 1), size: (320, 180), keyframes: "0,1.6,3,4.2", more };
        check_film(&film, name, &standard(), &[(320, 180)]).await;
    }
}

const LOWEST: Output = Output {
    width: 256,
    height: 144,
    scaling_behavior: ScalingBehavior::Default,
    max_bitrate: BitsPerSecond(500_000),
};

/// The reference with small pictures, which is ten times as fast.
pub(crate) fn small() -> Template {
    let ladder = Ladder::Outputs(vec![Output { width: 384, height: 216, ..LOWEST }, LOWEST]);
    Template { name: "small".to_owned(), ladder, ..reference() }
}

#[tokio::test]
async fn real_films_keep_every_frame() {
    for (name, frames) in
        [("main/sintel_trailer_720p24_52s.mp4", 1253), ("main/bbb_1080p24_30s_5.1.mp4", 720)]
    {
        let Some(file) = shared(name) else { continue };
        let mut one = small();
        one.ladder = Ladder::Outputs(vec![LOWEST]);
        let title = Title::of(&file, &one).await;
        let encoded = title.encode_in_reverse(Medium::Video).await;
        for track in title.plan.tracks().filter(|track| track.medium() == Medium::Video) {
            let chunks = encoded.iter().filter(|chunk| chunk.track == track);
            let counted: usize =
                chunks.flat_map(|chunk| &chunk.index.segments).map(|s| s.samples.len()).sum();
            assert_eq!(counted, frames, "{name} {track}");
        }
        let lowest = Track::Video(0);
        assert_eq!(
            numbered::numbers(&title.whole(lowest, &encoded), title.size(lowest)).len(),
            frames,
            "{name}"
        );
    }
}

#[tokio::test]
async fn encoders_are_asked_for_the_same_headers_once() {
    let folder = tempfile::tempdir().unwrap();
    let film = clip(folder.path(), "film.mp4", "-f lavfi -i testsrc2=s=320x180:r=25:d=1 -c:v libx264");
    let (source, template) = (probe(runner(), &film).await.unwrap().source, reference());
    let known = first_frame::Known::default();
    let ask = async |source: &Source, runner: Runner<'_>| {
        known.headers(runner, source, &template, folder.path()).await
    };
    let asked = ask(&source, runner()).await.unwrap();
    // Nothing can be run any more.
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let stopped = Runner { cancel: &cancelled, ..runner() };
    assert_eq!(ask(&source, stopped).await.unwrap(), asked);
    let mut other = source;
    other.video.as_mut().unwrap().rate = FrameRate::new(30, 1).unwrap();
    assert!(matches!(ask(&other, stopped).await, Err(Error::Cancelled)));
}
