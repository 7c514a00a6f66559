//! What probing finds out about a source: facts, no decisions.

mod container;

use serde::{Deserialize, Serialize};

pub use container::Container;

use crate::FrameRate;
use crate::plan::CaptionTrack;

/// What a source contains, as far as Kinora uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The sniffed container.
    pub container: Container,
    /// Bytes of the file.
    pub bytes: u64,
    /// Duration in ms, as decoding will show it as far as the container tells.
    pub duration_ms: u64,
    /// The film's picture; cover art is not video.
    pub video: Option<Video>,
    /// Audio tracks in file order.
    pub audio: Vec<Audio>,
    /// Captions that can be shown as text, in file order; those within the video stream last.
    #[serde(default)]
    pub captions: Vec<CaptionTrack>,
}

/// The video stream that will be encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// ffmpeg's stream index in the file.
    pub stream: u32,
    /// ffmpeg's codec name, of the allow-list.
    pub codec: String,
    /// Coded width in pixels before rotation and pixel aspect.
    pub width: u32,
    /// Coded height in pixels before rotation and pixel aspect.
    pub height: u32,
    /// Width in square pixels as a viewer sees it, after rotation; even.
    pub display_width: u32,
    /// Height in square pixels as a viewer sees it, after rotation; even.
    pub display_height: u32,
    /// Clockwise rotation for display in degrees: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Whether the picture is mirrored: left and right change places behind a rotation by 180°, up and down behind any
    /// other.
    #[serde(default)]
    pub mirrored: bool,
    /// The constant rate that frames are laid on.
    pub rate: FrameRate,
    /// Frames on that grid.
    pub frames: u64,
    /// How many of them, at the end, show the last picture of the file once more, because it is held or because the
    /// sound goes on behind it.
    #[serde(default)]
    pub held: u64,
    /// Presentation time of the first frame in microseconds of the container's clock.
    pub start_us: i64,
    /// Grid numbers of frames that decoding can start at, ascending, the first is 0.
    pub keyframes: Vec<u64>,
    /// ffmpeg's pixel format name.
    pub pixel_format: String,
    /// Whether fields are interlaced.
    pub interlaced: bool,
    /// Transfer characteristics as ffmpeg names them (`bt709`, `smpte2084`, …), if known.
    pub transfer: Option<String>,
    /// Matrix coefficients as ffmpeg names them (`bt709`, `bt2020nc`, …), if known.
    #[serde(default)]
    pub matrix: Option<String>,
}

impl Video {
    /// Frames on the grid that show pictures of the file's own, each in its place: all but those that are held.
    pub fn shown(&self) -> u64 {
        self.frames.saturating_sub(self.held)
    }
}

/// An audio stream that will be encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audio {
    /// ffmpeg's stream index in the file.
    pub stream: u32,
    /// ffmpeg's codec name, of the allow-list.
    pub codec: String,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
    /// BCP 47 language, `und` if the file does not say.
    pub language: String,
    /// What the file calls the track, cleaned and bounded.
    #[serde(default)]
    pub label: Option<String>,
    /// Presentation time of the first sample in microseconds of the container's clock.
    pub start_us: i64,
    /// Duration in ms.
    pub duration_ms: u64,
}

/// Still pictures of one generation, kept as JPEG beside its chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stills {
    /// Widths of its posters in pixels, ascending: `poster/{width}.jpg`.
    pub posters: Vec<u32>,
    /// Its storyboard; none for a song.
    #[serde(default)]
    pub storyboard: Option<Storyboard>,
}

/// Tiles that show what lies where in a title, laid out row by row on sheets `storyboard/{n}.jpg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storyboard {
    /// Pixels.
    pub tile_width: u32,
    /// Pixels.
    pub tile_height: u32,
    /// Tiles in a row of a sheet.
    pub columns: u32,
    /// Rows of a sheet; the last sheet may have fewer.
    pub rows: u32,
    /// Tile n shows the title from n of these intervals on.
    pub interval_ms: u32,
    /// Tiles in all.
    pub count: u32,
}
