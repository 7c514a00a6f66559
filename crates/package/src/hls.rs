//! HLS playlists (RFC 8216): pure functions of an asset.

mod language;
mod media;
mod multivariant;

pub(crate) use media::media;
pub(crate) use multivariant::multivariant;

/// The protocol version of all playlists: fragmented MP4 with `EXT-X-MAP` needs 6, 7 is what CMAF players expect.
const VERSION: u8 = 7;
