//! `moov`: the sample description, the clock, defaults of fragments.

use super::full_body;
use crate::boxes::{self, Reader, find, find_opt};
use crate::codec::{aac, avc};
use crate::track::Media;
use crate::{Error, Result, TrackInit};

/// The track that fragments refer to.
#[derive(Debug, Clone)]
pub(super) struct Movie {
    pub(super) track: TrackInit,
    pub(super) track_id: u32,
    pub(super) defaults: Defaults,
}

/// Values of samples that do not say otherwise (`trex`, §8.8.3).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

pub(super) fn read(moov: &[u8]) -> Result<Movie> {
    let mut track = None;
    for child in boxes::children("moov", moov) {
        let child = child?;
        if child.kind == *b"trak" && track.replace(child.body).is_some() {
            return Err(Error::Malformed { what: "moov", why: "more than one track" });
        }
    }
    let track = track.ok_or(Error::Missing { what: "trak" })?;
    let track_id = track_id(find("tkhd", b"tkhd", track)?)?;
    let start = match find_opt("edts", b"edts", track)? {
        Some(edts) => edit_start(find("elst", b"elst", edts)?)?,
        None => 0,
    };
    let media = find("mdia", b"mdia", track)?;
    let timescale = timescale(find("mdhd", b"mdhd", media)?)?;
    let table = find("stbl", b"stbl", find("minf", b"minf", media)?)?;
    let media = description(find("stsd", b"stsd", table)?)?;
    let defaults = match find_opt("mvex", b"mvex", moov)? {
        Some(mvex) => defaults(find("trex", b"trex", mvex)?)?,
        None => Defaults::default(),
    };
    Ok(Movie { track: TrackInit { timescale, start, media }, track_id, defaults })
}

fn track_id(tkhd: &[u8]) -> Result<u32> {
    let (mut reader, version, _) = full_body("tkhd", tkhd)?;
    reader.take(if version == 1 { 16 } else { 8 })?;
    reader.u32()
}

fn timescale(mdhd: &[u8]) -> Result<u32> {
    let (mut reader, version, _) = full_body("mdhd", mdhd)?;
    reader.take(if version == 1 { 16 } else { 8 })?;
    match reader.u32()? {
        0 => Err(Error::Malformed { what: "mdhd", why: "timescale 0" }),
        ticks => Ok(ticks),
    }
}

/// The first edit that is not empty.
fn edit_start(elst: &[u8]) -> Result<u32> {
    let (mut reader, version, _) = full_body("elst", elst)?;
    // Every entry takes bytes, so the end of the box bounds the loop.
    for _ in 0..reader.u32()? {
        let start = if version == 1 {
            reader.take(8)?;
            reader.u64()?.cast_signed()
        } else {
            reader.take(4)?;
            i64::from(reader.i32()?)
        };
        reader.take(4)?;
        if start >= 0 {
            return u32::try_from(start).map_err(|_| Error::TooLarge { what: "elst" });
        }
    }
    Ok(0)
}

fn defaults(trex: &[u8]) -> Result<Defaults> {
    let (mut reader, ..) = full_body("trex", trex)?;
    reader.take(8)?;
    Ok(Defaults { duration: reader.u32()?, size: reader.u32()?, flags: reader.u32()? })
}

fn description(stsd: &[u8]) -> Result<Media> {
    let (mut reader, ..) = full_body("stsd", stsd)?;
    if reader.u32()? != 1 {
        return Err(Error::Malformed { what: "stsd", why: "not exactly one sample description" });
    }
    let entry =
        boxes::children("stsd", reader.rest()).next().ok_or(Error::Missing { what: "sample entry" })??;
    match &entry.kind {
        b"avc1" => avc(entry.body),
        b"mp4a" => aac(entry.body),
        other => Err(Error::Unsupported {
            what: "sample entry",
            found: String::from_utf8_lossy(other).into_owned(),
        }),
    }
}

/// VisualSampleEntry (§12.1.3) with `avcC`.
fn avc(entry: &[u8]) -> Result<Media> {
    let mut reader = Reader::new("avc1", entry);
    reader.take(24)?;
    let (width, height) = (reader.u16()?, reader.u16()?);
    reader.take(50)?;
    let avcc = find("avcC", b"avcC", reader.rest())?;
    avc::codec(avcc)?;
    Ok(Media::Avc { width, height, avcc: avcc.to_vec() })
}

/// AudioSampleEntry (§12.2.3) with `esds` (ISO 14496-14 §5.6).
fn aac(entry: &[u8]) -> Result<Media> {
    let mut reader = Reader::new("mp4a", entry);
    reader.take(16)?;
    let channels = reader.u16()?;
    reader.take(6)?;
    let sample_rate = reader.u32()? >> 16;
    let config = aac::config_of_esds(find("esds", b"esds", reader.rest())?)?.to_vec();
    aac::codec(&config)?;
    Ok(Media::Aac { sample_rate, channels, config })
}
