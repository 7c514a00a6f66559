//! Helpers for tests: sources and plans without files, and reports of skipped tests.

use std::io::Write as _;

use crate::media::{Audio, Container, Mix, Source, Video};
use crate::plan::{AudioTrack, Chunk, Grid, Plan, Rendition, VERSION};
use crate::{BitsPerSecond, FrameRate};

/// The encoder of the chunks of a [`plan`].
pub const FINGERPRINT: &str = "test encoder";

/// Says that something was not tested, and why. The line is seen also where the test passes: what `eprintln!` prints is
/// kept back then.
pub fn skipped(what: &str) {
    // A closed output is no error.
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

/// A film of so many frames: H.264 with one keyframe, and English sound of six channels at 44.1 kHz.
pub fn film(width: u32, height: u32, rate: FrameRate, frames: u64) -> Source {
    let duration_ms = rate.frame_ms(frames);
    let video = Video {
        stream: 0,
        codec: "h264".into(),
        width,
        height,
        display_width: width,
        display_height: height,
        rotation: 0,
        mirrored: false,
        rate,
        frames,
        held: 0,
        lead: 0,
        start_us: 0,
        keyframes: vec![0],
        pixel_format: "yuv420p".into(),
        interlaced: false,
        transfer: None,
        matrix: None,
    };
    let audio =
        Audio { stream: 1, codec: "aac".into(), sample_rate: 44_100, channels: 6, ..sound(duration_ms) };
    let audio = vec![Audio { language: "en".into(), ..audio }];
    Source { container: Container::Mov, video: Some(video), audio, ..song(duration_ms) }
}

/// A song: a WAV file in stereo at 48 kHz.
pub fn song(duration_ms: u64) -> Source {
    Source {
        container: Container::Wav,
        bytes: 1,
        duration_ms,
        video: None,
        audio: vec![sound(duration_ms)],
        captions: Vec::new(),
        pieces: Vec::new(),
    }
}

fn sound(duration_ms: u64) -> Audio {
    Audio {
        stream: 0,
        codec: "pcm_s16le".into(),
        sample_rate: 48_000,
        channels: 2,
        language: "und".into(),
        label: None,
        start_us: 0,
        duration_ms,
        mix: Mix::Named,
        drift_ppb: 0,
    }
}

/// A plan of chunks of these tracks, with segments between boundaries in frames.
pub fn plan(
    rate: FrameRate,
    boundaries: &[u64],
    renditions: Vec<Rendition>,
    audio: Vec<AudioTrack>,
    chunks: Vec<Chunk>,
) -> Plan {
    Plan {
        version: VERSION,
        grid: Grid { rate, boundaries: boundaries.to_vec() },
        renditions,
        audio,
        captions: Vec::new(),
        chunks,
        fingerprint: FINGERPRINT.into(),
        template: "standard".into(),
    }
}

/// A rendition in the main profile, with a buffer of two seconds.
pub fn rendition(width: u32, height: u32, max_rate: u32) -> Rendition {
    Rendition {
        width,
        height,
        crf: 23,
        max_rate: BitsPerSecond(max_rate),
        buffer_bits: 2 * max_rate,
        codec: "avc1.4d401f".into(),
        avcc: "014d401f".into(),
    }
}

/// AAC-LC at 48 kHz.
pub fn audio_track(stream: u32, language: &str, channels: u16) -> AudioTrack {
    AudioTrack {
        stream,
        language: language.into(),
        label: None,
        sample_rate: 48_000,
        channels,
        bit_rate: BitsPerSecond(96_000),
        codec: "mp4a.40.2".into(),
        config: "1190".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::skipped;

    #[test]
    fn what_is_skipped_is_seen_although_the_test_passes() {
        const CHILD: &str = "KINORA_TEST_SKIPS";
        if std::env::var_os(CHILD).is_some() {
            return skipped("everything");
        }
        let name = "testing::tests::what_is_skipped_is_seen_although_the_test_passes";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let seen = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert!(seen.status.success() && seen.stderr.starts_with(b"skipped: everything\n"), "{seen:?}");
    }
}
