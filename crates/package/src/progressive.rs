//! Progressive MP4 (ISO 14496-12): the whole movie as one file that plays while it is downloaded.
//!
//! The movie box comes first and is made of the indexes; the media are copied ranges of stored chunks. What lies
//! together on the grid lies together in the file: a grid segment of the picture, the same of the sound, the next.

use bytes::Bytes;
use model::plan::Track;

use crate::answer::push_copy;
use crate::index::Segment;
use crate::request::Movie;
use crate::variants::variants;
use crate::{Asset, Error, Part, Result, TrackInit, names};

mod moov;
mod table;

use table::Table;

/// The tracks of a file.
pub(crate) fn tracks(asset: &Asset<'_>, movie: Movie) -> Result<Vec<Track>> {
    let default = (!asset.plan.audio.is_empty()).then_some(Track::Audio(0));
    let list: Vec<Track> = match movie {
        Movie::Best => {
            let rate = |track: &Track| match track {
                Track::Video(n) => asset.plan.renditions.get(usize::from(*n)).map(|r| (r.max_rate, r.height)),
                Track::Audio(_) | Track::Captions(_) => None,
            };
            let picture = variants(asset).into_iter().max_by_key(rate);
            let picture = picture.filter(|t| matches!(t, Track::Video(_)));
            picture.into_iter().chain(default).collect()
        }
        Movie::Video(n) => std::iter::once(Track::Video(n)).chain(default).collect(),
        Movie::With { video, audio } => vec![Track::Video(video), Track::Audio(audio)],
        Movie::Audio(n) => vec![Track::Audio(n)],
    };
    for track in &list {
        asset.check(*track)?;
    }
    Ok(list)
}

/// Makes the parts of a file. `segment` finds a grid segment of a track and the chunk it is in.
pub(crate) fn movie<'a>(
    asset: &Asset<'_>,
    movie: Movie,
    segment: impl Fn(Track, u32) -> Result<(u32, &'a Segment)>,
) -> Result<Vec<Part>> {
    let list = tracks(asset, movie)?;
    let mut tables = Vec::with_capacity(list.len());
    for track in &list {
        tables.push(Table::new(TrackInit::of(asset.plan, *track)?, language(asset, *track)));
    }
    let (mut parts, mut data) = (Vec::new(), 0);
    for k in 0..asset.plan.grid.segments() {
        for (track, table) in list.iter().zip(&mut tables) {
            let (chunk, segment) = segment(*track, k)?;
            table.add(data, &segment.samples)?;
            let range = segment.data();
            data += range.end - range.start;
            push_copy(&mut parts, *track, chunk, range);
        }
    }
    let head = head(&tables, data)?;
    parts.insert(0, Part::Literal(head));
    Ok(parts)
}

/// Everything before the media. Where they lie depends on how long this is, which does not depend on where they lie.
fn head(tables: &[Table], data: u64) -> Result<Bytes> {
    let mdat = if data + 8 > u64::from(u32::MAX) { 16 } else { 8 };
    let measure = |wide| moov::file(tables, 0, wide).map(|head| head.len() as u64 + mdat);
    let short = measure(false)?;
    let wide = short + data > u64::from(u32::MAX);
    let start = if wide { measure(true)? } else { short };
    let mut out = moov::file(tables, start, wide)?;
    if mdat == 16 {
        out.extend_from_slice(b"\0\0\0\x01mdat");
        out.extend_from_slice(&(data + 16).to_be_bytes());
    } else {
        let size = u32::try_from(data + 8).map_err(|_| Error::TooLarge { what: "mdat" })?;
        out.extend_from_slice(&size.to_be_bytes());
        out.extend_from_slice(b"mdat");
    }
    Ok(out.into())
}

fn language(asset: &Asset<'_>, track: Track) -> [u8; 3] {
    let known = match track {
        Track::Audio(n) => asset.plan.audio.get(usize::from(n)).map(|a| a.language.as_str()),
        Track::Video(_) | Track::Captions(_) => None,
    };
    known.and_then(names::three_letters).unwrap_or(*b"und")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Media;
    use crate::index::Sample;

    #[test]
    fn large_files_have_large_offsets() {
        let media = Media::Aac { sample_rate: 48_000, channels: 2, config: vec![0x11, 0x90] };
        let init = TrackInit { timescale: 48_000, start: 0, media };
        let mut table = Table::new(init, *b"eng");
        let sample = Sample { size: 1 << 30, duration: 1024, composition_offset: 0, sync: true };
        let mut at = 0;
        for (segments, wide) in [(3, false), (6, true)] {
            while at < segments << 30 {
                table.add(at, &[sample]).unwrap();
                at += 1 << 30;
            }
            let head = head(std::slice::from_ref(&table), at).unwrap();
            let find = |kind: &[u8]| head.windows(4).position(|w| w == kind);
            assert_eq!((find(b"co64").is_some(), find(b"stco").is_some()), (wide, !wide));
            let (offsets, bytes) =
                if wide { (find(b"co64").unwrap(), 8) } else { (find(b"stco").unwrap(), 4) };
            let mut first = [0; 8];
            first[8 - bytes..].copy_from_slice(&head[offsets + 12..offsets + 12 + bytes]);
            assert_eq!(u64::from_be_bytes(first), head.len() as u64);
            if wide {
                assert_eq!(head[head.len() - 16..head.len() - 8], *b"\0\0\0\x01mdat");
            }
        }
    }
}
