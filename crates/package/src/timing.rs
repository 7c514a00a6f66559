//! Which clock and which times the samples of a stored track have.
//!
//! **Rule.** Frame n of a title is presented at n frame durations, AAC frame j at j · 1024 samples, in every
//! player, and nothing is presented before 0.
//!
//! **Video** has composition offsets that are never negative: they are [`REORDER_FRAMES`] frames larger than
//! what decode order asks for, and the edit list of the init segment takes those frames off again.
//! **Audio** has no edit list: the frame that only primes the decoder is not delivered, decode time 0 is the
//! frame that holds the source's first sample.
//!
//! This was chosen by measuring a clip with a flash and a beep each second, delivered as HLS, in ffprobe and
//! ffmpeg 5.1 and in Chromium 156 with hls.js 1.7 (buffered ranges, flash and beep against the media clock):
//!
//! | variant | ffmpeg 5.1 | Chromium |
//! |---|---|---|
//! | video: negative offsets (`trun` version 1), no edit list | **late by the reorder depth** (42 to 83 ms) | right |
//! | video: offsets ≥ 0 with edit list | right | right |
//! | video: offsets ≥ 0, no edit list | late | late |
//! | audio: priming frame and edit list | starts at −21 ms, **decoded alone 21 ms late** | right |
//! | audio: without the priming frame | right | right |
//!
//! The price of the last row: the overlap of the missing frame fades the first 21 ms of a title in.

use model::FrameRate;
use model::plan::AAC_FRAME_SAMPLES;

use crate::{Error, Result};

/// Frames by which decoding may run ahead of presentation: x264's most, with B-frames as references.
pub const REORDER_FRAMES: u32 = 2;

/// Decode time of the sample that is number `decode` in decode order of the whole title.
///
/// Every segment starts with an IDR frame, so the first sample of a segment has the number of its first frame.
pub fn video_decode_time(rate: FrameRate, decode: u64) -> u64 {
    decode.saturating_mul(rate.frame_ticks().into())
}

/// Composition offset of the sample that is number `decode` in decode order and frame `frame` on the grid.
///
/// Fails if decoding runs ahead by more than [`REORDER_FRAMES`], or the offset leaves 31 bits.
pub fn composition_offset(rate: FrameRate, decode: u64, frame: u64) -> Result<i32> {
    let ahead = (frame + u64::from(REORDER_FRAMES)).checked_sub(decode);
    let frames = ahead.ok_or(Error::Malformed { what: "video", why: "frames are reordered too far" })?;
    let ticks = frames.checked_mul(rate.frame_ticks().into()).and_then(|ticks| i32::try_from(ticks).ok());
    ticks.ok_or(Error::TooLarge { what: "composition offset" })
}

/// Media time at which the edit list of a video track starts.
pub fn video_start(rate: FrameRate) -> u32 {
    rate.frame_ticks().saturating_mul(REORDER_FRAMES)
}

/// Decode time (and presentation time) of AAC frame `frame`; the frame that primes the decoder has no number.
pub fn audio_decode_time(frame: u64) -> u64 {
    frame.saturating_mul(AAC_FRAME_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presentation_is_the_frame_number_behind_the_edit() {
        let rate = FrameRate::new(30_000, 1001).unwrap();
        // I0 P3 B1 B2: decode order of frames 0 to 3.
        for (decode, frame) in [(0, 0), (1, 3), (2, 1), (3, 2)] {
            let offset = composition_offset(rate, decode, frame).unwrap();
            let presented = video_decode_time(rate, decode).cast_signed() + i64::from(offset);
            assert_eq!(presented - i64::from(video_start(rate)), i64::try_from(frame).unwrap() * 1001);
        }
        assert!(composition_offset(rate, 3, 0).is_err());
    }
}
