//! Packaging configurations, in MediaPackage VOD's terms.

use serde::{Deserialize, Serialize};

/// How a packaging configuration renders an asset. Grid segments are merged to reach the duration, never split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// The package that `index.m3u8` of the configuration answers with.
    pub package: Package,
    /// Target duration of a delivered segment in s; 0 delivers the grid's own segments.
    pub segment_duration_seconds: u32,
    /// Order of variants in a multivariant playlist.
    pub stream_order: StreamOrder,
    /// Least maximum rate of a rendition that is delivered.
    pub min_video_bits_per_second: Option<u32>,
    /// Largest maximum rate of a rendition that is delivered.
    pub max_video_bits_per_second: Option<u32>,
    /// Whether HLS in MPEG-TS has its sound in segments of its own, not with the picture.
    pub use_audio_rendition_group: bool,
    /// Whether complete assets have playlists of their key frames.
    pub include_iframe_only_stream: bool,
    /// How a DASH manifest names segments.
    pub segment_template_format: SegmentTemplateFormat,
}

/// Longest target duration of a delivered segment in s.
pub const MAX_SEGMENT_SECONDS: u32 = 60;

impl Configuration {
    /// Says what of it cannot be meant; `None` if it is in order.
    pub fn fault(&self) -> Option<&'static str> {
        let least = self.min_video_bits_per_second.unwrap_or(0);
        if self.segment_duration_seconds > MAX_SEGMENT_SECONDS {
            Some("a segment lasts at most 60 s")
        } else if self.max_video_bits_per_second.is_some_and(|most| most < least) {
            Some("the maximum rate is below the minimum")
        } else {
            None
        }
    }
}

/// The kind of package (`HlsPackage`, `CmafPackage`, `DashPackage`): the formats differ in what the main manifest is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Package {
    /// HLS in MPEG-TS.
    Hls,
    /// HLS in fragmented MP4.
    #[default]
    Cmaf,
    /// DASH.
    Dash,
}

/// How a DASH manifest names segments (`SegmentTemplateFormat`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SegmentTemplateFormat {
    /// By number, with the time and duration of each.
    #[default]
    NumberWithTimeline,
    /// By start time, with the time and duration of each.
    TimeWithTimeline,
    /// By number, with one duration for all: only for titles whose segments are equally long.
    NumberWithDuration,
}

/// Order of variants (`StreamSelection.StreamOrder`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamOrder {
    /// As in the plan.
    #[default]
    Original,
    /// Lowest rate first.
    VideoBitrateAscending,
    /// Highest rate first.
    VideoBitrateDescending,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_usual_and_what_is_unknown_is_refused() {
        let read = |text| serde_json::from_str::<Configuration>(text);
        assert_eq!(read("{}").unwrap(), Configuration::default());
        assert_eq!(read(r#"{"package":"DASH"}"#).unwrap().package, Package::Dash);
        assert!(read(r#"{"segment_duration":4}"#).is_err());
        assert!(read(r#"{"package":"MSS"}"#).is_err());
    }

    #[test]
    fn what_cannot_be_meant_has_a_fault() {
        let usual = Configuration::default();
        assert_eq!(usual.fault(), None);
        assert!(Configuration { segment_duration_seconds: 61, ..usual.clone() }.fault().is_some());
        let (min, max) = (Some(2_000_000), Some(1_000_000));
        let rates = Configuration { min_video_bits_per_second: min, max_video_bits_per_second: max, ..usual };
        assert!(rates.fault().is_some());
    }
}
