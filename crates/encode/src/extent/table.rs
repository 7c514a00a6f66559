//! Sample tables of a `moov` (ISO 14496-12 §8): bytes and times of every run of samples, without unpacking them.

use std::ops::Range;

use package::boxes::{self, Kind};

/// A track of the file, in file order: its number is ffmpeg's stream index.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) is_picture: bool,
    pub(super) is_sound: bool,
    /// Whether the index alone tells times and keyframes of its samples (AVC, HEVC): ffmpeg parses others.
    pub(super) is_plain: bool,
    timescale: u32,
    /// Added to decoding times, in µs, by the edit list.
    shift_us: i64,
    /// Samples and ticks of each (`stts`).
    durations: Vec<(u32, u32)>,
    /// Size of all, or 0 and a list (`stsz`).
    size: u32,
    sizes: Vec<u32>,
    /// First chunk, from 1, and samples in each (`stsc`).
    groups: Vec<(u32, u32)>,
    /// Where chunks begin (`stco`, `co64`).
    offsets: Vec<u64>,
    /// Samples that decoding can start at, from 1 (`stss`); `None`: all.
    sync: Option<Vec<u32>>,
    samples: u32,
    /// Bytes of all samples, at least roughly.
    pub(super) bytes: u64,
    /// Time behind the last sample in µs: every run of samples is compared with it.
    pub(super) end_us: i64,
}

/// The latest time on a track's clock in µs, so that sums of a few fit: 73,000 years.
const MAX_US: i64 = i64::MAX / 4;

/// The tracks of a `moov` box; `None` where its tables are not those of plain files.
pub(super) fn tracks(moov: &[u8]) -> Option<Vec<Track>> {
    let moov = child(moov, b"moov")?;
    if child(moov, b"mvex").is_some() || child(moov, b"cmov").is_some() {
        return None;
    }
    let movie = word(child(moov, b"mvhd")?, if *child(moov, b"mvhd")?.first()? == 1 { 20 } else { 12 })?;
    let inner = boxes::children("moov", moov).map_while(Result::ok);
    inner.filter(|inner| inner.kind == *b"trak").map(|trak| track(trak.body, movie)).collect()
}

fn track(trak: &[u8], movie: u32) -> Option<Track> {
    let mdia = child(trak, b"mdia")?;
    let mdhd = child(mdia, b"mdhd")?;
    let timescale = word(mdhd, if *mdhd.first()? == 1 { 20 } else { 12 })?;
    let handler = child(mdia, b"hdlr")?.get(8..12)?;
    let stbl = child(child(mdia, b"minf")?, b"stbl")?;
    // The first of the sample descriptions (§8.5.2).
    let format = child(stbl, b"stsd")?.get(12..16)?;
    let pairs = |table: &[u8]| list(table, 4, 8, |row| Some((word(row, 0)?, word(row, 4)?)));
    let stsz = child(stbl, b"stsz")?;
    let (size, samples) = (word(stsz, 4)?, word(stsz, 8)?);
    let sizes = if size == 0 { list(stsz, 8, 4, |row| word(row, 0))? } else { vec![] };
    let offsets = match (child(stbl, b"stco"), child(stbl, b"co64")) {
        (Some(stco), _) => list(stco, 4, 4, |row| word(row, 0).map(u64::from))?,
        (None, co64) => {
            list(co64?, 4, 8, |row| Some(u64::from(word(row, 0)?) << 32 | u64::from(word(row, 4)?)))?
        }
    };
    let groups = list(child(stbl, b"stsc")?, 4, 12, |row| Some((word(row, 0)?, word(row, 4)?)))?;
    let sync = child(stbl, b"stss").map(|stss| list(stss, 4, 4, |row| word(row, 0)));
    let sync = match sync {
        Some(sync) => Some(sync?),
        None => None,
    };
    let bytes = match size {
        0 => sizes.iter().map(|size| u64::from(*size)).sum(),
        size => u64::from(size) * u64::from(samples),
    };
    if timescale == 0 || movie == 0 || groups.first().is_some_and(|(first, _)| *first != 1) {
        return None;
    }
    let durations = pairs(child(stbl, b"stts")?)?;
    let shift_us = shift(trak, movie, timescale)?;
    let ticks = durations.iter().map(|(count, ticks)| u64::from(*count) * u64::from(*ticks));
    let ticks = ticks.fold(0, u64::saturating_add);
    Some(Track {
        is_picture: handler == b"vide",
        is_sound: handler == b"soun",
        is_plain: matches!(format, b"avc1" | b"avc3" | b"hvc1" | b"hev1"),
        timescale,
        shift_us,
        durations,
        size,
        sizes,
        groups,
        offsets,
        sync,
        samples,
        bytes,
        end_us: us(ticks, timescale) + shift_us,
    })
}

