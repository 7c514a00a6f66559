//! The packets of pictures and sounds by an MP4's own sample tables (ISO 14496-12 §8.6, §8.7): what ffprobe says of them
//! without looking into them, in a moment instead of a line a packet.
//!
//! Only plain tables are understood: those of AVC, HEVC, AAC and AC-3 in the file itself, with an edit list that leaves
//! nothing out but whole packets of sound before the first that is heard. Whatever else may move or hide a packet is left to
//! ffprobe.

mod boxed;
mod edits;

use std::io;
use std::ops::Range;

use self::boxed::{Boxes, Rows, word};
use self::edits::{Edits, Picture, Sound};
use super::answer::Stream;
use super::scan::{Packet, Scan};
use crate::Result;
use crate::extent::{Finder, Step};

/// Durations and offsets beyond that are none: some files write negative ones into fields that have no sign.
const MAX_TICKS: u32 = 1 << 28;

/// A picture or a sound whose packets are wanted, by ffprobe's answer.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    index: u32,
    /// The number that the container gives it.
    id: Option<u32>,
    /// Ticks per second.
    timescale: u32,
    /// In ticks, as ffmpeg has it.
    duration: Option<i64>,
}

impl Wanted {
    /// `None` where the answer does not say enough of it.
    pub(super) fn of(stream: &Stream) -> Option<Self> {
        let base = stream.time_base().filter(|base| base.num == 1)?;
        Some(Self {
            index: stream.index,
            id: Some(stream.id()?),
            timescale: base.den,
            duration: stream.duration_ts,
        })
    }
}

/// The `moov` box of a file of so many bytes, ranges of which are `read`; `None` where it is not that of a plain file.
///
/// # Errors
/// Those of `read`.
pub(super) fn index(
    bytes: u64,
    mut read: impl FnMut(Range<u64>) -> io::Result<Vec<u8>>,
) -> io::Result<Option<Vec<u8>>> {
    let mut finder = Finder::new(bytes);
    let mut step = finder.next(&[]);
    while let Step::Read(range) = step {
        let is_index = finder.index() == Some(&range);
        let found = read(range)?;
        if is_index {
            return Ok(Some(found));
        }
        step = finder.next(&found);
    }
    Ok(None)
}

