//! Packaging configurations, in MediaPackage VOD's terms.

use serde::{Deserialize, Serialize};

/// How a packaging configuration renders an asset. Grid segments are merged to reach the duration, never split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// What `index.m3u8` of the configuration answers with.
    #[serde(default)]
    pub package: Package,
    /// Target duration of a delivered segment in s; 0 delivers the grid's own segments.
    pub segment_duration_seconds: u32,
    /// Order of variants in a multivariant playlist.
    pub stream_order: StreamOrder,
    /// Least maximum rate of a rendition that is delivered.
    #[serde(default)]
    pub min_video_bits_per_second: Option<u32>,
    /// Largest maximum rate of a rendition that is delivered.
    #[serde(default)]
    pub max_video_bits_per_second: Option<u32>,
    /// Whether HLS in MPEG-TS has its sound in segments of its own, not with the picture.
    #[serde(default)]
    pub use_audio_rendition_group: bool,
    /// Whether complete assets have playlists of their key frames.
    #[serde(default)]
    pub include_iframe_only_stream: bool,
    /// How a DASH manifest names segments.
    #[serde(default)]
    pub segment_template_format: SegmentTemplateFormat,
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
