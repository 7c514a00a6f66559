//! ADTS headers (ISO 14496-3 §1.A.2.2) in front of AAC frames.

use crate::{Error, Result};

/// Bytes of a header without CRC.
pub(super) const HEADER: usize = 7;

/// A header but for the frame's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Template([u8; HEADER]);

impl Template {
    /// Reads the AudioSpecificConfig.
    pub(crate) fn of(config: &[u8]) -> Result<Self> {
        let [first, second, ..] = *config else {
            return Err(Error::Truncated { what: "AudioSpecificConfig" });
        };
        let (kind, frequency, channels) = (first >> 3, (first & 7) << 1 | second >> 7, second >> 3 & 15);
        // Profiles Main to LTP, a listed frequency and a listed layout: ADTS can say no others.
        if !(1..=4).contains(&kind) || frequency > 12 || !(1..=7).contains(&channels) {
            return Err(Error::Unsupported { what: "AAC in MPEG-TS", found: hex::encode(&config[..2]) });
        }
        Ok(Self([
            0xff,
            0xf1,
            (kind - 1) << 6 | frequency << 2 | channels >> 2,
            (channels & 3) << 6,
            0,
            0x1f,
            0xfc,
        ]))
    }

    /// The header of a frame of so many bytes.
    pub(super) fn header(self, frame: usize) -> [u8; HEADER] {
        let length = frame + HEADER;
        let mut bytes = self.0;
        bytes[3] |= (length >> 11) as u8 & 3;
        bytes[4] = (length >> 3) as u8;
        bytes[5] |= ((length & 7) << 5) as u8;
        bytes
    }
}

/// The longest frame a header can announce.
pub(super) const MAX_FRAME: usize = (1 << 13) - 1 - HEADER;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_ffmpeg_writes_them() {
        // 48 kHz stereo LC, a frame of 371 bytes.
        let header = Template::of(&[0x11, 0x90]).unwrap().header(364);
        assert_eq!(header, [0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc]);
        assert!(Template::of(&[0x2b, 0x92]).is_err(), "SBR has no profile");
        assert!(Template::of(&[0x11]).is_err() && Template::of(&[0x17, 0x90]).is_err());
    }
}