/// Has `scan` take the packets of these streams, of which a file of so many bytes has this `moov`. `false` where one
/// of them is not understood: what was taken then is to be thrown away.
///
/// # Errors
/// As [`Scan::take`].
pub(super) fn scan(moov: &[u8], bytes: u64, wanted: &[Wanted], scan: &mut Scan) -> Result<bool> {
    let Some(tracks) = tracks(moov) else { return Ok(false) };
    for stream in wanted {
        let same = |track: &&Track<'_>| track.id == stream.id && track.timescale == stream.timescale;
        let place = usize::try_from(stream.index).unwrap_or(usize::MAX);
        let Some(track) = tracks.get(place).and_then(Option::as_ref).filter(same) else { return Ok(false) };
        if !track.lies_within(bytes) || !track.packets(stream, scan)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What every picture and sound of a file that is understood has, without ffprobe's answer.
#[cfg(feature = "fuzzing")]
pub(crate) fn pictures(file: &[u8]) -> Vec<super::scan::Stream> {
    let part = |range: Range<u64>| Ok(file[range.start as usize..range.end as usize].to_vec());
    let Ok(Some(moov)) = index(file.len() as u64, part) else { return vec![] };
    let tracks = (0..).zip(tracks(&moov).unwrap_or_default());
    let seen = |(index, track): (u32, Option<Track<'_>>)| {
        let Track { id, timescale, is_sound, .. } = track?;
        let wanted = Wanted { index, id, timescale, duration: Some(1 << 40) };
        let mut taken = Scan::new([(index, !is_sound, i64::from(timescale))]);
        let understood = scan(&moov, file.len() as u64, &[wanted], &mut taken).ok()?;
        taken.finish().remove(&index).filter(|_| understood)
    };
    tracks.filter_map(seen).collect()
}

/// Tables of a picture or a sound, each of which was found to be valid by itself.
struct Track<'a> {
    is_sound: bool,
    id: Option<u32>,
    timescale: u32,
    edits: Option<Edits>,
    /// Samples and ticks of each (`stts`).
    durations: Rows<'a, 2>,
    /// Samples and by how much each is shown later than decoded (`ctts`).
    offsets: Option<Rows<'a, 2>>,
    sizes: Rows<'a, 1>,
    /// First chunk, from 1, samples in each, and their description (`stsc`).
    groups: Rows<'a, 3>,
    chunks: Chunks<'a>,
    /// Samples that decoding can start at, from 1, ascending (`stss`); `None`: all.
    sync: Option<Rows<'a, 1>>,
}

/// Where chunks begin.
enum Chunks<'a> {
    Short(Rows<'a, 1>),
    Long(Rows<'a, 2>),
}

/// The tracks of a `moov` in file order, where each one's number is ffmpeg's stream index; `None` for those that are not
/// understood, or are neither pictures nor sounds.
fn tracks(moov: &[u8]) -> Option<Vec<Option<Track<'_>>>> {
    let moov = Boxes::read(Boxes::read(moov)?.one(b"moov")??)?;
    let mvhd = moov.one(b"mvhd")??;
    let movie = word(mvhd, if *mvhd.first()? == 1 { 20 } else { 12 }).filter(|ticks| *ticks > 0)?;
    Some(moov.all(b"trak").map(|trak| track(trak, movie)).collect())
}

fn track(trak: &[u8], movie: u32) -> Option<Track<'_>> {
    let trak = Boxes::read(trak)?;
    let mdia = Boxes::read(trak.one(b"mdia")??)?;
    let minf = Boxes::read(mdia.one(b"minf")??)?;
    let stbl = Boxes::read(minf.one(b"stbl")??)?;
    let is_sound = match mdia.one(b"hdlr")??.get(8..12)? {
        b"vide" => false,
        b"soun" => true,
        _ => return None,
    };
    if trak.has_other(TRAK) || stbl.has_other(STBL) || lies_elsewhere(&minf)? {
        return None;
    }
    let random_access = |groups: &[u8]| groups.get(4..8) == Some(b"rap ");
    if !is_plain(stbl.one(b"stsd")??, is_sound)? || stbl.all(b"sbgp").any(random_access) {
        return None;
    }
    let mdhd = mdia.one(b"mdhd")??;
    let id = trak.one(b"tkhd")?.and_then(|tkhd| word(tkhd, if *tkhd.first()? == 1 { 20 } else { 12 }));
    let timescale = word(mdhd, if *mdhd.first()? == 1 { 20 } else { 12 }).filter(|ticks| *ticks > 0)?;
    let edits = match trak.one(b"edts")? {
        Some(edts) => Edits::read(Boxes::read(edts)?.one(b"elst")??, movie, timescale)?,
        None => None,
    };
    let stsz = stbl.one(b"stsz")??;
    let sizes = Rows::read(stsz, 8).filter(|_| word(stsz, 4) == Some(0))?;
    let chunks = match (stbl.one(b"stco")?, stbl.one(b"co64")?) {
        (Some(stco), None) => Chunks::Short(Rows::read(stco, 4)?),
        (None, Some(co64)) => Chunks::Long(Rows::read(co64, 4)?),
        _ => return None,
    };
    let offsets = match stbl.one(b"ctts")? {
        Some(ctts) => Some(counted(ctts, sizes.len())?),
        None => None,
    };
    let sync = match stbl.one(b"stss")? {
        Some(stss) => Some(ascending(stss, sizes.len())?),
        None => None,
    };
    let durations = counted(stbl.one(b"stts")??, sizes.len())?;
    // ffmpeg takes chunks of sound for packets where each sample lasts a tick.
    let is_by_chunk = durations.words().eq([[u32::try_from(sizes.len()).ok()?, 1]]);
    if is_sound && (offsets.is_some() || sync.is_some() || is_by_chunk) {
        return None;
    }
    let groups = Rows::read(stbl.one(b"stsc")??, 4)?;
    Some(Track { is_sound, id, timescale, edits, durations, offsets, sizes, groups, chunks, sync })
}

