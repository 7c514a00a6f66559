//! Formats that a title can be asked for, and where their manifests are.

use std::fmt;
use std::str::FromStr;

use model::delivery::asset_path;
use model::{AssetId, ConfigurationId, Generation};
use serde::{Deserialize, Serialize};

use crate::error::cut;
use crate::{Error, Result};

/// A format of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// HLS with fragmented MP4.
    Hls,
    /// HLS with MPEG-TS.
    HlsTs,
    /// DASH.
    Dash,
    /// One MP4 file: the best picture with the default sound.
    Mp4,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Hls, Self::HlsTs, Self::Dash, Self::Mp4];

    /// The word of the command line and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hls => "hls",
            Self::HlsTs => "hls-ts",
            Self::Dash => "dash",
            Self::Mp4 => "mp4",
        }
    }

    fn manifest(self) -> &'static str {
        match self {
            Self::Hls => "index.m3u8",
            Self::HlsTs => "ts/index.m3u8",
            Self::Dash => "index.mpd",
            Self::Mp4 => "index.mp4",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|f| f.as_str() == word);
        found.ok_or_else(|| Error::Format { name: cut(word) })
    }
}

/// The path of a manifest: `/out/v1/{asset}/{configuration}/{generation}/index.m3u8`, or of the file.
pub(crate) fn manifest_path(
    asset: AssetId,
    configuration: ConfigurationId,
    generation: Generation,
    format: Format,
) -> String {
    format!("{}{configuration}/{generation}/{}", asset_path(asset), format.manifest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_have_one_word() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse::<Format>().unwrap(), format);
        }
        assert_eq!(
            "HLS".parse::<Format>().unwrap_err().to_string(),
            "`HLS` is not a format: use `hls`, `hls-ts`, `dash` or `mp4`"
        );
    }

    #[test]
    fn manifests_lie_below_their_asset() {
        let (asset, configuration, generation) = (AssetId::new(), ConfigurationId::new(), Generation::new());
        let path = manifest_path(asset, configuration, generation, Format::Hls);
        assert_eq!(path, format!("/out/v1/{asset}/{configuration}/{generation}/index.m3u8"));
        assert!(path.starts_with(&asset_path(asset)));
    }
}
