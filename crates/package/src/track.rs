//! Codec configurations: data that a decoder needs before the first sample of a track.

use model::Plan;
use model::plan::Track;

use crate::codec::{aac, avc};
use crate::{Error, Result, timing};

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
    /// The description of a track of a plan, with the clock of [`timing`].
    pub fn of(plan: &Plan, track: Track) -> Result<Self> {
        match track {
            Track::Video(n) => {
                let rendition = plan.renditions.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
                let pixels = |n: u32| u16::try_from(n).map_err(|_| Error::Plan("a picture is too large"));
                let avcc = bytes(&rendition.avcc)?;
                let media =
                    Media::Avc { width: pixels(rendition.width)?, height: pixels(rendition.height)?, avcc };
                let rate = plan.grid.rate;
                Ok(Self { timescale: rate.timescale(), start: timing::video_start(rate), media })
            }
            Track::Audio(n) => {
                let audio = plan.audio.get(usize::from(n)).ok_or(Error::NoTrack(track))?;
                let config = bytes(&audio.config)?;
                let media = Media::Aac { sample_rate: audio.sample_rate, channels: audio.channels, config };
                Ok(Self { timescale: audio.sample_rate, start: 0, media })
            }
            Track::Captions(_) => Err(Error::NoTrack(track)),
        }
    }

    /// The codec string of RFC 6381: `avc1.4d401f`, `mp4a.40.2`.
    pub fn codec(&self) -> Result<String> {
        match &self.media {
            Media::Avc { avcc, .. } => avc::codec(avcc),
            Media::Aac { config, .. } => aac::codec(config),
        }
    }
}

fn bytes(digits: &str) -> Result<Vec<u8>> {
    hex::decode(digits).map_err(|_| Error::Plan("a codec configuration is not hex"))
}
