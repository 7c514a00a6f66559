//! Job templates: output settings in MediaConvert's terms, as far as they are carried out.
//!
//! Names follow MediaConvert's job settings (`MaxBitrate`, `NumberBFramesBetweenReferenceFrames`, …), so that
//! a template reads like the job it stands for. Both built-in templates share a grid of about two seconds:
//! every packaging configuration merges whole grid segments, so five of them make the reference's ten.
//!
//! ```
//! let templates = template::Templates::default();
//! assert_eq!(templates.named("standard").unwrap(), &template::standard());
//! ```

mod error;
mod list;

use aws_lc_rs::digest;
use model::BitsPerSecond;
use serde::{Deserialize, Serialize};

pub use error::{Error, Result};
pub use list::Templates;

/// The longest side of a rendition in pixels, which every H.264 decoder of today's devices takes.
pub const LONGEST_SIDE: u32 = 4096;

/// The shortest side of a rendition in pixels.
pub const SHORTEST_SIDE: u32 = 16;

/// Output settings of an encode. What one of an operator does not say is as in [`standard`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Target duration of a segment of the grid in seconds.
    #[serde(default = "segment_seconds")]
    pub segment_seconds: u32,
    /// Which renditions there are.
    #[serde(default)]
    pub ladder: Ladder,
    /// How each of them is encoded.
    #[serde(default)]
    pub h264_settings: H264,
    /// How each audio track is encoded.
    #[serde(default)]
    pub aac_settings: Aac,
}

/// Which renditions there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub enum Ladder {
    /// These, whatever the source is.
    Outputs(Vec<Output>),
    /// By the source's size, never larger than it (`AutomatedAbrSettings`).
    #[serde(rename_all = "PascalCase")]
    AutomatedAbr {
        /// Renditions at most.
        max_renditions: u8,
        /// The highest rate of a rendition.
        max_abr_bitrate: BitsPerSecond,
        /// The lowest rate of a rendition.
        min_abr_bitrate: BitsPerSecond,
    },
}

/// One fixed rendition (`VideoDescription`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Output {
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// How to fit a source of another shape.
    pub scaling_behavior: ScalingBehavior,
    /// Peak rate.
    pub max_bitrate: BitsPerSecond,
}

/// How a picture gets into an output of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScalingBehavior {
    /// Fitted with square pixels, black bars around it.
    Default,
    /// Stretched.
    StretchToOutput,
}

/// H.264 (`H264Settings`): QVBR, closed GOPs at the grid's boundaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct H264 {
    /// Which tools of the codec are used.
    pub codec_profile: Profile,
    /// 1 to 10.
    pub qvbr_quality_level: u8,
    /// B-frames in a row.
    pub number_b_frames_between_reference_frames: u8,
    /// Frames that may be referred to.
    pub number_reference_frames: u8,
    /// Whether B-frames may be referred to.
    pub gop_b_reference: Switch,
    /// Whether bits move from busy areas to flat ones, and how many.
    pub adaptive_quantization: AdaptiveQuantization,
    /// Whether bits move from short-lived areas to lasting ones.
    pub temporal_adaptive_quantization: Switch,
    /// Time against size.
    pub quality_tuning_level: QualityTuning,
}

/// H.264 profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Profile {
    /// Main, with CABAC.
    Main,
    /// High: 8×8 transform.
    High,
}

/// On or off, as MediaConvert says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Switch {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// Strength of the spatial adaptive quantization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are all there is to say")]
pub enum AdaptiveQuantization {
    Off,
    Low,
    Medium,
    High,
    Higher,
    Max,
}

/// Time against size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QualityTuning {
    /// x264's `veryfast`.
    SinglePass,
    /// x264's `medium`.
    SinglePassHq,
}

/// AAC (`AacSettings`): LC, constant rate, stereo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct Aac {
    /// Target rate.
    pub bitrate: BitsPerSecond,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels; sources with more are mixed down.
    pub coding_mode: CodingMode,
}

/// Channels of an AAC track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodingMode {
    /// Two channels.
    #[serde(rename = "CODING_MODE_2_0")]
    Stereo,
}

impl Template {
    /// The id that plans refer to it by: its name, and for one of an operator's, which may change, a digest of its
    /// contents.
    pub fn id(&self) -> String {
        if matches!(self.name.as_str(), REFERENCE | STANDARD) {
            return self.name.clone();
        }
        let text = serde_json::to_vec(self).expect("plain values become JSON");
        let digest = digest::digest(&digest::SHA256, &text);
        format!("{}@{}", self.name, hex::encode(&digest.as_ref()[..8]))
    }
}

