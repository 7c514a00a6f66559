//! Delivered HLS as ffprobe and ffmpeg read it.

use std::path::Path;
use std::process::Command;

use model::packaging::Configuration;
use model::plan::Track;
use model::{FrameRate, Plan};
use package::index::Index;
use package::{Answer, Asset, Container, Layout, Measured, Movie, Part, Request};

use crate::film::{Film, Script, make};

fn configuration(seconds: u32) -> Configuration {
    Configuration { segment_duration_seconds: seconds, ..Configuration::default() }
}

pub(crate) fn fetch(film: &Film, asset: &Asset<'_>, request: &Request) -> Answer {
    let wanted = package::chunks(request, asset).unwrap();
    let indexes: Vec<&Index> =
        wanted.iter().map(|(track, chunk)| &film.chunk(*track, *chunk).index).collect();
    package::answer(request, asset, &indexes).unwrap()
}

pub(crate) fn body(film: &Film, parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        match part {
            Part::Literal(bytes) => out.extend_from_slice(bytes),
            Part::Copy { track, chunk, range } => {
                out.extend_from_slice(
                    &film.chunk(*track, *chunk).bytes[range.start as usize..range.end as usize],
                );
            }
            Part::Transform { of, range } => {
                let read = of.inputs().iter().map(|i| {
                    let bytes = &film.chunk(i.track, i.chunk).bytes;
                    &bytes[i.range.start as usize..i.range.end as usize]
                });
                let made = of.write(&read.collect::<Vec<_>>()).unwrap();
                assert_eq!(made.len() as u64, of.length());
                out.extend_from_slice(&made[range.start as usize..range.end as usize]);
            }
        }
    }
    out
}

/// Writes everything the playlists name into a folder, and the whole films.
fn deliver(film: &Film, seconds: u32, to: &Path) {
    let configuration = Configuration { include_iframe_only_stream: true, ..configuration(seconds) };
    deliver_as(film, &configuration, to);
}

pub(crate) fn deliver_as(film: &Film, configuration: &Configuration, to: &Path) {
    let layout = Layout::new(&film.plan, configuration).unwrap();
    let measured = Measured::of(&film.plan, film.chunks.iter().map(|c| (c.track, &c.index))).unwrap();
    let asset = Asset { plan: &film.plan, layout: &layout, measured: Some(&measured), stills: None };
    let mut requests =
        vec![Request::Multivariant, Request::TsMultivariant, Request::Mpd, Request::Movie(Movie::Best)];
    for track in film.plan.tracks() {
        requests.extend([
            Request::MediaPlaylist(Container::Cmaf, track),
            Request::MediaPlaylist(Container::Ts, track),
        ]);
        match track {
            Track::Video(n) => requests.extend([
                Request::Init(track),
                Request::IframePlaylist(Container::Cmaf, track),
                Request::IframePlaylist(Container::Ts, track),
                Request::Movie(Movie::Video(n)),
            ]),
            Track::Audio(n) => requests.extend([Request::Init(track), Request::Movie(Movie::Audio(n))]),
            Track::Captions(n) => requests.push(Request::Captions(n)),
        }
        for number in 0..layout.segments().len() as u32 {
            requests.extend([
                Request::Segment { container: Container::Cmaf, track, number },
                Request::Segment { container: Container::Ts, track, number },
            ]);
        }
        std::fs::create_dir_all(to.join(format!("ts/{track}"))).unwrap();
        std::fs::create_dir_all(to.join(track.to_string())).unwrap();
    }
    let exists =
        |request: &Request| package::chunks(request, &asset).map_or_else(|e| !e.is_not_found(), |_| true);
    for request in requests.into_iter().filter(exists) {
        let answer = fetch(film, &asset, &request);
        let bytes = body(film, &answer.parts);
        assert_eq!(answer.length, bytes.len() as u64, "{request}");
        std::fs::write(to.join(request.to_string()), bytes).unwrap();
    }
}

/// Runs a tool in a folder; it must succeed and complain about nothing.
pub(crate) fn tool(dir: &Path, name: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(name).current_dir(dir).args(["-v", "warning"]).args(args).output().unwrap();
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{name} {args:?}");
    done.stdout
}

pub(crate) fn times(dir: &Path, select: &str, entry: &str, of: &str) -> Vec<f64> {
    let show = format!("packet={entry}");
    let out =
        tool(dir, "ffprobe", &["-select_streams", select, "-show_entries", &show, "-of", "csv=p=0", of]);
    // Programs and side data add separators.
    let numbers = String::from_utf8(out).unwrap();
    numbers.split_whitespace().map(|n| n.trim_matches(',').parse().unwrap()).collect()
}

/// Starts of beeps in samples of 48 kHz.
pub(crate) fn beeps(dir: &Path, of: &str) -> Vec<u64> {
    let pcm = tool(dir, "ffmpeg", &["-i", of, "-map", "0:a:0", "-ac", "1", "-f", "s16le", "-"]);
    let (mut found, mut last) = (Vec::new(), None);
    for (n, sample) in (0_u64..).zip(pcm.chunks_exact(2)) {
        if i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() > 3000 {
            if last.is_none_or(|last| n - last > 10_000) {
                found.push(n);
            }
            last = Some(n);
        }
    }
    found
}

/// Numbers of frames that begin a flash.
pub(crate) fn flashes(dir: &Path, of: &str) -> Vec<u64> {
    let grey = tool(
        dir,
        "ffmpeg",
        &[
            "-i",
            of,
            "-map",
            "0:v:0",
            "-vf",
            "scale=8:8,setsar=1,format=gray",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-",
        ],
    );
    let white = |n: usize| grey[n * 64] > 128;
    (0..grey.len() / 64).filter(|&n| white(n) && (n == 0 || !white(n - 1))).map(|n| n as u64).collect()
}

