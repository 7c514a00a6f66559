//! Boxes of a track that init segments and whole files have alike (ISO 14496-12 §8).

use crate::boxes::{halves, put, put_full, words};
use crate::codec::{aac, avc};
use crate::track::Media;
use crate::{Error, Result};

/// Unity of the transformation matrices of `mvhd` and `tkhd`.
pub(crate) const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The volume field of a track's `tkhd` (§8.3.2).
pub(crate) fn volume(media: &Media) -> u16 {
    match media {
        Media::Avc { .. } => 0,
        Media::Aac { .. } => 0x100,
    }
}

/// The end of `tkhd`: the matrix and the size.
pub(crate) fn place(out: &mut Vec<u8>, media: &Media) {
    let (width, height) = match media {
        Media::Avc { width, height, .. } => (*width, *height),
        Media::Aac { .. } => (0, 0),
    };
    words(out, &MATRIX);
    words(out, &[u32::from(width) << 16, u32::from(height) << 16]);
}

/// `hdlr` (§8.4.3).
pub(crate) fn handler(out: &mut Vec<u8>, media: &Media) {
    let (handler, name) = match media {
        Media::Avc { .. } => (b"vide", &b"video\0"[..]),
        Media::Aac { .. } => (b"soun", &b"audio\0"[..]),
    };
    put_full(out, b"hdlr", 0, 0, |out| {
        words(out, &[0]);
        out.extend_from_slice(handler);
        words(out, &[0; 3]);
        out.extend_from_slice(name);
    });
}

/// `vmhd` (§12.1.2) or `smhd` (§12.2.2).
pub(crate) fn media_header(out: &mut Vec<u8>, media: &Media) {
    match media {
        Media::Avc { .. } => put_full(out, b"vmhd", 0, 1, |out| halves(out, &[0; 4])),
        Media::Aac { .. } => put_full(out, b"smhd", 0, 0, |out| halves(out, &[0; 2])),
    }
}

/// `dinf` (§8.7.1): the media are in the same file.
pub(crate) fn data_information(out: &mut Vec<u8>) {
    put(out, b"dinf", |out| {
        put_full(out, b"dref", 0, 0, |out| {
            words(out, &[1]);
            put_full(out, b"url ", 0, 1, |_| {});
        });
    });
}

/// `stsd` (§8.5.2) with the one entry.
pub(crate) fn description(out: &mut Vec<u8>, entry: &[u8]) {
    put_full(out, b"stsd", 0, 0, |out| {
        words(out, &[1]);
        out.extend_from_slice(entry);
    });
}

/// The sample entry of a medium.
pub(crate) fn entry(media: &Media) -> Result<Vec<u8>> {
    match media {
        Media::Avc { width, height, avcc } => visual_entry(*width, *height, avcc),
        Media::Aac { sample_rate, channels, config } => audio_entry(*sample_rate, *channels, config),
    }
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

/// Every frame of AAC needs the one before it (§10.1): version 2 names the group that all samples belong to.
pub(crate) fn roll_group(out: &mut Vec<u8>) {
    put_full(out, b"sgpd", 2, 0, |out| {
        out.extend_from_slice(b"roll");
        words(out, &[2, 1, 1]);
        out.extend_from_slice(&(-1_i16).to_be_bytes());
    });
}
