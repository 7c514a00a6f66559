//! The same film in every format.

use std::collections::HashMap;
use std::path::Path;

use model::FrameRate;
use model::packaging::Configuration;
use model::plan::Track;

use crate::film::{Film, Script, make};
use crate::players::{beeps, deliver_as, flashes, times, tool};

const FORMATS: [&str; 4] = ["index.m3u8", "ts/index.m3u8", "index.mpd", "index.mp4"];

fn film() -> Film {
    make(&Script {
        rate: FrameRate::new(24, 1).unwrap(),
        boundaries: vec![0, 48, 90, 144, 190, 197],
        heights: vec![180, 90],
        pyramid: true,
        chunks: (vec![1, 2, 2], vec![3, 2]),
    })
}

fn configuration(seconds: u32) -> Configuration {
    Configuration {
        segment_duration_seconds: seconds,
        include_iframe_only_stream: true,
        ..Configuration::default()
    }
}

#[test]
fn every_format_has_the_same_frames_at_the_same_times() {
    let film = film();
    for seconds in [0, 4] {
        for apart in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let configuration = Configuration { use_audio_rendition_group: apart, ..configuration(seconds) };
            deliver_as(&film, &configuration, dir.path());
            for format in FORMATS {
                same_film(&film, dir.path(), format);
            }
        }
    }
}

fn same_film(film: &Film, dir: &Path, format: &str) {
    let decode = ["-xerror", "-err_detect", "explode", "-i", format, "-map", "0", "-f", "null", "-"];
    tool(dir, "ffmpeg", &decode);
    // MPEG-TS begins at 10 s, and its clock has 90,000 ticks.
    let (start, exact) = if format.starts_with("ts/") { (10.0, 2e-5) } else { (0.0, 2e-4) };
    for (select, count, step) in [("v:0", 197, 1.0 / 24.0), ("a:0", 385, 1024.0 / 48_000.0)] {
        let mut pts = times(dir, select, "pts_time", format);
        pts.sort_by(f64::total_cmp);
        assert_eq!(pts.len(), count, "{format} {select}");
        for (n, pts) in pts.iter().enumerate() {
            assert!((pts - start - n as f64 * step).abs() < exact, "{format} {select}: {n} is at {pts}");
        }
    }
    let seconds: Vec<u64> = (0..9).map(|n| n * 24).collect();
    assert_eq!(flashes(dir, format), seconds, "{format}");
    for (n, heard) in beeps(dir, format).into_iter().enumerate() {
        let late = heard as f64 / 48_000.0 - n as f64;
        assert!(late.abs() < 0.02, "{format}: beep {n} is {late} s late");
    }
    assert_eq!(film.plan.grid.frames(), 197);
}

#[test]
fn songs_have_every_format_too() {
    let film = make(&Script {
        rate: FrameRate::new(48_000, 1024).unwrap(),
        boundaries: vec![0, 94, 188, 200],
        heights: Vec::new(),
        pyramid: false,
        chunks: (Vec::new(), vec![2, 1]),
    });
    let dir = tempfile::tempdir().unwrap();
    deliver_as(&film, &configuration(0), dir.path());
    for format in FORMATS {
        let pts = times(dir.path(), "a:0", "pts_time", format);
        assert_eq!(pts.len(), 200, "{format}");
        assert_eq!(beeps(dir.path(), format).len(), 5, "{format}");
    }
}