/// Shift of times by the edit list: a pause at the start and one stretch of the track; other lists are not supported.
fn shift(trak: &[u8], movie: u32, timescale: u32) -> Option<i64> {
    let Some(elst) = child(trak, b"edts").and_then(|edts| child(edts, b"elst")) else { return Some(0) };
    let long = *elst.first()? == 1;
    let signed = |n: u64| if long { n.cast_signed() } else { i64::from((n as u32).cast_signed()) };
    let number = |row: &[u8], at: usize| match long {
        true => Some(u64::from(word(row, at)?) << 32 | u64::from(word(row, at + 4)?)),
        false => word(row, at).map(u64::from),
    };
    let (row, next) = if long { (20, 8) } else { (12, 4) };
    let edits = list(elst, 4, row, |row| {
        Some((number(row, 0)?, signed(number(row, next)?), word(row, next * 2)? >> 16))
    })?;
    let us = |n: i64, scale: u32| {
        let us = i64::try_from(i128::from(n) * 1_000_000 / i128::from(scale)).ok();
        us.filter(|us| (0..=MAX_US / 4).contains(us))
    };
    match edits[..] {
        [] => Some(0),
        [(_, start, 1)] if start >= 0 => us(start, timescale).map(|us| -us),
        [(pause, -1, _), (_, start, 1)] if start >= 0 => {
            Some(us(i64::try_from(pause).ok()?, movie)? - us(start, timescale)?)
        }
        _ => None,
    }
}

impl Track {
    /// Time of the first sample in µs.
    pub(super) fn first_us(&self) -> i64 {
        self.shift_us
    }

    /// Calls `each` with the times (µs) and the bytes of every run of neighbouring samples.
    pub(super) fn runs(&self, mut each: impl FnMut(Range<i64>, Range<u64>)) {
        let (mut clock, mut sample, mut group) = (Clock::new(&self.durations), 0_u32, 0_usize);
        for (chunk, offset) in (1_u32..).zip(&self.offsets) {
            while self.groups.get(group + 1).is_some_and(|(first, _)| *first <= chunk) {
                group += 1;
            }
            let Some((_, count)) = self.groups.get(group) else { return };
            let start = self.us(clock.time);
            let count = (*count).min(self.samples - sample);
            let bytes = self.bytes_of(sample, count);
            sample += count;
            clock.advance(count);
            each(start..self.us(clock.time).max(start + 1), *offset..offset.saturating_add(bytes));
        }
    }

    /// Bytes of so many samples from one on, which is counted from 0.
    fn bytes_of(&self, first: u32, count: u32) -> u64 {
        if self.size > 0 {
            return u64::from(self.size) * u64::from(count);
        }
        let sizes = self.sizes.get(first as usize..).unwrap_or_default();
        sizes.iter().take(count as usize).map(|size| u64::from(*size)).sum()
    }

    /// Time of the last sample at or before a time that decoding can start at.
    pub(super) fn sync_before(&self, us: i64) -> i64 {
        let Some(sync) = &self.sync else { return us };
        let (mut clock, mut at, mut found) = (Clock::new(&self.durations), 1_u32, self.shift_us);
        for sample in sync {
            let sample = (*sample).min(self.samples.saturating_add(1));
            clock.advance(sample.saturating_sub(at));
            at = at.max(sample);
            let time = self.us(clock.time);
            if time > us {
                break;
            }
            found = time;
        }
        found
    }

    fn us(&self, ticks: u64) -> i64 {
        us(ticks, self.timescale) + self.shift_us
    }
}

/// Ticks in µs.
fn us(ticks: u64, timescale: u32) -> i64 {
    let us = u128::from(ticks) * 1_000_000 / u128::from(timescale);
    i64::try_from(us).map_or(MAX_US, |us| us.min(MAX_US))
}

/// Decoding times.
struct Clock<'a> {
    durations: &'a [(u32, u32)],
    left: u32,
    time: u64,
}

impl<'a> Clock<'a> {
    fn new(durations: &'a [(u32, u32)]) -> Self {
        Self { durations, left: durations.first().map_or(0, |(count, _)| *count), time: 0 }
    }

    /// Passes over so many samples at once: a file of few bytes can say that it has billions.
    fn advance(&mut self, mut samples: u32) {
        while samples > 0 {
            let Some(((_, ticks), rest)) = self.durations.split_first() else { return };
            let equal = samples.min(self.left);
            self.time = self.time.saturating_add(u64::from(equal) * u64::from(*ticks));
            (self.left, samples) = (self.left - equal, samples - equal);
            if self.left == 0 {
                self.durations = rest;
                self.left = rest.first().map_or(0, |(count, _)| *count);
            }
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The first box of a kind, if there is one in front of what is broken.
fn child<'a>(bytes: &'a [u8], kind: &Kind) -> Option<&'a [u8]> {
    boxes::find_opt("moov", kind, bytes).ok()?
}

/// Rows behind a count that stands at `at`; `None` if there are fewer than announced.
fn list<T>(table: &[u8], at: usize, row: usize, read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(word(table, at)?).ok()?;
    let rows = table.get(at + 4..)?.get(..count.checked_mul(row)?)?;
    rows.chunks_exact(row).map(read).collect()
}
