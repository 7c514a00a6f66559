//! Encoder arguments: one rendition, one audio track, the files they are written to.
//!
//! Everything here is part of what encoded bytes depend on: a change that gives other bytes increases
//! [`crate::tools::SETTINGS`].

use model::BitsPerSecond;

use crate::colour::Colour;
use crate::ladder::Rung;
use crate::run::{Arg, Name};
use template::{AdaptiveQuantization, H264, Profile, QualityTuning, Switch};

/// An encode of H.264 at a constant quality with a capped rate.
///
/// Keyframes come at the forced frames and nowhere else. Where the source's chroma lies is not written down: old codecs
/// have it elsewhere, and headers must not depend on the source. The processor has no influence on the bits; the number
/// of threads has.
pub(crate) fn h264(settings: &H264, rung: &Rung, colour: Colour, threads: u16) -> Vec<Arg> {
    let preset = match settings.quality_tuning_level {
        QualityTuning::SinglePass => "veryfast",
        QualityTuning::SinglePassHq => "medium",
    };
    let profile = match settings.codec_profile {
        Profile::Main => "main",
        Profile::High => "high",
    };
    let mut args = list([
        &["-c:v", "libx264", "-preset", preset, "-profile:v", profile, "-pix_fmt", "yuv420p"][..],
        &["-g", "9999", "-keyint_min", "1", "-sc_threshold", "0", "-forced-idr", "1", "-a53cc", "0"],
        &["-fps_mode", "passthrough", "-flags:v", "+bitexact+cgop"],
        &["-color_range", "tv", "-color_primaries", colour.primaries(), "-color_trc", colour.transfer()],
        &["-colorspace", colour.matrix()],
    ]);
    args.extend(["-crf".into(), Arg::of(&[&rung.crf])]);
    args.extend(["-maxrate".into(), Arg::of(&[&rung.max_rate.0])]);
    args.extend(["-bufsize".into(), Arg::of(&[&rung.buffer_bits])]);
    args.extend(["-bf".into(), Arg::of(&[&settings.number_b_frames_between_reference_frames])]);
    args.extend(["-refs".into(), Arg::of(&[&settings.number_reference_frames])]);
    args.extend(["-threads:v".into(), Arg::of(&[&threads])]);
    args.extend(["-x264-params".into(), x264(settings)]);
    args
}

fn x264(settings: &H264) -> Arg {
    let pyramid = match settings.gop_b_reference {
        Switch::Enabled => "normal",
        Switch::Disabled => "none",
    };
    let quantization = match settings.adaptive_quantization {
        AdaptiveQuantization::Off => "aq-mode=0",
        AdaptiveQuantization::Low => "aq-mode=1:aq-strength=0.6",
        AdaptiveQuantization::Medium => "aq-mode=1:aq-strength=0.8",
        AdaptiveQuantization::High => "aq-mode=1:aq-strength=1.0",
        AdaptiveQuantization::Higher => "aq-mode=1:aq-strength=1.2",
        AdaptiveQuantization::Max => "aq-mode=1:aq-strength=1.4",
    };
    let temporal = match settings.temporal_adaptive_quantization {
        Switch::Enabled => ":mbtree=1",
        Switch::Disabled => ":mbtree=0",
    };
    Arg::of(&[
        &"cpu-independent=1:sliced-threads=0:chromaloc=0:b-pyramid=",
        &pyramid,
        &":",
        &quantization,
        &temporal,
    ])
}

/// An encode of AAC-LC.
pub(crate) fn aac(rate: BitsPerSecond) -> Vec<Arg> {
    let mut args = list([&["-c:a", "aac", "-profile:a", "aac_low", "-flags:a", "+bitexact"][..]]);
    args.extend(["-b:a".into(), Arg::of(&[&rate.0])]);
    args
}

/// A fragmented MP4 file of the video mapped before: one fragment for each keyframe.
pub(crate) fn video_file(name: &Name) -> Vec<Arg> {
    file(list([&["-movflags", "+frag_keyframe+empty_moov+default_base_moof"][..]]), name)
}

/// A fragmented MP4 file of the audio mapped before: fragments of 4 s.
pub(crate) fn audio_file(name: &Name) -> Vec<Arg> {
    file(list([&["-movflags", "+empty_moov+default_base_moof", "-frag_duration", "4000000"][..]]), name)
}

fn file(mut args: Vec<Arg>, name: &Name) -> Vec<Arg> {
    args.extend(list([
        &["-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-f", "mp4"][..]
    ]));
    args.push(Arg::output(name));
    args
}

/// Flags of every scaler: the same pixels on every processor.
pub(crate) const SCALER: &str = "bicubic+accurate_rnd+bitexact";

/// Restricts ffmpeg's own code to instructions that every processor of this kind has: the sums of floating point
/// filters (resampling) differ with wider ones.
pub(crate) fn baseline() -> Vec<Arg> {
    if cfg!(target_arch = "x86_64") { list([&["-cpuflags", "sse2"][..]]) } else { vec![] }
}

/// Arguments from words.
pub(crate) fn list<const N: usize>(groups: [&[&'static str]; N]) -> Vec<Arg> {
    groups.into_iter().flatten().map(|word| Arg::from(*word)).collect()
}

/// Arguments in one, with something between them.
pub(crate) fn join(parts: &[Arg], between: &'static str) -> Arg {
    let mut pieces: Vec<&dyn crate::run::Piece> = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if !pieces.is_empty() {
            pieces.push(&between);
        }
        pieces.push(part);
    }
    Arg::of(&pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Size;
    use template::reference;

    #[test]
    fn the_reference_is_spelled_for_x264() {
        let size = Size { width: 640, height: 360 };
        let rung =
            Rung { size, picture: size, crf: 23, max_rate: BitsPerSecond(1_000_000), buffer_bits: 2_000_000 };
        let args = h264(&reference().h264_settings, &rung, Colour::Bt709, 2);
        insta::assert_snapshot!(join(&args, " "), @"-c:v libx264 -preset veryfast -profile:v main -pix_fmt yuv420p -g 9999 -keyint_min 1 -sc_threshold 0 -forced-idr 1 -a53cc 0 -fps_mode passthrough -flags:v +bitexact+cgop -color_range tv -color_primaries bt709 -color_trc bt709 -colorspace bt709 -crf 23 -maxrate 1000000 -bufsize 2000000 -bf 2 -refs 3 -threads:v 2 -x264-params cpu-independent=1:sliced-threads=0:chromaloc=0:b-pyramid=none:aq-mode=1:aq-strength=1.0:mbtree=1");
    }
}
