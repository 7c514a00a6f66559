//! How many channels, or tracks of one channel, become a stereo track.

use std::f32::consts::PI;
use std::path::{Path, PathBuf};

use encode::{Probed, probe};
use model::plan::Track;
use template::standard;

use crate::numbered;
use crate::support::{clip, runner};
use crate::title::Title;

const RATE: f32 = 48_000.0;

/// Both sides of a title's only track.
async fn heard(file: &Path) -> [Vec<f32>; 2] {
    let title = Title::of(file, &standard()).await;
    assert_eq!(title.source.audio.len(), 1);
    let track = Track::Audio(0);
    let encoded = title.encode_in_reverse(track.medium()).await;
    assert!(encoded.iter().all(|chunk| chunk.note.is_none()), "{encoded:?}");
    numbered::both(&title.whole(track, &encoded))
}

/// The level of a sine of that frequency, and of everything else, in the middle of some sound.
fn level(samples: &[f32], frequency: f32) -> (f32, f32) {
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let (mut sin, mut cos) = (0.0, 0.0);
    for (n, sample) in middle.iter().enumerate() {
        let angle = 2.0 * PI * frequency / RATE * n as f32;
        sin += sample * angle.sin();
        cos += sample * angle.cos();
    }
    let amplitude = 2.0 * sin.hypot(cos) / middle.len() as f32;
    let power = middle.iter().map(|sample| sample * sample).sum::<f32>() / middle.len() as f32;
    (amplitude, (power - amplitude * amplitude / 2.0).max(0.0).sqrt())
}

fn near(found: f32, expected: f32) -> bool {
    (found - expected).abs() < 0.02 * expected.max(0.25)
}

/// Sounds of two seconds with a tone of 0.3 at 500 Hz in one of their channels.
fn with_one_tone(folder: &Path, layout: &str, rate: u32, channels: usize, loud: usize) -> PathBuf {
    let tone = |n| if n == loud { "0.3*sin(2*PI*500*t)" } else { "0" };
    let channels: Vec<&str> = (0..channels).map(tone).collect();
    let args = format!("-f lavfi -i aevalsrc='{}':c={layout}:s={rate}:d=2", channels.join("|"));
    clip(folder, &format!("{layout}-{rate}-{loud}.wav"), &args)
}

