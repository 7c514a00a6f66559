//! Facts about real, odd and broken files.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use encode::{Error, probe};

use crate::shared::SHARED;
use crate::support::{self, clip, runner, shared};

/// One line of facts, or the reason for the rejection.
async fn facts(path: &Path) -> String {
    let source = match probe(runner(), path).await {
        Ok(probed) => probed.source,
        Err(Error::Rejected(rejection)) => return format!("{}: {rejection}", support::kind(&rejection)),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let mut line = format!("{} {} ms", source.container.demuxer(), source.duration_ms);
    if let Some(v) = &source.video {
        write!(
            line,
            " | {} {} {}x{} shown {}x{} turned {} {}/{} {} frames from {} us keys {:?} {}{}{}",
            v.stream,
            v.codec,
            v.width,
            v.height,
            v.display_width,
            v.display_height,
            v.rotation,
            v.rate.num(),
            v.rate.den(),
            v.frames,
            v.start_us,
            &v.keyframes[..v.keyframes.len().min(4)],
            v.pixel_format,
            if v.interlaced { " fields" } else { "" },
            v.transfer.as_deref().map(|name| format!(" {name}")).unwrap_or_default(),
        )
        .unwrap();
    }
    for a in &source.audio {
        write!(
            line,
            " | {} {} {} Hz {} ch {} from {} us {} ms",
            a.stream, a.codec, a.sample_rate, a.channels, a.language, a.start_us, a.duration_ms
        )
        .unwrap();
        if let Some(label) = &a.label {
            write!(line, " {label:?}").unwrap();
        }
    }
    for c in &source.captions {
        write!(line, " | {:?} {}", c.from, c.language).unwrap();
        if let Some(label) = &c.label {
            write!(line, " {label:?}").unwrap();
        }
    }
    line
}

/// Frames as decoding shows them, outside the jail: microseconds, if known, and whether it is a keyframe.
fn decoded(path: &Path, stream: u32) -> Vec<(Option<i64>, bool)> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "quiet", "-select_streams", &stream.to_string()]).arg(path);
    command.args(["-show_entries", "frame=key_frame,best_effort_timestamp_time", "-of", "compact=p=0:nk=1"]);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let frame = |line: &str| {
        let (key, time) = line.split_once('|')?;
        let time = time.split('|').next()?.parse().ok().map(|time: f64| (time * 1e6).round() as i64);
        Some((time, key == "1"))
    };
    text.lines().filter_map(frame).collect()
}

/// Holds facts against a real decode: every decoded frame has its own place on the grid, from the first place to
/// the last, and every promised keyframe is one.
async fn verify(path: &Path, gaps: usize) {
    let name = path.display();
    let source = probe(runner(), path).await.unwrap_or_else(|error| panic!("{name}: {error}")).source;
    let video = source.video.unwrap();
    let mut end = video.start_us;
    let frame_us = 1_000_000 * i64::from(video.rate.den()) / i64::from(video.rate.num());
    let frames = decoded(path, video.stream).into_iter().map(|(time, key)| {
        // A frame without a time follows the one before it.
        let time = time.unwrap_or(end);
        end = time + frame_us;
        (time, key)
    });
    let frames: Vec<(i64, bool)> = frames.collect();
    let number = |us: i64| {
        let frame = (us - video.start_us) as f64 / 1e6 * video.rate.as_f64();
        u64::try_from(frame.round() as i64).unwrap_or_else(|_| panic!("{name}: {us} is before the start"))
    };
    let numbers: Vec<u64> = frames.iter().map(|(us, _)| number(*us)).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{name}: {numbers:?}");
    // Where sound comes first, the first picture is shown in the places before its own.
    let lead = video.lead;
    assert_eq!((numbers.first(), numbers.last()), (Some(&lead), Some(&(video.frames - 1))), "{name}");
    assert_eq!(numbers.len() + gaps, usize::try_from(video.frames - lead).unwrap(), "{name}");
    let first = video.start_us + (lead as f64 / video.rate.as_f64() * 1e6).round() as i64;
    assert!((frames[0].0 - first).abs() <= 1, "{name}: {} is not {first}", frames[0].0);
    let keys: Vec<u64> = frames.iter().filter(|(_, key)| *key).map(|(us, _)| number(*us)).collect();
    // The first frame can be had even if the keyframe before it is hidden by an edit list.
    for key in &video.keyframes[1..] {
        assert!(keys.contains(key), "{name}: {key} is no keyframe of {keys:?}");
    }
    println!("{name}: {}/{} {} frames", video.rate.num(), video.rate.den(), video.frames);
}

