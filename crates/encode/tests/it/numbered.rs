//! Generated films whose frames carry their number in pixels and whose sound beeps each second; reading both back.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Bits of the number, drawn as columns.
const BITS: usize = 12;

/// A film to be made.
pub(crate) struct Film<'a> {
    pub(crate) frames: usize,
    pub(crate) rate: (u32, u32),
    pub(crate) size: (usize, usize),
    /// Seconds at which keyframes are forced.
    pub(crate) keyframes: &'a str,
    /// Arguments that come before the output's name.
    pub(crate) more: &'a str,
}

/// Writes the film to `path`: H.264 with B-frames, and a beep of 50 ms in the middle of every second.
pub(crate) fn make(film: &Film<'_>, path: &Path) {
    let (width, height) = film.size;
    let seconds = film.frames as f64 * f64::from(film.rate.1) / f64::from(film.rate.0);
    let beeps = format!("aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.05)':s=44100:d={seconds}");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray"]);
    command.args(["-s", &format!("{width}x{height}"), "-r", &format!("{}/{}", film.rate.0, film.rate.1)]);
    command.args(["-i", "pipe:0", "-f", "lavfi", "-i", &beeps]);
    command.args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "3", "-g", "999"]);
    command.args(["-x264-params", "b-adapt=0:scenecut=0", "-force_key_frames", film.keyframes]);
    command.args(film.more.split_ascii_whitespace()).arg(path);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    for n in 0..film.frames {
        let level = |x: usize| if n >> (x * BITS / width) & 1 == 1 { 235 } else { 16 };
        let row: Vec<u8> = (0..width).map(level).collect();
        pipe.write_all(&row.repeat(height)).unwrap();
    }
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

/// Decodes a file outside the jail, without one line of complaint.
fn decode(path: &Path, args: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-nostdin", "-i"]).arg(path).args(args).arg("pipe:1");
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{}: {said}", path.display());
    out.stdout
}

/// The numbers that the frames of a file of that size show.
pub(crate) fn numbers(path: &Path, (width, height): (u32, u32)) -> Vec<u64> {
    let (width, height) = (width as usize, height as usize);
    let pixels =
        decode(path, &["-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray"]);
    assert_eq!(pixels.len() % (width * height), 0);
    let row = |frame: &[u8]| {
        let middle = &frame[height / 2 * width..][..width];
        (0..BITS).filter(|bit| middle[(2 * bit + 1) * width / (2 * BITS)] > 128).map(|bit| 1 << bit).sum()
    };
    pixels.chunks(width * height).map(row).collect()
}

/// Samples of the left channel.
pub(crate) fn samples(path: &Path) -> Vec<f32> {
    let [left, _] = both(path);
    left
}

/// Samples of the left and the right channel.
pub(crate) fn both(path: &Path) -> [Vec<f32>; 2] {
    let bytes = decode(path, &["-map", "0:a", "-f", "f32le", "-ac", "2"]);
    [0, 4].map(|at| {
        bytes.chunks(8).map(|pair| f32::from_le_bytes(pair[at..at + 4].try_into().unwrap())).collect()
    })
}

/// Where beeps begin, in samples: where it is loud after a tenth of a second of quiet.
pub(crate) fn beeps(samples: &[f32], rate: usize) -> Vec<usize> {
    let mut found = vec![];
    let mut quiet = rate;
    for (at, sample) in samples.iter().enumerate() {
        if sample.abs() > 0.1 {
            if quiet > rate / 10 {
                found.push(at);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    found
}

/// Joins files.
pub(crate) fn joined(to: PathBuf, parts: &[&[u8]]) -> PathBuf {
    std::fs::write(&to, parts.concat()).unwrap();
    to
}
