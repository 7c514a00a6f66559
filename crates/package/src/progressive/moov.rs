//! `ftyp` and `moov` of a whole movie.

use super::table::Table;
use crate::boxes::{halves, put, put_full, words};
use crate::track::Media;
use crate::trak::{self, MATRIX};
use crate::{Error, Result};

/// Writes both; chunk offsets count from `start`, in 64 bits if `wide`.
pub(super) fn file(tables: &[Table], start: u64, wide: bool) -> Result<Vec<u8>> {
    let first = tables.first().ok_or(Error::Missing { what: "track" })?;
    let timescale = first.init.timescale;
    let entries = tables.iter().map(|t| trak::entry(&t.init.media)).collect::<Result<Vec<_>>>()?;
    let samples: usize = tables.iter().map(|t| t.sizes.len() * 4 + t.offsets.len() * 8).sum();
    let mut out = Vec::with_capacity(samples + (64 << 10));
    put(&mut out, b"ftyp", |out| out.extend_from_slice(b"isom\0\0\x02\0isomiso2avc1mp41"));
    put(&mut out, b"moov", |out| {
        let longest = tables.iter().map(|t| movie_ticks(t, timescale)).max().unwrap_or(0);
        let next = tables.len() as u32 + 1;
        put_full(out, b"mvhd", 1, 0, |out| {
            put_times(out, Some(timescale), longest);
            words(out, &[0x1_0000]);
            halves(out, &[0x100, 0]);
            words(out, &[0, 0]);
            words(out, &MATRIX);
            words(out, &[0; 6]);
            words(out, &[next]);
        });
        for ((id, table), entry) in (1..).zip(tables).zip(&entries) {
            put(out, b"trak", |out| track(out, table, entry, &Place { id, timescale, start, wide }));
        }
    });
    Ok(out)
}

struct Place {
    id: u32,
    timescale: u32,
    start: u64,
    wide: bool,
}

/// A track's duration on the movie's clock, rounded up.
fn movie_ticks(table: &Table, timescale: u32) -> u64 {
    let ticks = u128::from(table.ticks) * u128::from(timescale);
    u64::try_from(ticks.div_ceil(u128::from(table.init.timescale.max(1)))).unwrap_or(u64::MAX)
}

/// Creation and modification (unknown), what stands between, and the duration, in 64 bits.
fn put_times(out: &mut Vec<u8>, timescale: Option<u32>, duration: u64) {
    words(out, &[0; 4]);
    words(out, &[timescale.unwrap_or(0)]);
    out.extend_from_slice(&duration.to_be_bytes());
}

fn track(out: &mut Vec<u8>, table: &Table, entry: &[u8], place: &Place) {
    let media = &table.init.media;
    let volume = trak::volume(media);
    let duration = movie_ticks(table, place.timescale);
    put_full(out, b"tkhd", 1, 3, |out| {
        words(out, &[0; 4]);
        words(out, &[place.id, 0]);
        out.extend_from_slice(&duration.to_be_bytes());
        words(out, &[0, 0]);
        // Layer, alternate group, volume.
        halves(out, &[0, u16::from(volume > 0), volume, 0]);
        trak::place(out, media);
    });
    // One edit over the whole track: presentation begins behind what only reorders.
    put(out, b"edts", |out| {
        put_full(out, b"elst", 1, 0, |out| {
            words(out, &[1]);
            out.extend_from_slice(&duration.to_be_bytes());
            out.extend_from_slice(&u64::from(table.init.start).to_be_bytes());
            words(out, &[0x1_0000]);
        });
    });
    put(out, b"mdia", |out| {
        put_full(out, b"mdhd", 1, 0, |out| {
            put_times(out, Some(table.init.timescale), table.ticks);
            let letters = table.language.iter().fold(0, |packed, l| packed << 5 | u16::from(l & 0x1f));
            halves(out, &[letters, 0]);
        });
        trak::handler(out, media);
        put(out, b"minf", |out| {
            trak::media_header(out, media);
            trak::data_information(out);
            put(out, b"stbl", |out| sample_table(out, table, entry, place));
        });
    });
}

fn sample_table(out: &mut Vec<u8>, table: &Table, entry: &[u8], place: &Place) {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let pairs = |out: &mut Vec<u8>, list: &[(u32, u32)]| {
        words(out, &[count(list.len())]);
        list.iter().for_each(|(a, b)| words(out, &[*a, *b]));
    };
    trak::description(out, entry);
    put_full(out, b"stts", 0, 0, |out| pairs(out, &table.durations));
    if table.offsets.iter().any(|(_, offset)| *offset != 0) {
        put_full(out, b"ctts", 0, 0, |out| pairs(out, &table.offsets));
    }
    if table.sync.len() != table.sizes.len() {
        put_full(out, b"stss", 0, 0, |out| {
            words(out, &[count(table.sync.len())]);
            words(out, &table.sync);
        });
    }
    put_full(out, b"stsc", 0, 0, |out| {
        words(out, &[count(table.runs.len())]);
        table.runs.iter().for_each(|(chunk, samples)| words(out, &[*chunk, *samples, 1]));
    });
    put_full(out, b"stsz", 0, 0, |out| {
        words(out, &[0, count(table.sizes.len())]);
        words(out, &table.sizes);
    });
    let kind = if place.wide { b"co64" } else { b"stco" };
    put_full(out, kind, 0, 0, |out| {
        words(out, &[count(table.chunks.len())]);
        for chunk in &table.chunks {
            let at = place.start + chunk;
            match place.wide {
                true => out.extend_from_slice(&at.to_be_bytes()),
                // `file` is called with 64 bits where these do not suffice.
                false => out.extend_from_slice(&(at as u32).to_be_bytes()),
            }
        }
    });
    if let Media::Aac { .. } = table.init.media {
        trak::roll_group(out);
    }
}