#[test]
fn continuity_counters_run_on_across_segments() {
    let film = film();
    for (seconds, apart) in [(0, false), (0, true), (4, false)] {
        let dir = tempfile::tempdir().unwrap();
        let configuration = Configuration { use_audio_rendition_group: apart, ..configuration(seconds) };
        deliver_as(&film, &configuration, dir.path());
        for track in film.plan.tracks() {
            let mut next: HashMap<u16, u8> = HashMap::new();
            let mut clocks = Vec::new();
            let segments = (0..).map(|n| dir.path().join(format!("ts/{track}/{n}.ts")));
            for path in segments.take_while(|path| path.exists()) {
                let bytes = std::fs::read(&path).unwrap();
                assert_eq!(bytes.len() % 188, 0);
                for packet in bytes.chunks(188) {
                    let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
                    let counter = packet[3] & 15;
                    assert!(packet[0] == 0x47 && packet[3] & 0x10 != 0);
                    let expected = next.insert(pid, (counter + 1) & 15).unwrap_or(counter);
                    assert_eq!(counter, expected, "{} pid {pid}", path.display());
                    if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0 {
                        clocks.push(u32::from_be_bytes(packet[6..10].try_into().unwrap()));
                    }
                }
            }
            // In 45 kHz ticks: at least every 100 ms, and ascending.
            assert!(clocks.windows(2).all(|w| w[0] < w[1] && w[1] - w[0] <= 4500), "{track}");
            let expected = if matches!(track, Track::Audio(_)) || apart { 3 } else { 4 };
            assert_eq!(next.len(), expected, "{track}: tables, picture, sound");
        }
    }
}

#[test]
fn key_frames_decode_alone() {
    let film = film();
    for seconds in [0, 4] {
        let dir = tempfile::tempdir().unwrap();
        deliver_as(&film, &configuration(seconds), dir.path());
        for (folder, init) in [("", true), ("ts/", false)] {
            let playlist = format!("{folder}v0-iframes.m3u8");
            let text = std::fs::read_to_string(dir.path().join(&playlist)).unwrap();
            let mut range = None;
            let mut decoded = 0;
            for line in text.lines() {
                if let Some(found) = line.strip_prefix("#EXT-X-BYTERANGE:") {
                    let (length, start) = found.split_once('@').unwrap();
                    range = Some((length.parse::<usize>().unwrap(), start.parse::<usize>().unwrap()));
                } else if !line.starts_with('#') {
                    let (length, start) = range.take().unwrap();
                    let segment = std::fs::read(dir.path().join(folder).join(line)).unwrap();
                    let mut bytes = Vec::new();
                    if init {
                        bytes = std::fs::read(dir.path().join("v0/init.mp4")).unwrap();
                    }
                    bytes.extend_from_slice(&segment[start..start + length]);
                    std::fs::write(dir.path().join("key.bin"), bytes).unwrap();
                    // The reader of MP4 says that samples behind the key frame are missing.
                    let quiet = ["-v", "fatal", "-i", "key.bin", "-frames:v", "1", "-f", "rawvideo", "-"];
                    let raw = tool(dir.path(), "ffmpeg", &quiet);
                    assert_eq!(raw.len(), 320 * 180 * 3 / 2, "{playlist} {line}");
                    decoded += 1;
                }
            }
            assert_eq!(decoded, 5, "{playlist}");
        }
    }
}

#[test]
fn a_whole_film_has_the_samples_of_its_chunks() {
    let film = film();
    let dir = tempfile::tempdir().unwrap();
    deliver_as(&film, &configuration(0), dir.path());
    for (file, tracks) in [
        ("index.mp4", vec![Track::Video(0), Track::Audio(0)]),
        ("v1.mp4", vec![Track::Video(1), Track::Audio(0)]),
        ("a0.mp4", vec![Track::Audio(0)]),
    ] {
        for (stream, track) in tracks.iter().enumerate() {
            let packets = |of: &str, stream: usize| {
                let map = format!("0:{stream}");
                tool(dir.path(), "ffmpeg", &["-i", of, "-map", &map, "-c", "copy", "-f", "framemd5", "-"])
            };
            let sums = |bytes: Vec<u8>| -> Vec<String> {
                let text = String::from_utf8(bytes).unwrap();
                let lines = text.lines().filter(|l| !l.starts_with('#'));
                lines.map(|l| l.split(',').next_back().unwrap().trim().to_owned()).collect()
            };
            let delivered = sums(packets(file, stream));
            assert!(!delivered.is_empty());
            assert_eq!(delivered, sums(packets(&format!("{track}.m3u8"), 0)), "{file} {track}");
        }
    }
}
