//! The ladder: which renditions a source gets, and how its picture lies in each.

use model::BitsPerSecond;
use model::media::{Source, Video};

use template::{LONGEST_SIDE, Ladder, SHORTEST_SIDE, ScalingBehavior, Template};

/// Lines of the standard rungs.
const STEPS: [u32; 6] = [2160, 1440, 1080, 720, 540, 360];

/// One rendition before its encoder was asked for its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rung {
    /// The encoded size in pixels; even.
    pub(crate) size: Size,
    /// The size of the picture in it; smaller where there are black bars.
    pub(crate) picture: Size,
    /// x264's constant rate factor.
    pub(crate) crf: u8,
    /// Peak rate.
    pub(crate) max_rate: BitsPerSecond,
    /// VBV buffer in bits.
    pub(crate) buffer_bits: u32,
}

/// A size in square pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
}

/// The renditions of a source, highest first; none for a source without video.
pub(crate) fn rungs(source: &Source, template: &Template) -> Vec<Rung> {
    let Some(video) = &source.video else {
        return vec![];
    };
    let display = Size { width: video.display_width.max(2), height: video.display_height.max(2) };
    let crf = template.h264_settings.crf();
    match &template.ladder {
        Ladder::Outputs(outputs) => {
            let rung = |output: &template::Output| {
                let size = Size { width: output.width, height: output.height };
                let picture = match output.scaling_behavior {
                    ScalingBehavior::Default => display.fitted(size),
                    ScalingBehavior::StretchToOutput => size,
                };
                Rung::new(size, picture, crf, output.max_bitrate)
            };
            outputs.iter().map(rung).collect()
        }
        Ladder::AutomatedAbr { max_renditions, max_abr_bitrate, min_abr_bitrate } => {
            let rung = |size: Size| {
                let rate = rate(size, video).clamp(min_abr_bitrate.0, max_abr_bitrate.0);
                Rung::new(size, size, crf, BitsPerSecond(rate))
            };
            sizes(display).into_iter().take(usize::from(*max_renditions).max(1)).map(rung).collect()
        }
    }
}

/// The source's own size, then every step that is clearly smaller.
fn sizes(display: Size) -> Vec<Size> {
    let top = display.scaled_to(display.shorter().min(STEPS[0]));
    let mut sizes = vec![top];
    // A step within a sixth of the one above would show the same picture twice.
    sizes
        .extend(STEPS.into_iter().filter(|step| step * 6 <= top.shorter() * 5).map(|s| display.scaled_to(s)));
    sizes
}

/// A peak rate that lets an average film keep its quality: 3 Mbit/s at 720 lines, growing slower than the
/// number of pixels, half as much again at 50 or 60 frames a second.
fn rate(size: Size, video: &Video) -> u32 {
    const STEP: f64 = 50_000.0;
    let pixels = f64::from(size.width) * f64::from(size.height) / (1280.0 * 720.0);
    let motion = (video.rate.as_f64() / 30.0).clamp(1.0, 4.0).powf(0.585);
    let steps = (3_000_000.0 * pixels.powf(0.79) * motion / STEP).round().clamp(1.0, 2000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 50 kbit/s … 100 Mbit/s"
    )]
    let bits = (steps * STEP) as u32;
    bits
}

impl Rung {
    fn new(size: Size, picture: Size, crf: u8, max_rate: BitsPerSecond) -> Self {
        Self { size, picture, crf, max_rate, buffer_bits: max_rate.0.saturating_mul(2) }
    }
}

impl Size {
    /// Pixels in all.
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Where the upper left corner of a picture of this size lies in a larger one, between bars. Even, so that chroma stays
    /// where it is.
    pub(crate) fn place_in(self, size: Self) -> (u32, u32) {
        (((size.width - self.width) / 2) & !1, ((size.height - self.height) / 2) & !1)
    }

    fn shorter(self) -> u32 {
        self.width.min(self.height)
    }

    /// The largest even size of this shape within `frame`.
    fn fitted(self, frame: Self) -> Self {
        let by_width = even(u64::from(self.height) * u64::from(frame.width), self.width);
        let by_height = even(u64::from(self.width) * u64::from(frame.height), self.height);
        if by_width <= frame.height {
            Self { width: frame.width, height: by_width }
        } else {
            Self { width: by_height.min(frame.width), height: frame.height }
        }
    }

    /// This shape with a shorter side of that many pixels, unless the longer one would be too long.
    fn scaled_to(self, shorter: u32) -> Self {
        let longer = self.width.max(self.height);
        let length = even(u64::from(longer) * u64::from(shorter), self.shorter());
        let (long, short) = if length > LONGEST_SIDE {
            (LONGEST_SIDE, even(u64::from(self.shorter()) * u64::from(LONGEST_SIDE), longer))
        } else {
            (length, even(shorter.into(), 1))
        };
        let (long, short) = (long.max(SHORTEST_SIDE), short.max(SHORTEST_SIDE));
        if self.width >= self.height {
            Self { width: long, height: short }
        } else {
            Self { width: short, height: long }
        }
    }
}