#[tokio::test]
async fn generated_films_decode_as_promised() {
    let dir = tempfile::tempdir().unwrap();
    let source = |rate: &str| format!("-f lavfi -i testsrc2=s=160x120:r={rate}:d=2.5");
    let x264 = "-c:v libx264 -preset ultrafast -bf 3 -g 17 -x264-params b-adapt=0";
    let mpeg2 = "-c:v mpeg2video -bf 2 -g 12";
    for (name, rate, codec) in [
        ("cinema.mp4", "24000/1001", x264),
        ("cinema.mkv", "24000/1001", x264),
        ("cinema.ts", "24000/1001", x264),
        ("cinema.flv", "24000/1001", x264),
        ("half.mp4", "25/2", x264),
        ("half.mkv", "25/2", x264),
        ("ntsc.mov", "30000/1001", x264),
        ("open.mp4", "30", "-c:v libx264 -preset ultrafast -bf 3 -g 17 -x264-params open-gop=1:b-adapt=0"),
        ("sport.mkv", "60000/1001", x264),
        ("sport.ts", "50", x264),
        ("broadcast.ts", "25", mpeg2),
        ("disc.mpg", "30000/1001", mpeg2),
        ("tape.mxf", "25", mpeg2),
        ("old.avi", "25", "-c:v mpeg4 -bf 2 -g 12"),
        ("older.avi", "30000/1001", "-c:v mpeg4 -g 12"),
        ("h264.avi", "25", x264),
        ("windows.wmv", "25", "-c:v wmv2 -g 12"),
        ("free.ogv", "25", "-c:v libtheora -g 12"),
        ("web.webm", "30", "-c:v libvpx -g 30 -deadline realtime"),
        ("fragmented.mp4", "25", "-c:v libx264 -bf 3 -g 17 -movflags frag_keyframe+empty_moov"),
        ("delayed.mp4", "25", "-c:v libx264 -bf 3 -g 17 -output_ts_offset 3.21"),
        ("early.ts", "25", "-c:v libx264 -bf 3 -g 17 -muxdelay 0 -muxpreload 0"),
        ("intra.mov", "25", "-c:v prores_ks"),
        ("motion.avi", "30", "-c:v mjpeg -pix_fmt yuvj420p"),
        (
            "camera.mp4",
            "30000/1001",
            "-c:v libx265 -preset ultrafast -x265-params log-level=0:bframes=3:keyint=20",
        ),
    ] {
        let codec = codec.replace("-c:v libx264 -bf", "-c:v libx264 -preset ultrafast -bf");
        verify(&clip(dir.path(), name, &format!("{} {codec}", source(rate))), 0).await;
    }
    // Cut without encoding: what comes before the cut is hidden by an edit list, or simply missing.
    let whole = clip(dir.path(), "whole.mp4", &format!("{} {x264}", source("25")));
    let cut = |name: &str, args: &str| {
        clip(dir.path(), name, &format!("-ss 1.1 -i {} -c copy {args}", whole.display()))
    };
    verify(&cut("edited.mp4", ""), 0).await;
    verify(&cut("cut.mkv", ""), 0).await;
    verify(&cut("negative.mp4", "-copyts -avoid_negative_ts disabled"), 0).await;
    // Frames that were dropped while recording.
    let gaps = "-vf select='not(eq(mod(n\\,7)\\,3))' -fps_mode passthrough";
    verify(&clip(dir.path(), "gaps.mp4", &format!("{} {gaps} {x264}", source("25"))), 9).await;
}

#[tokio::test]
async fn shared_films_decode_as_promised() {
    for (name, gaps) in [
        ("main/openshot_test_video_540p60_29s_noaudio.mp4", 0),
        ("main/bbb_0_30_vp8.webm", 0),
        ("main/intel_car-detection.mp4", 0),
        ("main/nasa_13013.mp4", 0),
        ("broken/no_duration.webm", 0),
        ("broken/sample_without_stss.mp4", 0),
        ("captions/sintel-captions.ts", 0),
        ("odd/bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4", 0),
        ("odd/edit_list_positive_shift.mp4", 0),
        ("odd/hlg10-color-test.mp4", 0),
        ("odd/internal_emulator_transformer_output_270_rotated.mp4", 0),
        ("odd/kyrion_dirtystart.ts", 3),
        ("odd/mv_with_2_top_shots.mp4", 1),
        ("odd/sample.avi", 2),
        ("odd/sample_12_5fps_720p_1s.mp4", 0),
    ] {
        if let Some(path) = shared(name) {
            verify(&path, gaps).await;
        }
    }
}

#[tokio::test]
async fn shared_films_are_what_they_are() {
    let wrong = |expected: &str, found: &str| (expected != found).then(|| format!("{expected}\n{found}\n"));
    let mut differences = vec![];
    for (name, expected) in SHARED {
        if let Some(path) = shared(name) {
            differences.extend(wrong(&expected.join(" | "), &facts(&path).await));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
