//! The playlist of a rendition's key frames, for scrubbing (§4.3.3.6). It exists once the bytes do.

use std::fmt::Write as _;
use std::ops::Range;

use model::plan::Track;

use super::{begin, beside, duration};
use crate::{Asset, Container, Request, Result};

/// A key frame in a delivered segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Iframe {
    /// The delivered segment.
    pub(crate) number: u32,
    /// The grid segment it begins.
    pub(crate) grid: u32,
    /// Bytes of the delivered segment that decode to the frame.
    pub(crate) range: Range<u64>,
}

/// Renders the playlist of key frames.
pub(crate) fn iframes(
    asset: &Asset<'_>,
    container: Container,
    track: Track,
    list: &[Iframe],
) -> Result<String> {
    let mut out = String::with_capacity(256 + 64 * list.len());
    let mut longest = 1_000_000;
    for frame in list {
        longest = longest.max(asset.micros(track, &(frame.grid..frame.grid + 1))?);
    }
    begin(&mut out, container.version(), (longest + 500_000) / 1_000_000);
    out.push_str("#EXT-X-I-FRAMES-ONLY\n");
    if container == Container::Cmaf {
        let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", Request::Init(track));
    }
    for frame in list {
        duration(&mut out, asset.micros(track, &(frame.grid..frame.grid + 1))?);
        let Range { start, end } = frame.range;
        let segment = beside(&Request::Segment { container, track, number: frame.number });
        let _ = write!(out, "#EXT-X-BYTERANGE:{}@{start}\n{segment}\n", end - start);
    }
    out.push_str("#EXT-X-ENDLIST\n");
    Ok(out)
}