fn check(plan: &Plan, dir: &Path) {
    let rate = plan.grid.rate;
    let second = u64::from(rate.num().div_ceil(rate.den()));
    for track in plan.tracks() {
        let playlist = format!("{track}.m3u8");
        let (select, count, step) = match track {
            Track::Video(_) => ("v:0", plan.grid.frames(), 1.0 / rate.as_f64()),
            Track::Audio(_) => {
                let last = plan.grid.aac_frames(plan.grid.segments() - 1, 48_000).unwrap();
                ("a:0", last.end, 1024.0 / 48_000.0)
            }
            Track::Captions(_) => continue,
        };
        for of in [playlist.as_str(), "index.m3u8"] {
            let select = match track {
                Track::Video(n) if of == "index.m3u8" => format!("v:{n}"),
                _ => select.to_owned(),
            };
            let mut pts = times(dir, &select, "pts_time", of);
            let dts = times(dir, &select, "dts_time", of);
            assert!(dts.windows(2).all(|w| w[0] < w[1]), "{of} {track}: decode times ascend");
            pts.sort_by(f64::total_cmp);
            assert_eq!(pts.len() as u64, count, "{of} {track}");
            for (n, pts) in pts.iter().enumerate() {
                assert!((pts - n as f64 * step).abs() < 2e-4, "{of} {track}: frame {n} is at {pts}");
            }
        }
    }
    let ends = plan.grid.frames();
    let expected: Vec<u64> = (0..).map(|n| n * second).take_while(|n| *n < ends).collect();
    if !plan.renditions.is_empty() {
        assert_eq!(flashes(dir, "index.m3u8"), expected);
    }
    let heard = beeps(dir, "index.m3u8");
    assert_eq!(heard.len(), expected.len());
    for (n, (heard, frame)) in heard.iter().zip(expected).enumerate() {
        let seen = frame as f64 / rate.as_f64();
        // The first frame of a title fades in.
        let limit = if n == 0 { 0.015 } else { 0.001 };
        assert!(
            (*heard as f64 / 48_000.0 - seen).abs() < limit,
            "beep {n} is at sample {heard}, seen at {seen}"
        );
    }
    tool(
        dir,
        "ffmpeg",
        &["-xerror", "-err_detect", "explode", "-i", "index.m3u8", "-map", "0", "-f", "null", "-"],
    );
}

fn deliver_and_check(script: &Script, seconds: u32) {
    let film = make(script);
    let dir = tempfile::tempdir().unwrap();
    deliver(&film, seconds, dir.path());
    check(&film.plan, dir.path());
}

#[test]
fn flash_and_beep_meet_in_every_rendition() {
    deliver_and_check(
        &Script {
            rate: FrameRate::new(24, 1).unwrap(),
            boundaries: vec![0, 48, 90, 144, 190, 197],
            heights: vec![180, 90],
            pyramid: true,
            chunks: (vec![1, 2, 2], vec![3, 2]),
        },
        0,
    );
}

#[test]
fn merged_segments_of_fractional_rates_have_no_gap() {
    deliver_and_check(
        &Script {
            rate: FrameRate::new(30_000, 1001).unwrap(),
            boundaries: vec![0, 60, 115, 180, 240, 301],
            heights: vec![90],
            pyramid: false,
            chunks: (vec![1, 1, 3], vec![5]),
        },
        4,
    );
}

#[test]
fn songs_play_without_a_picture() {
    deliver_and_check(
        &Script {
            rate: FrameRate::new(48_000, 1024).unwrap(),
            boundaries: vec![0, 94, 188, 200],
            heights: Vec::new(),
            pyramid: false,
            chunks: (Vec::new(), vec![2, 1]),
        },
        0,
    );
}

#[test]
fn a_tail_shorter_than_an_audio_frame_has_no_audio() {
    let script = Script {
        rate: FrameRate::new(60, 1).unwrap(),
        boundaries: vec![0, 63, 64],
        heights: vec![90],
        pyramid: false,
        chunks: (vec![2], vec![1, 1]),
    };
    let film = make(&script);
    assert!(film.plan.grid.aac_frames(1, 48_000).unwrap().is_empty());
    for seconds in [0, 2] {
        let dir = tempfile::tempdir().unwrap();
        deliver(&film, seconds, dir.path());
        check(&film.plan, dir.path());
        assert_eq!(dir.path().join("v0/1.m4s").exists(), seconds == 0);
        assert!(!dir.path().join("a0/1.m4s").exists());
    }
}

#[test]
fn a_slice_of_an_answer_is_the_slice_of_its_body() {
    let script = Script {
        rate: FrameRate::new(25, 1).unwrap(),
        boundaries: vec![0, 10, 20, 30],
        heights: vec![90],
        pyramid: false,
        chunks: (vec![2, 1], vec![3]),
    };
    let film = make(&script);
    let layout = Layout::new(&film.plan, &configuration(10)).unwrap();
    let asset = Asset { plan: &film.plan, layout: &layout, measured: None, stills: None };
    let answer = fetch(
        &film,
        &asset,
        &Request::Segment { container: Container::Cmaf, track: Track::Video(0), number: 0 },
    );
    assert_eq!(answer.parts.len(), 2, "one range of each chunk");
    let whole = body(&film, &answer.parts);
    let first = answer.parts[0].length();
    for range in [0..0, 0..1, first - 1..first + 1, first..first + 5, 3..answer.length, 0..answer.length + 9]
    {
        let expected = &whole[range.start as usize..range.end.min(answer.length) as usize];
        assert_eq!(body(&film, &answer.slice(&range)), expected, "{range:?}");
    }
}
