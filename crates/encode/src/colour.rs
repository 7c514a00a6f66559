//! Colours: what a source's numbers mean, and what is written beside the encoded ones.
//!
//! Standard dynamic range keeps its numbers and only gets its tags written, which players obey; a source that
//! says nothing is taken for what players take it for. High dynamic range is mapped to BT.709.

use model::media::Video;

/// Lines from which untagged video is taken for high definition.
const HD_LINES: u32 = 720;

/// The colours of an encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// High definition.
    Bt709,
    /// Standard definition, 525 lines.
    Smpte170m,
    /// Standard definition, 625 lines.
    Bt470bg,
}

/// How the brightest parts of a high dynamic range are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hdr {
    /// Perceptual quantizer: HDR10, Dolby Vision.
    Pq,
    /// Hybrid log-gamma.
    Hlg,
}

impl Colour {
    /// The colours a source is encoded in.
    ///
    /// The matrix counts first: what is wrong with it, everybody sees.
    pub(crate) fn of(video: &Video) -> Self {
        let hdr = Hdr::of(video).is_some();
        match (video.matrix.as_deref(), video.transfer.as_deref()) {
            _ if hdr => Self::Bt709,
            (Some("bt709" | "bt2020nc" | "bt2020c"), _) => Self::Bt709,
            (Some("smpte170m"), _) => Self::Smpte170m,
            (Some("bt470bg"), _) => Self::Bt470bg,
            (_, Some("smpte170m")) => Self::Smpte170m,
            (_, Some("gamma28" | "bt470bg")) => Self::Bt470bg,
            (_, Some(transfer)) if transfer != "iec61966-2-1" => Self::Bt709,
            _ if video.width.min(video.height) < HD_LINES => Self::Smpte170m,
            _ => Self::Bt709,
        }
    }

    /// By which matrices a picture's numbers are to be made those of this encode, in the words of ffmpeg's scaler:
    /// those of the source, if it has any, and the encode's. `None` where they are what they are.
    pub(crate) fn matrices(self, video: &Video) -> Option<(Option<&'static str>, &'static str)> {
        const RGB: [&str; 8] = ["gbr", "rgb", "bgr", "argb", "abgr", "0rgb", "0bgr", "pal8"];
        let here = match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m => "smpte170m",
            Self::Bt470bg => "bt470",
        };
        if RGB.iter().any(|rgb| video.pixel_format.starts_with(rgb)) {
            return Some((None, here));
        }
        let wide = matches!(video.matrix.as_deref(), Some("bt2020nc" | "bt2020c"));
        wide.then_some((Some("bt2020"), here))
    }

    pub(crate) fn primaries(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m => "smpte170m",
            Self::Bt470bg => "bt470bg",
        }
    }

    pub(crate) fn transfer(self) -> &'static str {
        match self {
            Self::Bt709 => "bt709",
            Self::Smpte170m | Self::Bt470bg => "smpte170m",
        }
    }

    pub(crate) fn matrix(self) -> &'static str {
        // The same words, by ffmpeg's choice.
        self.primaries()
    }
}

impl Hdr {
    /// Whether and how a source's range is high.
    pub(crate) fn of(video: &Video) -> Option<Self> {
        match video.transfer.as_deref() {
            Some("smpte2084") => Some(Self::Pq),
            Some("arib-std-b67") => Some(Self::Hlg),
            _ => None,
        }
    }

    /// ffmpeg's name of the transfer characteristics.
    pub(crate) fn transfer(self) -> &'static str {
        match self {
            Self::Pq => "smpte2084",
            Self::Hlg => "arib-std-b67",
        }
    }
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use model::testing::film;

    fn video(width: u32, height: u32) -> Video {
        film(width, height, FrameRate::new(25, 1).unwrap(), 100).video.unwrap()
    }

    #[test]
    fn colours_follow_the_matrix_then_the_transfer_then_the_size() {
        let check = |lines: u32, matrix: Option<&str>, transfer: Option<&str>, expected: Colour| {
            let mut video = video(lines * 16 / 9, lines);
            video.matrix = matrix.map(str::to_owned);
            video.transfer = transfer.map(str::to_owned);
            assert_eq!(Colour::of(&video), expected, "{lines} {matrix:?} {transfer:?}");
        };
        check(1080, None, None, Colour::Bt709);
        check(480, None, None, Colour::Smpte170m);
        check(480, Some("bt709"), None, Colour::Bt709);
        check(1080, Some("smpte170m"), Some("bt709"), Colour::Smpte170m);
        check(576, None, Some("gamma28"), Colour::Bt470bg);
        check(480, None, Some("bt709"), Colour::Bt709);
        check(480, Some("bt2020nc"), Some("smpte2084"), Colour::Bt709);
        check(480, Some("gbr"), Some("iec61966-2-1"), Colour::Smpte170m);
    }

    #[test]
    fn numbers_are_made_anew_only_where_they_mean_something_else() {
        let check = |format: &str, matrix: Option<&str>, expected| {
            let mut video = video(1280, 720);
            video.matrix = matrix.map(str::to_owned);
            video.pixel_format = format.to_owned();
            assert_eq!(Colour::of(&video).matrices(&video), expected, "{format} {matrix:?}");
        };
        check("yuv420p", None, None);
        check("yuv420p", Some("smpte170m"), None);
        check("gbrp10le", Some("gbr"), Some((None, "bt709")));
        check("rgb24", None, Some((None, "bt709")));
        check("yuv420p10le", Some("bt2020nc"), Some((Some("bt2020"), "bt709")));
    }
}