/// Boxes that a track may have: beside those that are read, none changes packets, as boxes about keys do.
const TRAK: &[&[u8; 4]] = &[
    b"tkhd", b"mdia", b"edts", b"tref", b"trgr", b"tapt", b"udta", b"meta", b"load", b"free", b"skip",
    b"wide",
];

/// The same among its tables.
const STBL: &[&[u8; 4]] = &[
    b"stsd", b"stts", b"ctts", b"cslg", b"stss", b"stsz", b"stsc", b"stco", b"co64", b"sdtp", b"sgpd",
    b"sbgp", b"free", b"skip",
];

/// Whether the samples are in another file.
fn lies_elsewhere(minf: &Boxes<'_>) -> Option<bool> {
    let Some(dinf) = minf.one(b"dinf")? else { return Some(false) };
    let Some(dref) = Boxes::read(dinf)?.one(b"dref")? else { return Some(false) };
    // One entry with nothing but the flag that says so; ffmpeg reads more of a longer one.
    let (count, flags) = (word(dref, 4)?, word(dref, 16)?);
    Some(count != 1 || flags & 1 == 0 || dref.len() > 28)
}

/// Whether there is one description of samples, of a kind whose tables tell all, and no key is needed.
fn is_plain(stsd: &[u8], is_sound: bool) -> Option<bool> {
    let format: &[u8; 4] = stsd.get(12..16)?.try_into().ok()?;
    let known = match (is_sound, format) {
        (false, b"avc1" | b"avc3" | b"hvc1" | b"hev1") => true,
        // Descriptions of QuickTime's later versions may give packets other sizes.
        (true, b"mp4a" | b"ac-3" | b"ec-3") => stsd.get(24..26)? == [0, 0],
        _ => false,
    };
    Some(known && word(stsd, 4)? == 1 && !stsd.windows(4).any(|bytes| bytes == b"sinf"))
}

/// Rows of a number of samples and ticks, for so many samples in all.
fn counted(table: &[u8], samples: usize) -> Option<Rows<'_, 2>> {
    let rows: Rows<'_, 2> = Rows::read(table, 4)?;
    let mut all = 0_u64;
    for [count, ticks] in rows.words() {
        if count == 0 || ticks > MAX_TICKS {
            return None;
        }
        all += u64::from(count);
    }
    (all == samples as u64).then_some(rows)
}

/// Numbers of samples from 1 on, of so many.
fn ascending(table: &[u8], samples: usize) -> Option<Rows<'_, 1>> {
    let rows: Rows<'_, 1> = Rows::read(table, 4)?;
    let (mut last, mut any) = (0, false);
    for [number] in rows.words() {
        if number <= last {
            return None;
        }
        (last, any) = (number, true);
    }
    (any && last as usize <= samples).then_some(rows)
}

