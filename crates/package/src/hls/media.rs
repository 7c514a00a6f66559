//! The media playlist of one track. It follows from the plan alone and never changes.

use std::fmt::Write as _;

use model::plan::Track;

use super::{begin, beside, duration};
use crate::{Asset, Container, Request, Result};

/// Renders the media playlist of a track.
pub(crate) fn media(asset: &Asset<'_>, container: Container, track: Track) -> Result<String> {
    asset.check(track)?;
    let mut out = String::with_capacity(256 + 40 * asset.layout.segments().len());
    begin(&mut out, container.media_version(track), asset.target_duration()?);
    if !matches!(track, Track::Captions(_)) {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        if container == Container::Cmaf {
            let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Request::Init(track));
        }
    }
    for (number, segments) in (0..).zip(asset.layout.segments()) {
        let micros = asset.micros(track, segments)?;
        // A tail shorter than an AAC frame may hold none: there is nothing to fetch.
        if micros == 0 {
            continue;
        }
        duration(&mut out, micros);
        let _ = writeln!(out, "{}", beside(&Request::Segment { container, track, number }));
    }
    out.push_str("#EXT-X-ENDLIST\n");
    Ok(out)
}
