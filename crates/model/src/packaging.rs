//! Packaging configurations, in MediaPackage VOD's terms.

use serde::{Deserialize, Serialize};

/// How a packaging configuration renders an asset. Grid segments are merged to reach the duration, never split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Target duration of a delivered segment in s; 0 delivers the grid's own segments.
    pub segment_duration_seconds: u32,
    /// Order of variants in a multivariant playlist.
    pub stream_order: StreamOrder,
}

/// Order of variants (`StreamSelection.StreamOrder`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamOrder {
    /// As in the plan.
    Original,
    /// Lowest rate first.
    VideoBitrateAscending,
    /// Highest rate first.
    VideoBitrateDescending,
}