impl Track<'_> {
    /// Whether every sample is in exactly one chunk, has bytes, and all of them are in a file of so many.
    fn lies_within(&self, bytes: u64) -> bool {
        let mut sizes = self.sizes.words().map(|[size]| u64::from(size));
        let mut groups = self.groups.words().peekable();
        let mut count = 0;
        for (number, start) in (1_u32..).zip(self.chunks.starts()) {
            if let Some([_, samples, description]) = groups.next_if(|[first, ..]| *first == number) {
                if samples == 0 || description != 1 {
                    return false;
                }
                count = samples;
            }
            let mut end = start;
            for _ in 0..count {
                let Some(size @ 1..) = sizes.next() else { return false };
                end = end.saturating_add(size);
            }
            if count == 0 || end > bytes {
                return false;
            }
        }
        sizes.next().is_none() && groups.next().is_none()
    }

    /// Samples in file order: when each is decoded, how much later it is shown, whether decoding can start at it.
    fn samples(&self) -> impl Iterator<Item = (i64, i64, bool)> {
        let mut decoded = 0;
        let times = each(self.durations).map(move |ticks| {
            let time = decoded;
            decoded += ticks;
            time
        });
        let offsets = self.offsets.into_iter().flat_map(each).chain(std::iter::repeat(0));
        let mut sync = self.sync.map(|sync| sync.words().peekable());
        let numbers = 1_u32..;
        numbers.zip(times.zip(offsets)).map(move |(number, (time, offset))| {
            let key = sync.as_mut().is_none_or(|sync| sync.next_if(|[key]| *key == number).is_some());
            (time, offset, key)
        })
    }

    /// Has `scan` take all packets, unless the edit list leaves some of them out that are played.
    fn packets(&self, wanted: &Wanted, scan: &mut Scan) -> Result<bool> {
        let Some(shift) = self.shift() else { return Ok(false) };
        let heard_from = self.edits.filter(|_| self.is_sound).map_or(i64::MIN, |edits| edits.pause);
        // Without offsets ffmpeg tells how long each packet lasts, the last one up to the end of the track.
        let lasts = self.offsets.is_none();
        let last = self.samples().last().map(|(time, ..)| time + shift);
        let end = match (lasts, wanted.duration) {
            (true, None) => return Ok(false),
            (_, end) => last.into_iter().map(move |last| end.unwrap_or(last).max(last)),
        };
        let next = self.samples().skip(1).map(|(time, ..)| time + shift).chain(end);
        for ((time, offset, key), next) in self.samples().zip(next) {
            let dts = time + shift;
            let duration = Some(next - dts).filter(|ticks| lasts && *ticks > 0);
            let (stream, discarded) = (wanted.index, dts < heard_from);
            let (pts, dts) = (Some(dts + offset), Some(dts));
            let (size, pos, encrypted) = (0, None, false);
            scan.take(&Packet { stream, pts, dts, duration, size, pos, key, discarded, encrypted })?;
        }
        Ok(true)
    }

    /// What the edit list adds to times; `None` where it leaves something out.
    fn shift(&self) -> Option<i64> {
        let Some(edits) = self.edits else { return Some(0) };
        if self.is_sound {
            let mut samples = self.samples().map(|(time, ..)| time).peekable();
            while let Some(time) = samples.next() {
                if !edits.keeps_sound(Sound { time, ends: samples.peek().copied() }, self.timescale) {
                    return None;
                }
            }
            return Some(edits.pause - edits.start());
        }
        let mut first_shown = i64::MAX;
        let mut samples = self.samples().enumerate().peekable();
        while let Some((number, (time, offset, key))) = samples.next() {
            let shown = time + offset;
            let lasts = samples.peek().map(|(_, (next, ..))| *next - time);
            if !edits.keep(Picture { shown, key, is_first: number == 0, lasts }) {
                return None;
            }
            first_shown = first_shown.min(shown);
        }
        // ffmpeg has the first picture begin where the edit list does.
        Some(edits.pause - first_shown)
    }
}

impl Chunks<'_> {
    fn starts(&self) -> impl Iterator<Item = u64> {
        let (short, long) = match self {
            Self::Short(rows) => (Some(*rows), None),
            Self::Long(rows) => (None, Some(*rows)),
        };
        let short = short.into_iter().flat_map(|rows| rows.words().map(|[start]| u64::from(start)));
        let long = long.into_iter().flat_map(|rows| rows.words());
        short.chain(long.map(|[high, low]: [u32; 2]| u64::from(high) << 32 | u64::from(low)))
    }
}

/// The ticks of each sample.
fn each(rows: Rows<'_, 2>) -> impl Iterator<Item = i64> {
    rows.words().flat_map(|[count, ticks]: [u32; 2]| (0..count).map(move |_| i64::from(ticks)))
}

#[cfg(test)]
mod tests;
