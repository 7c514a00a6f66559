//! The media playlist of one track. It follows from the plan alone and never changes.

use std::fmt::Write as _;

use model::plan::Track;

use super::VERSION;
use crate::{Asset, Request, Result};

/// Renders the media playlist of a track.
pub(crate) fn media(asset: &Asset<'_>, track: Track) -> Result<String> {
    asset.check(track)?;
    let mut out = String::with_capacity(256 + 40 * asset.layout.segments().len());
    let target = asset.target_duration()?;
    let init = Request::Init(track);
    let _ = write!(
        out,
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"{init}\"\n"
    );
    for (number, segments) in (0..).zip(asset.layout.segments()) {
        let micros = asset.micros(track, segments)?;
        // A tail shorter than an AAC frame may hold none: there is nothing to fetch.
        if micros == 0 {
            continue;
        }
        let segment = Request::Segment { track, number };
        let _ = write!(out, "#EXTINF:{}.{:06},\n{segment}\n", micros / 1_000_000, micros % 1_000_000);
    }
    out.push_str("#EXT-X-ENDLIST\n");
    Ok(out)
}
