//! What a decoder must know before the first sample of a track.

use crate::Result;
use crate::codec::{aac, avc};

/// The sample description of one track and its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInit {
    /// Ticks a second of the track's times.
    pub timescale: u32,
    /// Where presentation starts on that clock, said by an edit list (ISO 14496-12 §8.6.6): samples before it
    /// only prime the decoder. 0 writes no edit list.
    pub start: u32,
    /// The medium and its codec.
    pub media: Media,
}

/// Medium and codec of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// H.264 with lengths in front of NAL units and parameter sets in the sample description (`avc1`).
    Avc {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// The `avcC` payload (ISO 14496-15 §5.3.3), byte for byte.
        avcc: Vec<u8>,
    },
    /// AAC (`mp4a`).
    Aac {
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u16,
        /// The AudioSpecificConfig (ISO 14496-3 §1.6), byte for byte.
        config: Vec<u8>,
    },
}

impl TrackInit {
    /// The codec string of RFC 6381: `avc1.4d401f`, `mp4a.40.2`.
    pub fn codec(&self) -> Result<String> {
        match &self.media {
            Media::Avc { avcc, .. } => avc::codec(avcc),
            Media::Aac { config, .. } => aac::codec(config),
        }
    }
}
