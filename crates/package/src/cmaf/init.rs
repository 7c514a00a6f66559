//! The init segment: `ftyp` and `moov` without samples.

use bytes::Bytes;

use crate::boxes::{put, put_full};
use crate::codec::{aac, avc};
use crate::track::Media;
use crate::{Error, Result, TrackInit};

/// The one track's id.
pub(super) const TRACK_ID: u32 = 1;

/// `und` in ISO 639-2 packed form; playlists carry languages.
const UNDETERMINED: u16 = 0x55c4;

/// Unity of the transformation matrices of `mvhd` and `tkhd`.
pub(crate) const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// `non sync, depends on others` and `sync, depends on none` (§8.8.3.1).
pub(super) const FLAGS_NON_SYNC: u32 = 0x0101_0000;
/// See [`FLAGS_NON_SYNC`].
pub(super) const FLAGS_SYNC: u32 = 0x0200_0000;

/// Writes the init segment of a track.
pub fn init(track: &TrackInit) -> Result<Bytes> {
    let entry = entry(&track.media)?;
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

/// The sample entry of a medium.
pub(crate) fn entry(media: &Media) -> Result<Vec<u8>> {
    match media {
        Media::Avc { width, height, avcc } => visual_entry(*width, *height, avcc),
        Media::Aac { sample_rate, channels, config } => audio_entry(*sample_rate, *channels, config),
    }
}

pub(crate) fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

pub(crate) fn halves(out: &mut Vec<u8>, halves: &[u16]) {
    for half in halves {
        out.extend_from_slice(&half.to_be_bytes());
    }
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
    let (volume, width, height) = match media {
        Media::Avc { width, height, .. } => (0, *width, *height),
        Media::Aac { .. } => (0x100, 0, 0),
    };
    put_full(out, b"tkhd", 0, 3, |out| {
        words(out, &[0, 0, TRACK_ID, 0, 0, 0, 0]);
        halves(out, &[0, 0, volume, 0]);
        words(out, &MATRIX);
        words(out, &[u32::from(width) << 16, u32::from(height) << 16]);
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
    let (handler, name) = match track.media {
        Media::Avc { .. } => (b"vide", &b"video\0"[..]),
        Media::Aac { .. } => (b"soun", &b"audio\0"[..]),
    };
    put_full(out, b"hdlr", 0, 0, |out| {
        words(out, &[0]);
        out.extend_from_slice(handler);
        words(out, &[0; 3]);
        out.extend_from_slice(name);
    });
    put(out, b"minf", |out| {
        match track.media {
            Media::Avc { .. } => put_full(out, b"vmhd", 0, 1, |out| halves(out, &[0; 4])),
            Media::Aac { .. } => put_full(out, b"smhd", 0, 0, |out| halves(out, &[0; 2])),
        }
        put(out, b"dinf", |out| {
            put_full(out, b"dref", 0, 0, |out| {
                words(out, &[1]);
                put_full(out, b"url ", 0, 1, |_| {});
            });
        });
        put(out, b"stbl", |out| sample_table(out, &track.media, entry));
    });
}

fn sample_table(out: &mut Vec<u8>, media: &Media, entry: &[u8]) {
    put_full(out, b"stsd", 0, 0, |out| {
        words(out, &[1]);
        out.extend_from_slice(entry);
    });
    put_full(out, b"stts", 0, 0, |out| words(out, &[0]));
    put_full(out, b"stsc", 0, 0, |out| words(out, &[0]));
    put_full(out, b"stsz", 0, 0, |out| words(out, &[0, 0]));
    put_full(out, b"stco", 0, 0, |out| words(out, &[0]));
    if let Media::Aac { .. } = media {
        roll_group(out);
    }
}

/// Every frame of AAC needs the one before it (§10.1): version 2 names the group that all samples belong to.
pub(crate) fn roll_group(out: &mut Vec<u8>) {
    put_full(out, b"sgpd", 2, 0, |out| {
        out.extend_from_slice(b"roll");
        words(out, &[2, 1, 1]);
        out.extend_from_slice(&(-1_i16).to_be_bytes());
    });
}

/// `avc1` (§12.1.3, ISO 14496-15 §5.4.2.1) with square pixels and the colours of the SPS.
fn visual_entry(width: u16, height: u16, avcc: &[u8]) -> Result<Vec<u8>> {
    let colour = avc::colour(avc::sps(avcc)?)?;
    let mut out = Vec::new();
    put(&mut out, b"avc1", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        words(out, &[0; 4]);
        halves(out, &[width, height]);
        words(out, &[0x48_0000, 0x48_0000, 0]);
        halves(out, &[1]);
        out.extend_from_slice(&[0; 32]);
        halves(out, &[0x18, 0xffff]);
        put(out, b"avcC", |out| out.extend_from_slice(avcc));
        if let Some(colour) = colour {
            put(out, b"colr", |out| {
                out.extend_from_slice(b"nclx");
                halves(out, &[colour.primaries.into(), colour.transfer.into(), colour.matrix.into()]);
                out.push(u8::from(colour.full_range) << 7);
            });
        }
        put(out, b"pasp", |out| words(out, &[1, 1]));
    });
    Ok(out)
}

/// `mp4a` (§12.2.3, ISO 14496-14 §5.6).
fn audio_entry(sample_rate: u32, channels: u16, config: &[u8]) -> Result<Vec<u8>> {
    const WHAT: &str = "AudioSpecificConfig";
    aac::codec(config)?;
    if config.len() > 64 {
        return Err(Error::TooLarge { what: WHAT });
    }
    // 16.16 fixed point: rates above 65535 Hz cannot be said here, decoders take them from the configuration.
    let rate = u16::try_from(sample_rate).unwrap_or(0);
    let mut out = Vec::new();
    put(&mut out, b"mp4a", |out| {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        words(out, &[0, 0]);
        halves(out, &[channels, 16, 0, 0, rate, 0]);
        put_full(out, b"esds", 0, 0, |out| aac::put_descriptors(out, config));
    });
    Ok(out)
}
