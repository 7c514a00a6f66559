//! The init segment: `ftyp` and `moov` without samples.

use bytes::Bytes;

use crate::boxes::{halves, put, put_full, words};
use crate::track::Media;
use crate::trak::{self, MATRIX};
use crate::{Result, TrackInit};

/// The one track's id.
pub(super) const TRACK_ID: u32 = 1;

/// `und` in ISO 639-2 packed form; playlists carry languages.
const UNDETERMINED: u16 = 0x55c4;

/// `non sync, depends on others` and `sync, depends on none` (§8.8.3.1).
pub(super) const FLAGS_NON_SYNC: u32 = 0x0101_0000;
/// See [`FLAGS_NON_SYNC`].
pub(super) const FLAGS_SYNC: u32 = 0x0200_0000;

/// Writes the init segment of a track.
pub fn init(track: &TrackInit) -> Result<Bytes> {
    let entry = trak::entry(&track.media)?;
    let mut out = Vec::with_capacity(1024);
    put(&mut out, b"ftyp", |out| out.extend_from_slice(b"cmfc\0\0\0\0cmfciso6mp41"));
    put(&mut out, b"moov", |out| {
        movie_header(out, track.timescale);
        put(out, b"trak", |out| {
            track_header(out, &track.media);
            if track.start > 0 {
                edit_list(out, track.start);
            }
            put(out, b"mdia", |out| media(out, track, &entry));
        });
        put(out, b"mvex", |out| {
            put_full(out, b"trex", 0, 0, |out| words(out, &[TRACK_ID, 1, 0, 0, 0]));
        });
    });
    Ok(out.into())
}

/// `mvhd` (§8.2.2).
fn movie_header(out: &mut Vec<u8>, timescale: u32) {
    put_full(out, b"mvhd", 0, 0, |out| {
        words(out, &[0, 0, timescale, 0, 0x1_0000]);
        halves(out, &[0x100, 0]);
        words(out, &[0, 0]);
        words(out, &MATRIX);
        words(out, &[0; 6]);
        words(out, &[TRACK_ID + 1]);
    });
}

/// `tkhd` (§8.3.2): enabled, in movie.
fn track_header(out: &mut Vec<u8>, media: &Media) {
    put_full(out, b"tkhd", 0, 3, |out| {
        words(out, &[0, 0, TRACK_ID, 0, 0, 0, 0]);
        halves(out, &[0, 0, trak::volume(media), 0]);
        trak::place(out, media);
    });
}

/// `edts` (§8.6.6): one edit of unknown length that starts at `start`.
fn edit_list(out: &mut Vec<u8>, start: u32) {
    put(out, b"edts", |out| {
        put_full(out, b"elst", 0, 0, |out| words(out, &[1, 0, start, 0x1_0000]));
    });
}

fn media(out: &mut Vec<u8>, track: &TrackInit, entry: &[u8]) {
    put_full(out, b"mdhd", 0, 0, |out| {
        words(out, &[0, 0, track.timescale, 0]);
        halves(out, &[UNDETERMINED, 0]);
    });
    trak::handler(out, &track.media);
    put(out, b"minf", |out| {
        trak::media_header(out, &track.media);
        trak::data_information(out);
        put(out, b"stbl", |out| sample_table(out, &track.media, entry));
    });
}

fn sample_table(out: &mut Vec<u8>, media: &Media, entry: &[u8]) {
    trak::description(out, entry);
    put_full(out, b"stts", 0, 0, |out| words(out, &[0]));
    put_full(out, b"stsc", 0, 0, |out| words(out, &[0]));
    put_full(out, b"stsz", 0, 0, |out| words(out, &[0, 0]));
    put_full(out, b"stco", 0, 0, |out| words(out, &[0]));
    if let Media::Aac { .. } = media {
        trak::roll_group(out);
    }
}
