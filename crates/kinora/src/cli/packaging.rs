//! Commands about packaging configurations.

use clap::Subcommand;

use super::{Output, Server};

#[derive(Debug, Subcommand)]
pub(crate) enum Packaging {
    /// List packaging configurations with their groups.
    Ls {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Add a configuration; it applies to every title immediately and cannot be changed.
    #[command(after_help = "Example:
  kinora packaging add boxes '{\"package\":\"HLS\",\"segment_duration_seconds\":6}'
  kinora url \"Big Buck Bunny\" --configuration boxes

Settings, all optional:
  package                       HLS (MPEG-TS), CMAF or DASH: type of the main manifest
  segment_duration_seconds      0 to 60; 0 delivers segments as they are stored
  stream_order                  ORIGINAL, VIDEO_BITRATE_ASCENDING or VIDEO_BITRATE_DESCENDING
  min_video_bits_per_second     leaves out qualities with a lower maximum rate
  max_video_bits_per_second     leaves out qualities with a higher maximum rate
  use_audio_rendition_group     whether MPEG-TS has its audio in separate segments
  include_iframe_only_stream    whether complete titles have playlists of key frames
  segment_template_format       NUMBER_WITH_TIMELINE, TIME_WITH_TIMELINE or NUMBER_WITH_DURATION")]
    Add {
        /// Name: a-z, 0-9, - and _.
        name: String,
        /// Settings as JSON.
        #[arg(default_value = "{}")]
        settings: String,
        /// Packaging group.
        #[arg(long, value_name = "NAME", default_value = catalogue::DEFAULT_GROUP)]
        group: String,
        #[command(flatten)]
        server: Server,
    },
    /// Remove a configuration; its URLs stop working.
    Rm {
        /// Name of the configuration.
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Add a packaging group.
    AddGroup {
        /// Name: a-z, 0-9, - and _.
        name: String,
        #[command(flatten)]
        server: Server,
    },
    /// Remove a packaging group that is empty.
    RmGroup {
        /// Name of the group.
        name: String,
        #[command(flatten)]
        server: Server,
    },
}
