//! `moof`: runs of samples.

use super::movie::{Defaults, Movie};
use super::{MAX_SAMPLES, Sample, Stretch, full_body, time};
use crate::boxes::{self, Child, find, find_opt};
use crate::{Error, Result};

/// `sample_is_non_sync_sample` (§8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// Appends the samples of one `moof` in `file`.
pub(super) fn read(
    movie: &Movie,
    file: &Stretch<'_>,
    moof: &Child<'_>,
    samples: &mut Vec<Sample>,
) -> Result<()> {
    for child in boxes::children("moof", moof.body) {
        let child = child?;
        if child.kind == *b"traf" {
            track(movie, file, moof.whole.start, child.body, samples)?;
        }
    }
    Ok(())
}

fn track(
    movie: &Movie,
    file: &Stretch<'_>,
    moof: usize,
    traf: &[u8],
    samples: &mut Vec<Sample>,
) -> Result<()> {
    let Header { defaults, base } = header(movie, moof, file.from, find("tfhd", b"tfhd", traf)?)?;
    let mut run = Run { defaults, base, at: base, dts: 0 };
    run.dts = match find_opt("tfdt", b"tfdt", traf)? {
        Some(tfdt) => decode_time(tfdt)?,
        None => match samples.last() {
            Some(last) => time(last.dts, last.duration.into())?,
            None => 0,
        },
    };
    for child in boxes::children("traf", traf) {
        let child = child?;
        if child.kind == *b"trun" {
            run.read(file.bytes, child.body, samples)?;
        }
    }
    Ok(())
}

struct Header {
    defaults: Defaults,
    base: usize,
}

/// `tfhd` (§8.8.7); `from`: bytes of the file in front of those in which `moof` is a place.
fn header(movie: &Movie, moof: usize, from: u64, tfhd: &[u8]) -> Result<Header> {
    let (mut reader, _, flags) = full_body("tfhd", tfhd)?;
    if reader.u32()? != movie.track_id {
        return Err(Error::Malformed { what: "tfhd", why: "another track's id" });
    }
    let mut header = Header { defaults: movie.defaults, base: moof };
    if flags & 0x01 != 0 {
        let base = reader.u64()?.checked_sub(from).and_then(|base| usize::try_from(base).ok());
        header.base = base.ok_or(Error::TooLarge { what: "data offset" })?;
    }
    if flags & 0x02 != 0 {
        reader.u32()?;
    }
    if flags & 0x08 != 0 {
        header.defaults.duration = reader.u32()?;
    }
    if flags & 0x10 != 0 {
        header.defaults.size = reader.u32()?;
    }
    if flags & 0x20 != 0 {
        header.defaults.flags = reader.u32()?;
    }
    Ok(header)
}

/// `tfdt` (§8.8.12).
fn decode_time(tfdt: &[u8]) -> Result<i64> {
    let (mut reader, version, _) = full_body("tfdt", tfdt)?;
    let time = if version == 1 { reader.u64()? } else { reader.u32()?.into() };
    i64::try_from(time).map_err(|_| Error::TooLarge { what: "time" })
}

/// Where the next run starts, in bytes and ticks.
struct Run {
    defaults: Defaults,
    base: usize,
    at: usize,
    dts: i64,
}

impl Run {
    /// `trun` (§8.8.8).
    fn read(&mut self, file: &[u8], trun: &[u8], samples: &mut Vec<Sample>) -> Result<()> {
        let (mut reader, version, flags) = full_body("trun", trun)?;
        let count = usize::try_from(reader.u32()?).map_err(|_| Error::TooLarge { what: "trun" })?;
        if count > MAX_SAMPLES - samples.len().min(MAX_SAMPLES) {
            return Err(Error::TooLarge { what: "number of samples" });
        }
        if flags & 0x001 != 0 {
            let offset =
                isize::try_from(reader.i32()?).map_err(|_| Error::TooLarge { what: "data offset" })?;
            self.at = self.base.checked_add_signed(offset).ok_or(Error::TooLarge { what: "data offset" })?;
        }
        let mut first_flags = if flags & 0x004 != 0 { Some(reader.u32()?) } else { None };
        for _ in 0..count {
            let mut sample = self.defaults;
            if flags & 0x100 != 0 {
                sample.duration = reader.u32()?;
            }
            if flags & 0x200 != 0 {
                sample.size = reader.u32()?;
            }
            if flags & 0x400 != 0 {
                sample.flags = reader.u32()?;
            }
            sample.flags = first_flags.take().unwrap_or(sample.flags);
            let offset = match (flags & 0x800 != 0, version) {
                (false, _) => 0,
                (true, 0) => i64::from(reader.u32()?),
                (true, _) => i64::from(reader.i32()?),
            };
            samples.push(self.sample(file, sample, offset)?);
        }
        Ok(())
    }

    fn sample(&mut self, file: &[u8], sample: Defaults, offset: i64) -> Result<Sample> {
        let size = usize::try_from(sample.size).map_err(|_| Error::TooLarge { what: "sample" })?;
        let end = self.at.checked_add(size).filter(|end| *end <= file.len());
        let end = end.ok_or(Error::Truncated { what: "sample" })?;
        if size == 0 {
            return Err(Error::Malformed { what: "trun", why: "an empty sample" });
        }
        let read = Sample {
            data: self.at..end,
            pts: time(self.dts, offset)?,
            dts: self.dts,
            duration: sample.duration,
            sync: sample.flags & NON_SYNC == 0,
        };
        self.at = end;
        self.dts = time(self.dts, sample.duration.into())?;
        Ok(read)
    }
}
