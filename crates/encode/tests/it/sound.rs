//! Sound: chunks join without a trace, everything stays where it is, what is missing is silence.

use std::path::{Path, PathBuf};

use encode::{Error, Rejection, probe};
use model::plan::{Medium, Track};
use template::standard;

use crate::numbered::{self, Film};
use crate::support::{clip, runner};
use crate::title::Title;

const A0: Track = Track::Audio(0);
const RATE: usize = 48_000;

/// The sound of a title after encoding, from chunks of so many segments.
async fn sound(file: &Path, segments: u32) -> Vec<f32> {
    let title = Title::of(file, &standard()).await.cut(segments);
    let encoded = title.encode_in_reverse(A0.medium()).await;
    let samples = numbered::samples(&title.whole(A0, &encoded));
    let grid = &title.plan.grid;
    let frames = grid.aac_frames(grid.segments() - 1, RATE as u32).unwrap().end;
    assert_eq!(samples.len() as u64, frames * 1024);
    samples
}

fn loudness(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// How far two sounds are apart in each window of 5 ms.
fn residual(a: &[f32], b: &[f32]) -> Vec<f32> {
    let apart: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    apart.chunks(256).map(loudness).collect()
}

#[tokio::test]
async fn chunks_join_without_a_trace() {
    for rate in [44_100, 48_000] {
        let folder = tempfile::tempdir().unwrap();
        let tones = "0.2*sin(2*PI*440*t)+0.1*sin(2*PI*1234.5*t)+0.05*sin(2*PI*3777*t)";
        let source =
            clip(folder.path(), "a.wav", &format!("-f lavfi -i aevalsrc='{tones}|{tones}':s={rate}:d=14"));
        let exact =
            clip(folder.path(), "b.wav", &format!("-i {} -ar 48000 -c:a pcm_f32le", source.display()));
        let exact = numbered::samples(&exact);
        let whole = residual(&sound(&source, 100).await, &exact);
        let noise = whole[20..whole.len() - 20].iter().copied().fold(0.0, f32::max);
        let chunked = residual(&sound(&source, 1).await, &exact);
        let worst = chunked[20..chunked.len() - 20].iter().copied().fold(0.0, f32::max);
        println!("{rate} Hz: one pass {noise}, chunks {worst}, signal {}", loudness(&exact));
        assert!(noise < 0.05 * loudness(&exact), "the codec's noise is {noise}");
        assert!(
            worst < 1.5 * noise,
            "{worst} at {:?}, one pass {noise}",
            chunked.iter().position(|r| *r == worst)
        );
    }
}

async fn check_beeps(name: &str, more: &str, first: f64) {
    let folder = tempfile::tempdir().unwrap();
    let film = Film { frames: 200, rate: (25, 1), size: (96, 64), keyframes: "0,3,5", more: "-c:a aac" };
    let (plain, path) = (folder.path().join("plain.mkv"), folder.path().join(name));
    numbered::make(&film, &plain);
    let plain = plain.display();
    clip(folder.path(), name, &more.replace("PLAIN", &plain.to_string()));
    let beeps = numbered::beeps(&sound(&path, 2).await, RATE);
    assert!(beeps.len() >= 5, "{name}: {beeps:?}");
    for (n, at) in beeps.iter().enumerate() {
        let expected = ((first + n as f64) * RATE as f64).round() as usize;
        assert!(at.abs_diff(expected) <= 48, "{name} ({more}): beep {n} at {at} for {expected}");
    }
}

#[tokio::test]
async fn sound_that_starts_apart_from_the_picture_stays_apart() {
    let late = "-i PLAIN -itsoffset 0.35 -i PLAIN -map 0:v -map 1:a -c copy";
    let early = "-itsoffset 0.4 -i PLAIN -i PLAIN -map 0:v -map 1:a -c copy";
    check_beeps("film.mp4", late, 0.85).await;
    check_beeps("film.mkv", early, 0.54).await;
    check_beeps("film.ts", late, 0.85).await;
}

#[tokio::test]
async fn sound_that_is_missing_is_silence() {
    // It ends after 5.2 s of 8.
    check_beeps("film.mp4", "-i PLAIN -t 5.2 -i PLAIN -map 0:v -map 1:a -c copy", 0.5).await;

    let folder = tempfile::tempdir().unwrap();
    let hole = "-f lavfi -i testsrc2=s=96x64:r=25:d=8 -f lavfi -i aevalsrc='0.3*sin(2*PI*500*t)':s=48000:d=8 \
                -af aselect='not(between(t,2,3.5))' -c:v libx264 -g 20 -c:a pcm_s16le";
    let samples = sound(&clip(folder.path(), "hole.mkv", hole), 1).await;
    let seconds =
        |from: f64, to: f64| loudness(&samples[(from * RATE as f64) as usize..(to * RATE as f64) as usize]);
    let loud = [seconds(1.0, 1.95), seconds(2.05, 3.45), seconds(3.6, 7.9)];
    assert!(loud[0] > 0.2 && loud[1] < 0.001 && loud[2] > 0.2, "{loud:?}");
}

const TONE: &str = "0.3*sin(2*PI*500*t)";

/// A recording of six seconds with these channels, and as many more with others.
fn recording(folder: &Path, first: &str, second: &str) -> PathBuf {
    let part = |name: &str, from: u32, channels: &str| {
        let args = format!(
            "-f lavfi -i testsrc2=s=96x64:r=25:d=6 -f lavfi -i aevalsrc='{channels}':s=48000:d=6 -c:v libx264 -g 25 \
             -c:a ac3 -output_ts_offset {from} -muxdelay 0 -muxpreload 0 -f mpegts"
        );
        std::fs::read(clip(folder, name, &args)).unwrap()
    };
    let both = [part("one.ts", 0, first), part("two.ts", 6, second)];
    let path = folder.join("recording.ts");
    std::fs::write(&path, both.concat()).unwrap();
    path
}

#[tokio::test]
async fn sound_stays_as_loud_where_its_channels_change() {
    let folder = tempfile::tempdir().unwrap();
    let stereo = format!("{TONE}|{TONE}");
    // A voice that goes from both sides into the centre is as loud by the sum of the powers of both.
    for (first, second, then) in [(TONE, &*stereo, 0.212), (&*stereo, &format!("0|0|{TONE}|0|0|0"), 0.15)] {
        let path = recording(folder.path(), first, second);
        for segments in [2, 100] {
            let samples = sound(&path, segments).await;
            for (n, half) in samples.chunks(RATE / 2).enumerate().take(23) {
                let (level, at) = (loudness(half), n as f32 / 2.0);
                let expected = if n < 12 { 0.212 } else { then };
                // But in the half second before and behind the change.
                let near = (level / expected - 1.0).abs() < 0.035;
                assert!(near || n == 11 || n == 12, "{level} at {at} s, {segments}");
            }
        }
    }
}

#[tokio::test]
async fn sound_in_very_long_frames_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let song = clip(
        folder.path(),
        "song.flac",
        "-f lavfi -i aevalsrc='0.3*sin(2*PI*500*t)':s=8000:d=60 -c:a flac -frame_size 65535",
    );
    let title = Title::of(&song, &standard()).await.cut(4);
    let last = u32::try_from(title.plan.chunks.len() - 1).unwrap();
    assert!(last > 2);
    for n in 0..=last {
        assert_eq!(title.encode(n).await.remove(0).note, None, "chunk {n}");
    }
    let bytes = std::fs::read(&song).unwrap();
    std::fs::write(&song, &bytes[..bytes.len() * 3 / 4]).unwrap();
    let error = title.try_encode(last).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(Rejection::Truncated { .. })), "{error:?}");
}

