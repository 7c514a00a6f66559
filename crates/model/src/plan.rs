//! The plan: the grid of an encode, fixed before the first frame is encoded.
//!
//! All renditions and audio tracks share one list of segment boundaries. The plan is written once per
//! generation, carries a format version, and everything a playlist needs but byte sizes follows from it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{BitsPerSecond, FrameRate};

/// The format version written into new plans.
pub const VERSION: u16 = 2;

/// Samples in one AAC-LC frame (ISO 14496-3).
pub const AAC_FRAME_SAMPLES: u64 = 1024;

/// The plan of one generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Format version: [`VERSION`].
    pub version: u16,
    /// The common clock and its segment boundaries.
    pub grid: Grid,
    /// Renditions, highest first; empty for an audio-only title.
    pub renditions: Vec<Rendition>,
    /// Audio tracks, the default first.
    pub audio: Vec<AudioTrack>,
    /// Caption tracks; none in plans of version 1.
    #[serde(default)]
    pub captions: Vec<CaptionTrack>,
    /// Chunks, the unit of encoding and storage; the index in this list is the chunk's number.
    pub chunks: Vec<Chunk>,
    /// The encoder that must encode every chunk of this plan (ffmpeg build, threads, flags): other workers may not take
    /// them.
    pub fingerprint: String,
    /// The job template that the plan was made from: its name, and a digest for one that may change.
    pub template: String,
}

/// Segment boundaries on a clock of frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Video frames a second; AAC frames a second where there is no video.
    pub rate: FrameRate,
    /// Frame numbers, strictly ascending: segment k is `boundaries[k]..boundaries[k + 1]`; the first is 0.
    pub boundaries: Vec<u64>,
}

impl Grid {
    /// Number of segments.
    pub fn segments(&self) -> u32 {
        u32::try_from(self.boundaries.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// Frames of segment `k`; `None` past the end.
    pub fn segment(&self, k: u32) -> Option<Range<u64>> {
        let k = usize::try_from(k).ok()?;
        Some(*self.boundaries.get(k)?..*self.boundaries.get(k + 1)?)
    }

    /// Frames of a run of segments; `None` if it is empty or leaves the grid.
    pub fn span(&self, segments: &Range<u32>) -> Option<Range<u64>> {
        let last = segments.end.checked_sub(1).filter(|last| *last >= segments.start)?;
        Some(self.segment(segments.start)?.start..self.segment(last)?.end)
    }

    /// Number of frames of a run of segments; 0 where [`Self::span`] has none.
    pub fn length(&self, segments: &Range<u32>) -> u64 {
        self.span(segments).map_or(0, |frames| frames.end.saturating_sub(frames.start))
    }

    /// Frames in all.
    pub fn frames(&self) -> u64 {
        self.boundaries.last().copied().unwrap_or(0)
    }

    /// Start of frame `n` on a clock of `timescale` ticks a second, rounded to the next tick at or after it.
    ///
    /// A sample belongs to segment k when its start lies in `[ticks(B(k)), ticks(B(k + 1)))`.
    pub fn ticks(&self, n: u64, timescale: u32) -> u64 {
        let num = u128::from(n) * u128::from(timescale) * u128::from(self.rate.den());
        u64::try_from(num.div_ceil(u128::from(self.rate.num()))).unwrap_or(u64::MAX)
    }

    /// AAC frames of `sample_rate` that start within segment `k` (design.md: segment k holds the AAC frames
    /// that start in [B(k), B(k+1))); frame 0 starts at time 0.
    pub fn aac_frames(&self, k: u32, sample_rate: u32) -> Option<Range<u64>> {
        let frames = self.segment(k)?;
        let first = |n| self.ticks(n, sample_rate).div_ceil(AAC_FRAME_SAMPLES);
        Some(first(frames.start)..first(frames.end))
    }
}

/// One video size and rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendition {
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Constant rate factor of x264.
    pub crf: u8,
    /// VBV maximum rate.
    pub max_rate: BitsPerSecond,
    /// VBV buffer in bits.
    pub buffer_bits: u32,
    /// The codec string of RFC 6381, from the one-frame encode: `avc1.4d401f`.
    pub codec: String,
    /// The `avcC` payload (ISO 14496-15 §5.3.3) every chunk must carry, in lower-case hex.
    pub avcc: String,
}

/// One audio language and quality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// ffmpeg's stream index in the source.
    pub stream: u32,
    /// BCP 47 language, `und` if unknown.
    pub language: String,
    /// The track's label in the file ("Director's commentary"), cleaned and bounded; `None`: named by its language.
    #[serde(default)]
    pub label: Option<String>,
    /// Samples a second of the encoded track.
    pub sample_rate: u32,
    /// Channels of the encoded track.
    pub channels: u16,
    /// Target rate.
    pub bit_rate: BitsPerSecond,
    /// The codec string of RFC 6381: `mp4a.40.2`.
    pub codec: String,
    /// The AudioSpecificConfig (ISO 14496-3 §1.6) every chunk must carry, in lower-case hex.
    pub config: String,
}