/// `number / divisor` rounded to the nearest even number, at least 2.
fn even(number: u64, divisor: u32) -> u32 {
    let divisor = u64::from(divisor.max(1));
    let halves = (number + divisor) / (2 * divisor);
    u32::try_from(halves * 2).unwrap_or(u32::MAX - 1).max(2)
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use proptest::prelude::*;

    use super::*;
    use model::testing::film;
    use template::{reference, standard};

    fn source(width: u32, height: u32, fps: u32) -> Source {
        film(width, height, FrameRate::new(fps, 1).unwrap(), 100)
    }

    fn check(width: u32, height: u32, expected: &str) {
        let rungs = rungs(&source(width, height, 24), &standard());
        let text = |r: &Rung| format!("{}x{}@{}k", r.size.width, r.size.height, r.max_rate.0 / 1000);
        assert_eq!(rungs.iter().map(text).collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn standard_rungs_follow_the_shorter_side_and_are_never_larger_than_the_source() {
        check(1920, 1080, "1920x1080@5700k 1280x720@3000k 960x540@1900k 640x360@1000k");
        check(1280, 720, "1280x720@3000k 960x540@1900k 640x360@1000k");
        check(720, 1280, "720x1280@3000k 540x960@1900k 360x640@1000k");
        check(1920, 800, "1920x800@4500k 1296x540@2400k 864x360@1250k");
        check(642, 642, "642x642@1600k 360x360@650k");
        check(320, 180, "320x180@350k");
        check(
            3840,
            2160,
            "3840x2160@17000k 2560x1440@8950k 1920x1080@5700k 1280x720@3000k 960x540@1900k 640x360@1000k",
        );
        check(
            7680,
            4320,
            "3840x2160@17000k 2560x1440@8950k 1920x1080@5700k 1280x720@3000k 960x540@1900k 640x360@1000k",
        );
        check(8192, 1080, "4096x540@6000k 2730x360@3150k");
        check(2, 2, "16x16@300k");
    }

    #[test]
    fn fast_pictures_get_more() {
        let rate = |fps| rungs(&source(1280, 720, fps), &standard())[0].max_rate.0;
        assert_eq!((rate(24), rate(30), rate(60)), (3_000_000, 3_000_000, 4_500_000));
    }

    #[test]
    fn the_reference_has_its_sizes_and_pads() {
        let check = |width, height, expected: [(u32, u32); 3]| {
            let rungs = rungs(&source(width, height, 24), &reference());
            let sizes: Vec<_> = rungs.iter().map(|r| (r.size.width, r.size.height)).collect();
            assert_eq!(sizes, [(1280, 720), (960, 540), (640, 360)]);
            let pictures: Vec<_> = rungs.iter().map(|r| (r.picture.width, r.picture.height)).collect();
            assert_eq!(pictures, expected);
            let rates: Vec<_> = rungs.iter().map(|r| (r.crf, r.max_rate.0, r.buffer_bits)).collect();
            assert_eq!(
                rates,
                [(23, 3_000_000, 6_000_000), (23, 2_000_000, 4_000_000), (23, 1_000_000, 2_000_000)]
            );
        };
        check(1920, 1080, [(1280, 720), (960, 540), (640, 360)]);
        check(1440, 1080, [(960, 720), (720, 540), (480, 360)]);
        check(1080, 1920, [(406, 720), (304, 540), (202, 360)]);
        check(320, 136, [(1280, 544), (960, 408), (640, 272)]);
    }

    proptest! {
        #[test]
        fn rungs_are_even_distinct_and_shaped_like_the_source(width in 1_u32..9000, height in 1_u32..9000) {
            let (width, height) = (width * 2, height * 2);
            for template in [reference(), standard()] {
                let rungs = rungs(&source(width, height, 30), &template);
                prop_assert!(!rungs.is_empty());
                for pair in rungs.windows(2) {
                    prop_assert!(pair[0].size.pixels() > pair[1].size.pixels());
                }
                for rung in rungs {
                    for size in [rung.size, rung.picture] {
                        prop_assert!(size.width % 2 == 0 && size.height % 2 == 0 && size.shorter() >= 2);
                    }
                    prop_assert!(rung.picture.width <= rung.size.width && rung.picture.height <= rung.size.height);
                    prop_assert!(rung.size.width.max(rung.size.height) <= LONGEST_SIDE);
                }
            }
        }
    }
}
