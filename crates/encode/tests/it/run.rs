//! Running ffmpeg: progress, watchdogs, cancelling, last words.

use std::path::Path;
use std::time::{Duration, Instant};

use encode::run::{Arg, Ffmpeg, Input, Name, Progress, Timeouts};
use encode::{Container, Error, Runner};
use jail::Limits;
use tokio_util::sync::CancellationToken;

use crate::support::{clip, runner};

/// A run that copies the film's picture; in real time and for ever where `slow`.
fn run<'a>(file: &'a Path, folder: &'a Path, slow: bool) -> Ffmpeg<'a> {
    let mut after: Vec<Arg> =
        ["-map", "0:V:0", "-c:v", "libx264", "-preset", "ultrafast", "-f", "mp4"].map(Arg::from).to_vec();
    after.push(Arg::output(&Name::new("v0.mp4")));
    Ffmpeg {
        input: Input { file, container: Container::Mov },
        before: if slow { ["-re", "-stream_loop", "-1"].map(Arg::from).to_vec() } else { vec![] },
        after,
        folder,
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    }
}

fn film(folder: &Path, seconds: u32) -> std::path::PathBuf {
    clip(
        folder,
        "film.mp4",
        &format!("-f lavfi -i testsrc2=s=320x180:r=25:d={seconds} -c:v libx264 -preset ultrafast"),
    )
}

#[tokio::test]
async fn progress_ends_with_every_frame() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let film = film(source.path(), 8);
    let mut reports: Vec<Progress> = vec![];
    runner().ffmpeg(run(&film, out.path(), false), |now| reports.push(now)).await.unwrap();
    assert!(reports.is_sorted_by_key(|report| report.frame));
    let last = reports.last().unwrap();
    assert!(last.end && last.frame == 200, "{last:?}");
    assert!(last.bytes > 0 && last.out_time_us.is_some());
    let written: Vec<_> =
        std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(written, ["v0.mp4"]);
}

#[tokio::test]
async fn cancelling_and_watchdogs_end_it_at_once() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let film = film(source.path(), 2);
    let start = Instant::now();
    let cancel = CancellationToken::new();
    let stopped = Runner { cancel: &cancel, ..runner() };
    let cancelled = stopped.ffmpeg(run(&film, out.path(), true), |_| cancel.cancel()).await;
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");

    let wall = Timeouts { wall: Duration::from_millis(700), ..Timeouts::default() };
    let late = runner().ffmpeg(Ffmpeg { timeouts: wall, ..run(&film, out.path(), true) }, |_| ()).await;
    assert!(matches!(&late, Err(error @ Error::OutOfTime { .. }) if error.is_retryable()), "{late:?}");

    // Reports come twice a second: a watchdog that wants to see more sees nothing.
    let stall = Timeouts { stall: Duration::from_millis(50), ..Timeouts::default() };
    let dull = runner().ffmpeg(Ffmpeg { timeouts: stall, ..run(&film, out.path(), true) }, |_| ()).await;
    assert!(matches!(dull, Err(Error::Stalled { .. })), "{dull:?}");
    // None of them would ever have ended by itself.
    assert!(start.elapsed() < Duration::from_secs(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_source_that_gives_no_more_ends_with_what_was_said_of_it() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let song = clip(source.path(), "song.aac", "-f lavfi -i sine=d=20 -c:a aac -b:a 16k");
    let mut bytes = std::fs::read(song).unwrap();
    bytes[20_000..21_000].fill(0);
    let pipe = source.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // Open for both, so that nobody waits for the other end, and never closed.
    let mut open = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
    assert!(bytes.len() < 64 << 10, "a pipe holds it");
    std::io::Write::write_all(&mut open, &bytes).unwrap();

    let start = Instant::now();
    let after = ["-map", "0:0", "-c:a", "pcm_s16le", "-f", "null", "-"].map(Arg::from).to_vec();
    let run = Ffmpeg {
        input: Input { file: &pipe, container: Container::Aac },
        after,
        timeouts: Timeouts { stall: Duration::from_secs(2), ..Timeouts::default() },
        ..run(&pipe, out.path(), false)
    };
    let stalled = runner().ffmpeg(run, |_| ()).await.unwrap_err();
    assert!(matches!(stalled, Error::Stalled { .. }) && stalled.is_overdue(), "{stalled:?}");
    assert!(
        stalled.to_string().starts_with("ffmpeg made no progress for 2 s and was stopped: "),
        "{stalled}"
    );
    assert!(stalled.log().iter().any(|line| line.contains("[error]")), "{stalled:?}");
    assert!(start.elapsed() < Timeouts::default().stall, "{:?}", start.elapsed());
}

#[tokio::test]
async fn failures_carry_the_last_words() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let noise = source.path().join("noise");
    std::fs::write(&noise, [7; 10_000]).unwrap();
    let failed = runner().ffmpeg(run(&noise, out.path(), false), |_| ()).await.unwrap_err();
    assert!(failed.log().iter().any(|line| line.contains("moov atom not found")), "{failed:?}");

    let film = film(source.path(), 2);
    let limits = Limits { memory_bytes: 24 << 20, ..Limits::default() };
    let starved = Ffmpeg { limits, ..run(&film, out.path(), false) };
    let starved = runner().ffmpeg(starved, |_| ()).await;
    assert!(matches!(starved, Err(Error::Exited { .. } | Error::Signalled { .. })), "{starved:?}");

    let gone = runner().ffmpeg(run(Path::new("/nowhere"), out.path(), false), |_| ()).await;
    assert!(matches!(gone, Err(Error::File { .. })), "{gone:?}");
}

#[tokio::test]
async fn the_output_folder_is_the_only_place() {
    let (source, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let film = film(source.path(), 1);
    let mut outside = run(&film, out.path(), false);
    *outside.after.last_mut().unwrap() = "file:/tmp/kinora-outside.mp4".into();
    let refused = runner().ffmpeg(outside, |_| ()).await.unwrap_err();
    assert!(refused.log().iter().any(|line| line.contains("Permission denied")), "{refused:?}");
    let mut other = run(&film, out.path(), false);
    other.after.splice(0..0, ["-i", "file:/etc/hostname"].map(Arg::from));
    let refused = runner().ffmpeg(other, |_| ()).await.unwrap_err();
    assert!(refused.log().iter().any(|line| line.contains("Permission denied")), "{refused:?}");
}
