//! A film to test with, of which there is no file.

use model::FrameRate;
use model::media::{Audio, Container, Source, Video};

/// Facts of a film of so many frames: H.264 with one keyframe, and English sound of six channels.
pub(crate) fn film(width: u32, height: u32, rate: FrameRate, frames: u64) -> Source {
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
        start_us: 0,
        keyframes: vec![0],
        pixel_format: "yuv420p".into(),
        interlaced: false,
        transfer: None,
        matrix: None,
    };
    let audio = Audio {
        stream: 1,
        codec: "aac".into(),
        sample_rate: 44_100,
        channels: 6,
        language: "en".into(),
        label: None,
        start_us: 0,
        duration_ms,
    };
    Source {
        container: Container::Mov,
        bytes: 1,
        duration_ms,
        video: Some(video),
        audio: vec![audio],
        captions: vec![],
    }
}
