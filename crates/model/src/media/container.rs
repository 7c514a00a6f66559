//! The containers there are.

use serde::{Deserialize, Serialize};

/// A container that Kinora reads; serialized as its [`demuxer`](Self::demuxer), if that is all that is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// ISO base media and QuickTime: MP4, MOV, M4A, 3GP.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// MPEG-2 transport stream, also with 192-byte packets (M2TS).
    MpegTs,
    /// MPEG-1 and -2 program stream (VOB, MPG).
    #[serde(rename = "mpeg")]
    MpegPs,
    /// AVI.
    Avi,
    /// ASF: WMV and WMA.
    Asf,
    /// Flash video.
    Flv,
    /// Ogg: Vorbis, Opus, Theora.
    Ogg,
    /// MXF.
    Mxf,
    /// RIFF WAVE, RF64 and BW64.
    Wav,
    /// The same, where the length in the header is less than there is: read to the end of the file.
    #[serde(rename = "wav to its end")]
    WavToEnd,
    /// Sony Wave64.
    W64,
    /// AIFF.
    Aiff,
    /// FLAC.
    Flac,
    /// MPEG audio.
    Mp3,
    /// AAC in ADTS.
    Aac,
    /// AC-3.
    Ac3,
    /// Enhanced AC-3.
    Eac3,
}

impl Container {
    /// The name of ffmpeg's demuxer, for `-f`.
    pub fn demuxer(self) -> &'static str {
        match self {
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::MpegTs => "mpegts",
            Self::MpegPs => "mpeg",
            Self::Avi => "avi",
            Self::Asf => "asf",
            Self::Flv => "flv",
            Self::Ogg => "ogg",
            Self::Mxf => "mxf",
            Self::Wav | Self::WavToEnd => "wav",
            Self::W64 => "w64",
            Self::Aiff => "aiff",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Ac3 => "ac3",
            Self::Eac3 => "eac3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_written_as_its_demuxer() {
        for name in [
            "mov", "matroska", "mpegts", "mpeg", "avi", "asf", "flv", "ogg", "mxf", "wav", "w64", "aiff",
            "flac", "mp3", "aac", "ac3", "eac3",
        ] {
            let container: Container = serde_json::from_value(name.into()).unwrap();
            assert_eq!(container.demuxer(), name);
            assert_eq!(serde_json::to_value(container).unwrap(), name);
        }
        assert!(serde_json::from_value::<Container>("hls".into()).is_err());
    }
}
