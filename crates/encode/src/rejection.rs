//! Why a source cannot be played, in words for the person who uploaded it.

use std::fmt;

/// A reason to end a title as `rejected`.
///
/// Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// No bytes at all.
    Empty,
    /// HLS, PLS, ASX or `ffconcat`: a list that names other files.
    Playlist,
    /// A DASH or Smooth Streaming manifest.
    Manifest,
    /// A session description (RFC 8866).
    SessionDescription,
    /// SVG: text that draws an image.
    VectorImage,
    /// An HTML page, often an error page saved under a film's name.
    WebPage,
    /// Some other XML.
    Xml,
    /// Subtitles or lyrics as text.
    Subtitles,
    /// Any other text.
    Text,
    /// A still or animated image.
    Image {
        /// Its usual name: `PNG`.
        format: String,
    },
    /// A packed folder.
    Archive {
        /// Its usual name: `ZIP`.
        format: String,
    },
    /// A PDF or an office document.
    Document {
        /// Its usual name: `PDF`.
        format: String,
    },
    /// A program.
    Program,
    /// Notes instead of sound: MIDI and tracker modules.
    Notes,
    /// A container that Kinora does not read.
    Container {
        /// Its usual name: `RealMedia`.
        format: String,
    },
    /// Nothing that we know.
    Unknown,
    /// The container could not be read at all.
    Damaged,
    /// The container names more data than the file has, and nothing of it can be read.
    Incomplete,
    /// The file stops in the middle.
    Truncated {
        /// Milliseconds that can be read.
        readable_ms: u64,
        /// Milliseconds the container announces.
        announced_ms: u64,
    },
    /// Neither picture nor sound.
    NoStreams,
    /// The picture is missing for a while.
    Gap {
        /// Milliseconds from the start.
        from_ms: u64,
        /// Milliseconds from the start.
        to_ms: u64,
    },
    /// Streams, but not one frame in them.
    NoFrames,
    /// One picture and no sound.
    SinglePicture,
    /// The clock of a recording jumps so often that no film can be made of its pieces.
    JumpingClock,
    /// More streams than a film has.
    TooManyStreams {
        /// How many are read at most.
        most: u32,
    },
    /// More channels than can be mixed.
    TooManyChannels {
        /// How many there are.
        channels: u16,
    },
    /// Video or audio in a coding that Kinora does not decode.
    Codec {
        /// ffmpeg's name of it, or `unknown`.
        codec: String,
    },
    /// A picture larger than is decoded.
    TooLarge {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// Longer than is accepted.
    TooLong {
        /// Hours that are accepted.
        max_hours: u32,
    },
    /// Encrypted for another player.
    Encrypted,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::Playlist => f.write_str("this is a playlist, not a video"),
            Self::Manifest => f.write_str("this is a streaming manifest, not a video"),
            Self::SessionDescription => f.write_str("this describes a live session, not a video"),
            Self::VectorImage => f.write_str("this is a drawing (SVG), not a video"),
            Self::WebPage => f.write_str("this is a web page, not a video"),
            Self::Xml => f.write_str("this is an XML file, not a video"),
            Self::Subtitles => f.write_str("these are subtitles without a video"),
            Self::Text => f.write_str("this is a text file, not a video"),
            Self::Image { format } => write!(f, "this is an image ({format}), not a video"),
            Self::Archive { format } => {
                write!(f, "this is an archive ({format}); unpack it and upload the video in it")
            }
            Self::Document { format } => write!(f, "this is a document ({format}), not a video"),
            Self::Program => f.write_str("this is a program, not a video"),
            Self::Notes => f.write_str("this is MIDI or a tracker module, not recorded sound"),
            Self::Container { format } => write!(f, "{format} files are not supported"),
            Self::Unknown => {
                f.write_str("unrecognised file: not a video or audio format that Kinora supports")
            }
            Self::Damaged => f.write_str("the file is damaged: its structure cannot be read"),
            Self::Incomplete => {
                f.write_str("the file is incomplete: the part that describes its content is missing")
            }
            Self::Truncated { readable_ms, announced_ms } => write!(
                f,
                "the file stops in the middle: {} can be read",
                Share { part: *readable_ms, whole: *announced_ms }
            ),
            Self::Gap { from_ms, to_ms } => write!(
                f,
                "the file is damaged: the picture cannot be read from {} to {} s",
                from_ms / 1000,
                to_ms.div_ceil(1000)
            ),
            Self::NoStreams => f.write_str("the file contains neither picture nor sound"),
            Self::NoFrames => f.write_str("the file announces a video but contains no frames"),
            Self::SinglePicture => f.write_str("the file contains a single picture and no sound"),
            Self::JumpingClock => f.write_str(
                "the recording's clock jumps too often; cut it into parts or convert it to MP4 first",
            ),
            Self::TooManyStreams { most } => {
                write!(f, "the file contains more than {most} streams")
            }
            Self::TooManyChannels { channels } => {
                write!(f, "the sound has {channels} channels, more than can be mixed")
            }
            Self::Codec { codec } if codec == "unknown" => f.write_str("the codec of the video is not known"),
            Self::Codec { codec } => write!(f, "the codec `{codec}` is not supported"),
            Self::TooLarge { width, height } => {
                write!(f, "the picture is too large: {width} × {height} pixels")
            }
            Self::TooLong { max_hours } => write!(f, "the video is longer than {max_hours} hours"),
            Self::Encrypted => {
                f.write_str("the video is encrypted and can only be played by its owner's player")
            }
        }
    }
}

/// `12 of 31 minutes`, in the unit that fits the whole.
struct Share {
    part: u64,
    whole: u64,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.whole >= 120_000 {
            write!(f, "{} of {} minutes", self.part / 60_000, self.whole.div_ceil(60_000))
        } else {
            write!(f, "{} of {} seconds", self.part / 1000, self.whole.div_ceil(1000))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sentences() {
        let check = |rejection: Rejection, sentence: &str| assert_eq!(rejection.to_string(), sentence);
        check(Rejection::Playlist, "this is a playlist, not a video");
        check(
            Rejection::Truncated { readable_ms: 12 * 60_000 + 59_000, announced_ms: 31 * 60_000 },
            "the file stops in the middle: 12 of 31 minutes can be read",
        );
        check(
            Rejection::Truncated { readable_ms: 19_500, announced_ms: 52_209 },
            "the file stops in the middle: 19 of 53 seconds can be read",
        );
        check(Rejection::Image { format: "PNG".to_owned() }, "this is an image (PNG), not a video");
        check(Rejection::Codec { codec: "vvc".to_owned() }, "the codec `vvc` is not supported");
    }
}
