//! The resources below an asset's path, and their spelling.

use std::fmt;

use model::plan::Track;

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// `index.m3u8`: of segments as the configuration wants them.
    Multivariant,
    /// `ts/index.m3u8`: of MPEG-TS, whatever the configuration wants.
    TsMultivariant,
    /// `v0.m3u8`, `ts/v0.m3u8`; of captions `c0.m3u8`, `ts/c0.m3u8`.
    MediaPlaylist(Container, Track),
    /// `v0-iframes.m3u8`, `ts/v0-iframes.m3u8`.
    IframePlaylist(Container, Track),
    /// `v0/init.mp4`.
    Init(Track),
    /// `v0/7.m4s`, `ts/v0/7.ts`; of captions `c0/7.vtt`, `ts/c0/7.vtt`.
    Segment {
        /// Its container.
        container: Container,
        /// The track.
        track: Track,
        /// The delivered segment's number, from 0.
        number: u32,
    },
    /// `index.mpd`.
    Mpd,
    /// `v0/t48000.m4s`: a segment by its start, where DASH names them so.
    TimedSegment {
        /// The track.
        track: Track,
        /// When it starts, in ticks of the track.
        time: u64,
    },
    /// `c0.vtt`: a caption track as one file. The number is the track's.
    Captions(u16),
    /// `index.mp4`, `v0.mp4`, `v0-a1.mp4`, `a0.mp4`.
    Movie(Movie),
    /// `poster/640.jpg`: a poster by its width in pixels.
    Poster(u32),
    /// `first-poster/640.jpg`: one that stands in until all of the title is encoded.
    FirstPoster(u32),
    /// `storyboard/0.jpg`: a sheet of the storyboard.
    Storyboard(u32),
    /// `storyboard.vtt`: which tile shows what.
    StoryboardVtt,
}

/// The container of HLS segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// Fragmented MP4.
    Cmaf,
    /// MPEG-TS, in the folder `ts/`.
    Ts,
}

/// The contents of a progressive file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Movie {
    /// The best picture that is delivered, with the default sound.
    Best,
    /// A rendition with the default sound, if the title has sound.
    Video(u16),
    /// A rendition with an audio track of choice.
    With {
        /// The rendition.
        video: u16,
        /// The audio track.
        audio: u16,
    },
    /// Sound alone.
    Audio(u16),
}

impl Container {
    /// The folder of its playlists and segments, below the asset's.
    fn folder(self) -> &'static str {
        match self {
            Self::Cmaf => "",
            Self::Ts => "ts/",
        }
    }

    fn suffix(self, track: Track) -> &'static str {
        match (self, track) {
            (_, Track::Captions(_)) => "vtt",
            (Self::Cmaf, _) => "m4s",
            (Self::Ts, _) => "ts",
        }
    }
}

impl Request {
    /// Reads the part of a path below `…/{generation}/`. Everything has exactly one spelling.
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "index.m3u8" => return Some(Self::Multivariant),
            "ts/index.m3u8" => return Some(Self::TsMultivariant),
            "index.mpd" => return Some(Self::Mpd),
            "storyboard.vtt" => return Some(Self::StoryboardVtt),
            _ => {}
        }
        let (container, rest) = match path.strip_prefix("ts/") {
            Some(rest) => (Container::Ts, rest),
            None => (Container::Cmaf, path),
        };
        match rest.split_once('/') {
            None => Self::file(container, rest),
            Some((folder, file)) => Self::below(container, folder, file),
        }
    }

    fn file(container: Container, name: &str) -> Option<Self> {
        if let Some(stem) = name.strip_suffix("-iframes.m3u8") {
            let track = stem.parse().ok().filter(|t| matches!(t, Track::Video(_)))?;
            return Some(Self::IframePlaylist(container, track));
        }
        if let Some(stem) = name.strip_suffix(".m3u8") {
            return Some(Self::MediaPlaylist(container, stem.parse().ok()?));
        }
        if container == Container::Ts {
            return None;
        }
        if let Some(stem) = name.strip_suffix(".vtt") {
            return match stem.parse().ok()? {
                Track::Captions(n) => Some(Self::Captions(n)),
                Track::Video(_) | Track::Audio(_) => None,
            };
        }
        movie(name.strip_suffix(".mp4")?).map(Self::Movie)
    }

    fn below(container: Container, folder: &str, file: &str) -> Option<Self> {
        use Container::{Cmaf, Ts};
        match (container, folder) {
            (Cmaf, "first-poster") => return number(file.strip_suffix(".jpg")?).map(Self::FirstPoster),
            (Cmaf, "poster") => return number(file.strip_suffix(".jpg")?).map(Self::Poster),
            (Cmaf, "storyboard") => return number(file.strip_suffix(".jpg")?).map(Self::Storyboard),
            _ => {}
        }
        let track: Track = folder.parse().ok()?;
        let captions = matches!(track, Track::Captions(_));
        if container == Cmaf && file == "init.mp4" && !captions {
            return Some(Self::Init(track));
        }
        let (stem, suffix) = file.rsplit_once('.')?;
        match (container, suffix, stem.strip_prefix('t')) {
            (Cmaf, "m4s", Some(time)) if !captions => Some(Self::TimedSegment { track, time: number(time)? }),
            (Cmaf, "m4s", None) | (Ts, "ts", None) if !captions => {
                Some(Self::Segment { container, track, number: number(stem)? })
            }
            (_, "vtt", None) if captions => Some(Self::Segment { container, track, number: number(stem)? }),
            _ => None,
        }
    }

    /// Whether it is one of the pieces that a player fetches one after another.
    pub fn is_segment(&self) -> bool {
        matches!(self, Self::Segment { .. } | Self::TimedSegment { .. })
    }

    /// Whether the answer needs the bytes of the whole asset: until it is complete there is none.
    pub fn needs_all(&self) -> bool {
        matches!(self, Self::IframePlaylist(..) | Self::Movie(_))
    }
}