/// Names of the built-in templates.
const REFERENCE: &str = "reference";
const STANDARD: &str = "standard";

fn segment_seconds() -> u32 {
    2
}

/// The reference workflow's ladder: 720, 540 and 360 lines whatever the source is, black bars where its shape
/// differs.
pub fn reference() -> Template {
    let output = |width, height, megabits: u32| Output {
        width,
        height,
        scaling_behavior: ScalingBehavior::Default,
        max_bitrate: BitsPerSecond(megabits * 1_000_000),
    };
    let outputs = vec![output(1280, 720, 3), output(960, 540, 2), output(640, 360, 1)];
    template(REFERENCE, Ladder::Outputs(outputs))
}

/// Renditions by the source's size and shape, from its own size (at most 2160 lines) down to 360 lines.
pub fn standard() -> Template {
    template(STANDARD, Ladder::default())
}

fn template(name: &str, ladder: Ladder) -> Template {
    Template {
        name: name.to_owned(),
        segment_seconds: segment_seconds(),
        ladder,
        h264_settings: H264::default(),
        aac_settings: Aac::default(),
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self::AutomatedAbr {
            max_renditions: 6,
            max_abr_bitrate: BitsPerSecond(20_000_000),
            min_abr_bitrate: BitsPerSecond(300_000),
        }
    }
}

impl Default for H264 {
    fn default() -> Self {
        Self {
            codec_profile: Profile::Main,
            qvbr_quality_level: 7,
            number_b_frames_between_reference_frames: 2,
            number_reference_frames: 3,
            gop_b_reference: Switch::Disabled,
            adaptive_quantization: AdaptiveQuantization::High,
            temporal_adaptive_quantization: Switch::Enabled,
            quality_tuning_level: QualityTuning::SinglePass,
        }
    }
}

impl Default for Aac {
    fn default() -> Self {
        Self { bitrate: BitsPerSecond(96_000), sample_rate: 48_000, coding_mode: CodingMode::Stereo }
    }
}

impl H264 {
    /// x264's constant rate factor for the quality level (until trial encodes search it per title).
    pub fn crf(&self) -> u8 {
        match self.qvbr_quality_level {
            10.. => 17,
            9 => 19,
            8 => 21,
            7 => 23,
            6 => 26,
            5 => 29,
            4 => 31,
            3 => 33,
            2 => 35,
            0..=1 => 37,
        }
    }
}

impl CodingMode {
    /// Channels.
    pub fn channels(self) -> u16 {
        match self {
            Self::Stereo => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_as_they_are_written() {
        for template in [reference(), standard()] {
            let text = serde_json::to_string(&template).unwrap();
            assert_eq!(serde_json::from_str::<Template>(&text).unwrap(), template);
        }
    }

    #[test]
    fn what_plans_say_of_equal_templates_stays() {
        // A digest also covers the defaults of what a template leaves open. Where it changes, encodes under way fail as
        // those of another template: a new setting must not be serialized as long as it has its default.
        let id = |template| Template { name: "own".to_owned(), ..template }.id();
        assert_eq!(id(reference()), "own@6034d3c06dc8e64d");
        assert_eq!(id(standard()), "own@efb18f5011f1df69");
    }

    #[test]
    fn the_reference_reads_like_its_job_settings() {
        let text = serde_json::to_string_pretty(&reference()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "Name": "reference",
          "SegmentSeconds": 2,
          "Ladder": {
            "Outputs": [
              {
                "Width": 1280,
                "Height": 720,
                "ScalingBehavior": "DEFAULT",
                "MaxBitrate": 3000000
              },
              {
                "Width": 960,
                "Height": 540,
                "ScalingBehavior": "DEFAULT",
                "MaxBitrate": 2000000
              },
              {
                "Width": 640,
                "Height": 360,
                "ScalingBehavior": "DEFAULT",
                "MaxBitrate": 1000000
              }
            ]
          },
          "H264Settings": {
            "CodecProfile": "MAIN",
            "QvbrQualityLevel": 7,
            "NumberBFramesBetweenReferenceFrames": 2,
            "NumberReferenceFrames": 3,
            "GopBReference": "DISABLED",
            "AdaptiveQuantization": "HIGH",
            "TemporalAdaptiveQuantization": "ENABLED",
            "QualityTuningLevel": "SINGLE_PASS"
          },
          "AacSettings": {
            "Bitrate": 96000,
            "SampleRate": 48000,
            "CodingMode": "CODING_MODE_2_0"
          }
        }
        "#);
    }
}