#[tokio::test]
async fn sound_that_breaks_off_does_not_cost_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let made = "-f lavfi -i testsrc2=s=96x64:r=25:d=8 -f lavfi -i sine=d=8 -c:v libx264 -g 50 -c:a ac3";
    let path = clip(folder.path(), "film.mp4", made);
    let mut command = std::process::Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "a", "-show_entries", "packet=pts_time,pos,size"]);
    let listed = command.args(["-of", "csv=p=0"]).arg(&path).output().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for line in String::from_utf8(listed.stdout).unwrap().lines() {
        let fields: Vec<f64> = line.split(',').filter_map(|field| field.parse().ok()).collect();
        let [time, size, at] = fields[..] else { continue };
        if time > 3.0 {
            bytes[at as usize..(at + size) as usize].fill(0);
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let samples = sound(&path, 1).await;
    assert!(loudness(&samples[RATE..2 * RATE]) > 0.05 && loudness(&samples[5 * RATE..]) < 0.001);
    let notes = probe(runner(), &path).await.unwrap().notes;
    assert_eq!(notes, ["audio track 1 ends 4.9 s before the end that it announces"]);
}

#[tokio::test]
async fn sound_that_was_cut_off_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let made = "-f lavfi -i testsrc2=s=96x64:r=25:d=8 -f lavfi -i sine=d=8 -c:v libx264 -g 50 -c:a aac -movflags +faststart";
    let path = clip(folder.path(), "film.mp4", made);
    let title = Title::of(&path, &standard()).await.cut(2);
    let bytes = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes / 2).unwrap();
    let mut notes = vec![];
    for (n, chunk) in (0..).zip(&title.plan.chunks) {
        if let Medium::Audio(_) = chunk.of {
            notes.push(title.encode(n).await.remove(0).note);
        }
    }
    let note = "4 s of silence for missing sound from 3 s on".to_owned();
    assert_eq!(notes, [None, Some(note)]);
}