#[tokio::test]
async fn each_channel_has_its_share_whatever_the_rate() {
    let folder = tempfile::tempdir().unwrap();
    const BOTH: f32 = 0.3 * std::f32::consts::FRAC_1_SQRT_2;
    for (layout, rate, channels, loud, left, right) in [
        // A voice in the centre is as loud in the mix, by the sum of the powers of both sides, as it was.
        ("5.1", 48_000, 6, 2, BOTH, BOTH),
        ("5.1", 96_000, 6, 2, BOTH, BOTH),
        ("7.1", 44_100, 8, 2, BOTH, BOTH),
        ("5.1", 48_000, 6, 0, 0.3, 0.0),
        ("5.1", 48_000, 6, 5, 0.0, BOTH),
        ("5.1", 48_000, 6, 3, 0.0, 0.0),
    ] {
        let file = with_one_tone(folder.path(), layout, rate, channels, loud);
        let [l, r] = heard(&file).await.map(|side| level(&side, 500.0).0);
        assert!(near(l, left) && near(r, right), "{layout} {rate} {loud}: {l} {r}");
        assert_eq!(probe(runner(), &file).await.unwrap().notes, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_loud_together_does_not_clip() {
    let folder = tempfile::tempdir().unwrap();
    let tone = ["0.9*sin(2*PI*500*t)"; 6].join("|");
    let file = clip(folder.path(), "loud.wav", &format!("-f lavfi -i aevalsrc='{tone}':c=5.1:s=48000:d=2"));
    for side in heard(&file).await {
        let (amplitude, rest) = level(&side, 500.0);
        // A sine that was cut off has a third of its power in others.
        assert!((0.8..0.92).contains(&amplitude) && rest < 0.03, "{amplitude} {rest}");
    }
}

/// A WAV file of a second without names for its channels; the samples say how loud a channel is, of 1.
fn unnamed(channels: u16, sample: impl Fn(u32, u16) -> f32) -> Vec<u8> {
    let (rate, frame) = (48_000_u32, 2 * u32::from(channels));
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    bytes.extend(channels.to_le_bytes());
    bytes.extend([rate.to_le_bytes(), (rate * frame).to_le_bytes()].concat());
    bytes.extend([(frame as u16).to_le_bytes(), 16_u16.to_le_bytes()].concat());
    bytes.extend([&b"data"[..], &(rate * frame).to_le_bytes()].concat());
    for n in 0..rate {
        for channel in 0..channels {
            bytes.extend(((sample(n, channel) * 32767.0) as i16).to_le_bytes());
        }
    }
    let size = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn tone(n: u32, frequency: f32) -> f32 {
    (2.0 * PI * frequency / RATE * n as f32).sin()
}

#[tokio::test]
async fn channels_without_names_are_all_heard() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorder.wav");
    for channels in [3, 12, 64] {
        // The first, the second and the last have a tone of their own.
        let sample = |n, channel| match channel {
            0 => 0.2 * tone(n, 500.0),
            1 => 0.2 * tone(n, 1000.0),
            last if last + 1 == channels => 0.2 * tone(n, 2000.0),
            _ => 0.0,
        };
        std::fs::write(&file, unnamed(channels, sample)).unwrap();
        let [left, right] = heard(&file).await;
        let found = [500.0, 1000.0, 2000.0].map(|tone| (level(&left, tone).0, level(&right, tone).0));
        let (alone, both) = (0.2, 0.2 * std::f32::consts::FRAC_1_SQRT_2);
        let expected = [(alone, 0.0), (0.0, alone), (both, both)];
        for ((l, r), (left, right)) in found.into_iter().zip(expected) {
            assert!(near(l, left) && near(r, right), "{channels}: {found:?}");
        }
        let notes = probe(runner(), &file).await.unwrap().notes;
        let note = format!(
            "audio track 0 is mixed to stereo: its {channels} channels do not say which is which: \
             the first is left, the second right, all others are in the middle"
        );
        assert_eq!(notes, [note]);
    }
}

#[tokio::test]
async fn left_and_right_in_tracks_of_their_own_are_one_stereo_track() {
    let folder = tempfile::tempdir().unwrap();
    let tones = "-f lavfi -i aevalsrc='0.3*sin(2*PI*500*t)':s=48000:d=2 \
                 -f lavfi -i aevalsrc='0.2*sin(2*PI*1000*t)':s=48000:d=2";
    let pair = |left: &str, right: &str| {
        let args = format!(
            "-f lavfi -i testsrc2=s=96x64:r=25:d=2 {tones} -filter_complex \
             [1:a]pan={left}|c0=c0[l];[2:a]pan={right}|c0=c0[r] -map 0:v -map [l] -map [r] -c:v libx264 -c:a pcm_s16le"
        );
        clip(folder.path(), &format!("{left}-{right}.mov"), &args)
    };
    for (left, right, first, second) in [("FL", "FR", 0.3, 0.2), ("FR", "FL", 0.2, 0.3)] {
        let file = pair(left, right);
        let [l, r] = heard(&file).await;
        let (other, own) = if left == "FL" { (1000.0, 500.0) } else { (500.0, 1000.0) };
        assert!(near(level(&l, own).0, first) && near(level(&r, other).0, second), "{left} {right}");
        assert!(level(&l, other).0 < 0.01 && level(&r, own).0 < 0.01, "{left} {right}");
        assert_eq!(probe(runner(), &file).await.unwrap().notes, Vec::<String>::new());
    }
    let apart = probe(runner(), &pair("mono", "mono")).await.unwrap();
    assert_eq!(apart.source.audio.len(), 2);
}

#[tokio::test]
async fn a_recording_goes_on_behind_the_length_in_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recorder.wav");
    let mut bytes = unnamed(2, |n, _| 0.3 * tone(n, 500.0));
    let whole = bytes.len() - 44;
    bytes[40..44].copy_from_slice(&(whole as u32 / 4).to_le_bytes());
    std::fs::write(&file, &bytes).unwrap();
    let Probed { source, notes } = probe(runner(), &file).await.unwrap();
    assert_eq!(source.duration_ms, 1000);
    assert_eq!(notes, ["the file's header says 0.2 s, but the sound continues for 0.7 s: all of it is used"]);
    for side in heard(&file).await {
        assert!(near(level(&side[..48_000], 500.0).0, 0.3));
    }
}