fn movie(stem: &str) -> Option<Movie> {
    if stem == "index" {
        return Some(Movie::Best);
    }
    if let Some((video, audio)) = stem.split_once('-') {
        return match (video.parse().ok()?, audio.parse().ok()?) {
            (Track::Video(video), Track::Audio(audio)) => Some(Movie::With { video, audio }),
            _ => None,
        };
    }
    match stem.parse().ok()? {
        Track::Video(n) => Some(Movie::Video(n)),
        Track::Audio(n) => Some(Movie::Audio(n)),
        Track::Captions(_) => None,
    }
}

/// A number without sign and leading zeros.
fn number<N: std::str::FromStr + fmt::Display>(digits: &str) -> Option<N> {
    let number: N = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("index.m3u8"),
            Self::TsMultivariant => f.write_str("ts/index.m3u8"),
            Self::MediaPlaylist(container, track) => write!(f, "{}{track}.m3u8", container.folder()),
            Self::IframePlaylist(container, track) => {
                write!(f, "{}{track}-iframes.m3u8", container.folder())
            }
            Self::Init(track) => write!(f, "{track}/init.mp4"),
            Self::Segment { container, track, number } => {
                write!(f, "{}{track}/{number}.{}", container.folder(), container.suffix(*track))
            }
            Self::Mpd => f.write_str("index.mpd"),
            Self::TimedSegment { track, time } => write!(f, "{track}/t{time}.m4s"),
            Self::Captions(n) => write!(f, "{}.vtt", Track::Captions(*n)),
            Self::Movie(movie) => write!(f, "{movie}.mp4"),
            Self::Poster(width) => write!(f, "poster/{width}.jpg"),
            Self::FirstPoster(width) => write!(f, "first-poster/{width}.jpg"),
            Self::Storyboard(n) => write!(f, "storyboard/{n}.jpg"),
            Self::StoryboardVtt => f.write_str("storyboard.vtt"),
        }
    }
}

impl fmt::Display for Movie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("index"),
            Self::Video(n) => Track::Video(*n).fmt(f),
            Self::With { video, audio } => write!(f, "{}-{}", Track::Video(*video), Track::Audio(*audio)),
            Self::Audio(n) => Track::Audio(*n).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_request_is_read_back() {
        let track = Track::Audio(3);
        for container in [Container::Cmaf, Container::Ts] {
            for request in [
                Request::MediaPlaylist(container, track),
                Request::MediaPlaylist(container, Track::Captions(0)),
                Request::IframePlaylist(container, Track::Video(1)),
                Request::Segment { container, track, number: 0 },
                Request::Segment { container, track, number: u32::MAX },
                Request::Segment { container, track: Track::Captions(0), number: 7 },
            ] {
                assert_eq!(Request::parse(&request.to_string()), Some(request));
            }
        }
        for request in [
            Request::Multivariant,
            Request::TsMultivariant,
            Request::Init(track),
            Request::Mpd,
            Request::TimedSegment { track, time: 1 << 40 },
            Request::Captions(0),
            Request::Movie(Movie::Best),
            Request::Movie(Movie::Video(2)),
            Request::Movie(Movie::With { video: 0, audio: 1 }),
            Request::Movie(Movie::Audio(0)),
            Request::Poster(640),
            Request::FirstPoster(320),
            Request::Storyboard(0),
            Request::StoryboardVtt,
        ] {
            assert_eq!(Request::parse(&request.to_string()), Some(request));
        }
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "",
            "/",
            "index.m3u8/",
            "index.M3U8",
            "v0",
            "v0/",
            "v0/01.m4s",
            "v0/+1.m4s",
            "v0/-1.m4s",
            "v0//1.m4s",
            "v00/1.m4s",
            "../v0/1.m4s",
            "v0/1.m4s?",
            "v0/4294967296.m4s",
            "x0.m3u8",
            "v0/init.mp4/",
            "v0/.m4s",
            "v0/7.vtt",
            "v0/7.ts",
            "c0/7.m4s",
            "c0/init.mp4",
            "ts/c0/7.ts",
            "ts/v0/init.mp4",
            "ts/v0/7.m4s",
            "ts/ts/v0/7.ts",
            "ts/v0.mp4",
            "ts/poster/1.jpg",
            "v0/t.m4s",
            "v0/t01.m4s",
            "a0-iframes.m3u8",
            "v0-v1.mp4",
            "v0-a0-a1.mp4",
            "c0.mp4",
            "v0.vtt",
            "poster/0640.jpg",
        ] {
            assert_eq!(Request::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_has_one_spelling(path in "\\PC{0,24}|(ts/)?[acv][0-9]{1,3}(-a[0-9]{1,2}|-iframes)?(/(init|t?[0-9]{1,4}))?\\.(m4s|mp4|m3u8|ts|vtt)") {
            if let Some(request) = Request::parse(&path) {
                prop_assert_eq!(request.to_string(), path);
            }
        }
    }
}