/// Captions of one language, stored as WebVTT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionTrack {
    /// Where they come from.
    pub from: CaptionOrigin,
    /// BCP 47 language, `und` if unknown.
    pub language: String,
    /// The track's label in the file, cleaned and bounded; `None`: named by its language.
    #[serde(default)]
    pub label: Option<String>,
    /// Shown even when captions are off: translations of foreign speech.
    pub forced: bool,
    /// Whether they also describe sounds, for people who do not hear them.
    pub hearing_impaired: bool,
}

/// Where captions are found in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptionOrigin {
    /// A text stream: ffmpeg's stream index in the source.
    Stream(u32),
    /// A CEA-608 channel (1 to 4) within the video stream.
    Cea608(u8),
}

/// A run of whole segments of one medium: encoded in one go, stored as one object per track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its medium.
    pub of: Medium,
    /// Segments it covers.
    pub segments: Range<u32>,
    /// Where decoding starts: the grid number of the last source keyframe at or before the first frame
    /// (video), or of the first frame itself (audio).
    pub decode_from: u64,
}

/// The medium of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// Every rendition.
    Video,
    /// The audio track of that index in [`Plan::audio`].
    Audio(u16),
    /// The caption track of that index in [`Plan::captions`].
    Captions(u16),
}

/// A stored track: a rendition, an audio or a caption track, by its index in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// [`Plan::renditions`].
    Video(u16),
    /// [`Plan::audio`].
    Audio(u16),
    /// [`Plan::captions`].
    Captions(u16),
}

impl Plan {
    /// The chunk with this number.
    pub fn chunk(&self, number: u32) -> Option<&Chunk> {
        self.chunks.get(usize::try_from(number).ok()?)
    }

    /// The number of the chunk that holds segment `k` of `track`.
    pub fn chunk_of(&self, track: Track, k: u32) -> Option<u32> {
        let medium = track.medium();
        let at = self.chunks.iter().position(|c| c.of == medium && c.segments.contains(&k))?;
        u32::try_from(at).ok()
    }

    /// Every stored track: video, audio, captions.
    pub fn tracks(&self) -> impl Iterator<Item = Track> + use<> {
        let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let (video, audio) = (count(self.renditions.len()), count(self.audio.len()));
        let captions = (0..count(self.captions.len())).map(Track::Captions);
        (0..video).map(Track::Video).chain((0..audio).map(Track::Audio)).chain(captions)
    }

    /// The tracks a chunk is stored as.
    pub fn tracks_of(&self, chunk: &Chunk) -> Vec<Track> {
        self.tracks().filter(|t| t.medium() == chunk.of).collect()
    }

    /// Duration in ms, rounded down.
    pub fn duration_ms(&self) -> u64 {
        self.grid.rate.frame_ms(self.grid.frames())
    }
}

impl Track {
    /// The medium whose chunks hold the track.
    pub fn medium(self) -> Medium {
        match self {
            Self::Video(_) => Medium::Video,
            Self::Audio(n) => Medium::Audio(n),
            Self::Captions(n) => Medium::Captions(n),
        }
    }
}

/// `v0`, `v1`, …, `a0`, … and `c0`, …: in SQL, object keys and paths.
impl std::fmt::Display for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Video(n) => write!(f, "v{n}"),
            Self::Audio(n) => write!(f, "a{n}"),
            Self::Captions(n) => write!(f, "c{n}"),
        }
    }
}

impl std::str::FromStr for Track {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| match digits.as_bytes() {
            [b'0'] => Some(0),
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => digits.parse().ok(),
            _ => None,
        };
        let track = match text.split_at_checked(1) {
            Some(("v", digits)) => number(digits).map(Self::Video),
            Some(("a", digits)) => number(digits).map(Self::Audio),
            Some(("c", digits)) => number(digits).map(Self::Captions),
            _ => None,
        };
        track.ok_or("a track is `v`, `a` or `c` and its number without leading zeros")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid { rate: FrameRate::new(24, 1).unwrap(), boundaries: vec![0, 48, 96, 100] }
    }

    #[test]
    fn every_aac_frame_belongs_to_exactly_one_segment() {
        let grid = grid();
        let mut next = 0;
        for k in 0..grid.segments() {
            let frames = grid.aac_frames(k, 48_000).unwrap();
            assert_eq!(frames.start, next);
            next = frames.end;
        }
        assert_eq!(next, (100_u64 * 2000).div_ceil(1024));
    }

    #[test]
    fn a_span_covers_whole_segments() {
        assert_eq!(grid().span(&(1..3)), Some(48..100));
        assert_eq!(grid().span(&(1..1)), None);
        assert_eq!(grid().span(&(2..4)), None);
        assert_eq!([1..3, 1..1, 2..4].map(|run| grid().length(&run)), [52, 0, 0]);
    }

    #[test]
    fn tracks_have_one_spelling() {
        for track in [Track::Video(0), Track::Video(12), Track::Audio(3), Track::Captions(1)] {
            assert_eq!(track.to_string().parse(), Ok(track));
        }
        for bad in ["", "v", "v01", "x1", "v-1", "v99999", "é1"] {
            assert!(bad.parse::<Track>().is_err(), "{bad}");
        }
    }
}
