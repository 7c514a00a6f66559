//! Colours: what a source's numbers mean, and what is written beside the encoded ones.
//!
//! Standard dynamic range keeps its numbers and only gets its tags written, which players obey; a source that
//! says nothing is taken for what players take it for. High dynamic range is mapped to BT.709.

use model::media::Video;

/// Lines from which untagged video is taken for high definition.
const HD_LINES: u32 = 720;

/// The colours of an encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// High definition.
    Bt709,
    /// Standard definition, 525 lines.
    Smpte170m,
    /// Standard definition, 625 lines.
    Bt470bg,
}

/// How the brightest parts of a high dynamic range are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hdr {
    /// Perceptual quantizer: HDR10, Dolby Vision.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

impl Colour {
    /// The colours a source is encoded in.
    pub(crate) fn of(video: &Video) -> Self {
        match video.transfer.as_deref() {
            Some("smpte170m") => Self::Smpte170m,
            Some("gamma28" | "bt470bg") => Self::Bt470bg,
            Some(_) => Self::Bt709,
            None if video.width.min(video.height) < HD_LINES => Self::Smpte170m,
            None => Self::Bt709,
        }
    }

    pub(crate) fn primaries(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m => "smpte170m",
            Self::Bt470bg => "bt470bg",
        }
    }

    pub(crate) fn transfer(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m | Self::Bt470bg => "smpte170m",
        }
    }

    pub(crate) fn matrix(self) -> &'static str {
        // The same words, by ffmpeg's choice.
        self.primaries()
    }
}

impl Hdr {
    /// Whether and how a source's range is high.
    pub(crate) fn of(video: &Video) -> Option<Self> {
        match video.transfer.as_deref() {
            Some("smpte2084") => Some(Self::Pq),
            Some("arib-std-b67") => Some(Self::Hlg),
            _ => None,
        }
    }

    /// ffmpeg's name of the transfer characteristics.
    pub(crate) fn transfer(self) -> &'static str {
        match self {
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        }
    }
}
