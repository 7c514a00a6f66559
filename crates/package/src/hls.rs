//! HLS playlists (RFC 8216): pure functions of an asset.

use std::fmt::Write as _;

use model::plan::Track;

use crate::{Asset, Container, Request};

mod iframes;
mod media;
mod multivariant;

pub(crate) use iframes::{Iframe, iframes};
pub(crate) use media::media;
pub(crate) use multivariant::{Place, multivariant};

impl Container {
    /// The protocol version of a media playlist (§7): decimal durations need 3, fragmented MP4 with `EXT-X-MAP`
    /// needs 6, 7 is what CMAF players expect.
    fn media_version(self, track: Track) -> u8 {
        match (self, track) {
            (_, Track::Captions(_)) | (Self::Ts, _) => 3,
            (Self::Cmaf, _) => 7,
        }
    }

    /// The version of a playlist with renditions in groups, or with key frames: both need 4.
    fn version(self) -> u8 {
        match self {
            Self::Ts => 4,
            Self::Cmaf => 7,
        }
    }
}

/// Begins a playlist of segments.
fn begin(out: &mut String, version: u8, target: u64) {
    let _ = write!(
        out,
        "#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n"
    );
}

/// `EXTINF` (§4.3.2.1).
fn duration(out: &mut String, micros: u64) {
    let _ = writeln!(out, "#EXTINF:{}.{:06},", micros / 1_000_000, micros % 1_000_000);
}

/// A request's address in a playlist of its own folder.
fn beside(request: &Request) -> String {
    let path = request.to_string();
    path.strip_prefix("ts/").map(str::to_owned).unwrap_or(path)
}

/// The audio track that segments of `track` carry besides their own samples: the default one with a picture in
/// MPEG-TS, unless the configuration wants sound apart.
pub(crate) fn sound_of(asset: &Asset<'_>, container: Container, track: Track) -> Option<Track> {
    let apart = container == Container::Cmaf || asset.layout.configuration().use_audio_rendition_group;
    (!apart && matches!(track, Track::Video(_)) && !asset.plan.audio.is_empty()).then_some(Track::Audio(0))
}
