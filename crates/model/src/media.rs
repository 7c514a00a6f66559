//! Facts about a source from probing, without decisions.

mod container;

use serde::{Deserialize, Serialize};

pub use container::Container;

use crate::FrameRate;
use crate::plan::CaptionTrack;

/// The contents of a source, as far as Kinora uses them.
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
    /// Where its clock jumps, in file order; empty where it does not. All other times are those of a copy whose clock
    /// these have set.
    #[serde(default)]
    pub pieces: Vec<Piece>,
}

/// A piece of a source between two jumps of its clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// The byte of the file that it begins at.
    pub from: u64,
    /// Where each of its streams begins: the number that the container gives the stream (the PID of MPEG-TS, the stream's
    /// code of MPEG-PS, the kind of tag of FLV), and a byte of the file.
    pub starts: Vec<(u32, u64)>,
    /// Ticks of the container's clock (90,000 a second; FLV: 1,000) to be added to its times, so that it is presented
    /// behind the piece before.
    pub ticks: i64,
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
    /// sound continues after it.
    #[serde(default)]
    pub held: u64,
    /// How many of them, at the beginning, show the first picture of the file before its time, because the sound
    /// begins earlier.
    #[serde(default)]
    pub lead: u64,
    /// Presentation time of frame 0 in microseconds of the container's clock; the file's first picture comes
    /// [`Self::lead`] frames later.
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
    /// Frames on the grid up to the file's last picture: all but those that hold it.
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
    /// The track's label in the file, cleaned and bounded.
    #[serde(default)]
    pub label: Option<String>,
    /// Presentation time of the first sample in microseconds of the container's clock.
    pub start_us: i64,
    /// Duration in ms.
    pub duration_ms: u64,
    /// The meaning of its channels, by which they are mixed to two.
    #[serde(default)]
    pub mix: Mix,
    /// By how many billionths its samples last longer than [`Self::sample_rate`] says, going by the times of its packets.
    #[serde(default)]
    pub drift_ppb: i64,
}

/// Facts about the channels of a track with more than two, by which they are mixed to stereo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mix {
    /// Each has a name: front left, centre, …
    #[default]
    Named,
    /// The meaning of the channels is unknown.
    Numbered,
    /// They are spherical harmonics in the order ACN, normalised as SN3D.
    Ambisonic,
    /// Each is alone in a stream of its own, of which the track's is the first.
    Apart(Vec<Part>),
}

/// A stream that has one channel of a track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// ffmpeg's stream index in the file.
    pub stream: u32,
    /// ffmpeg's name of the channel: `FL`.
    pub channel: String,
}

impl Audio {
    /// ffmpeg's indexes of the streams that it is in.
    pub fn streams(&self) -> Vec<u32> {
        match &self.mix {
            Mix::Apart(parts) => parts.iter().map(|part| part.stream).collect(),
            _ => vec![self.stream],
        }
    }
}

/// Still pictures of one generation, kept as JPEG beside its chunks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stills {
    /// Widths of its posters in pixels, ascending.
    pub posters: Vec<u32>,
    /// Whether those are of the title's beginning: the first ones, until all of it is encoded and better ones are chosen.
    #[serde(default)]
    pub are_first: bool,
    /// Its storyboard; none for a song.
    #[serde(default)]
    pub storyboard: Option<Storyboard>,
}

impl Stills {
    /// The file of the poster of a width: what a name stands for never changes.
    pub fn poster(&self, width: u32) -> String {
        let folder = if self.are_first { "first-poster" } else { "poster" };
        format!("{folder}/{width}.jpg")
    }
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
