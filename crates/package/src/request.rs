//! What can be asked for below an asset's path, and how it is spelt.

use std::fmt;

use model::plan::Track;

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// `index.m3u8`.
    Multivariant,
    /// `v0.m3u8`.
    MediaPlaylist(Track),
    /// `v0/init.mp4`.
    Init(Track),
    /// `v0/7.m4s`.
    Segment {
        /// The track.
        track: Track,
        /// The delivered segment's number, from 0.
        number: u32,
    },
}

impl Request {
    /// Reads the part of a path below `…/{generation}/`. Everything has exactly one spelling.
    pub fn parse(path: &str) -> Option<Self> {
        if path == "index.m3u8" {
            return Some(Self::Multivariant);
        }
        if let Some(track) = path.strip_suffix(".m3u8") {
            return track.parse().ok().map(Self::MediaPlaylist);
        }
        let (track, file) = path.split_once('/')?;
        let track = track.parse().ok()?;
        if file == "init.mp4" {
            return Some(Self::Init(track));
        }
        let digits = file.strip_suffix(".m4s")?;
        let number: u32 = digits.parse().ok()?;
        (number.to_string() == digits).then_some(Self::Segment { track, number })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Multivariant => f.write_str("index.m3u8"),
            Self::MediaPlaylist(track) => write!(f, "{track}.m3u8"),
            Self::Init(track) => write!(f, "{track}/init.mp4"),
            Self::Segment { track, number } => write!(f, "{track}/{number}.m4s"),
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
        for request in [
            Request::Multivariant,
            Request::MediaPlaylist(track),
            Request::Init(track),
            Request::Segment { track, number: 0 },
            Request::Segment { track, number: u32::MAX },
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
        ] {
            assert_eq!(Request::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_has_one_spelling(path in "\\PC{0,24}|[av][0-9]{1,3}(/(init|[0-9]{1,4}))?\\.(m4s|mp4|m3u8)") {
            if let Some(request) = Request::parse(&path) {
                prop_assert_eq!(request.to_string(), path);
            }
        }
    }
}
