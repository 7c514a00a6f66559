//! Reading the fragmented MP4 that ffmpeg writes: one track, samples in decode order.
//!
//! Only what the re-timer needs is read; every offset is checked against the bytes that are there, and the
//! number of samples is bounded, so that hostile bytes cost an error and nothing else.

use std::ops::Range;

use self::movie::Movie;
use crate::boxes::{self, Reader};
use crate::{Error, Result, TrackInit};

mod fragment;
mod movie;

/// Samples that one recording may have: three hours at 90 frames a second.
pub const MAX_SAMPLES: usize = 1 << 20;

/// A track and its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The sample description. [`Sample::pts`] does not take its `start` into account.
    pub track: TrackInit,
    /// Samples in decode order.
    pub samples: Vec<Sample>,
}

/// One sample of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where its bytes lie in the file; always within it.
    pub data: Range<usize>,
    /// Composition time in ticks.
    pub pts: i64,
    /// Decode time in ticks.
    pub dts: i64,
    /// Duration in ticks.
    pub duration: u32,
    /// Whether decoding can start here.
    pub sync: bool,
}

/// The header of all fragments: the track, and the properties that its samples share.
#[derive(Debug, Clone)]
pub struct Head(Movie);

impl Head {
    /// Reads a `moov` box.
    ///
    /// # Errors
    /// If it is not a `moov`, or not of a single track of H.264 or AAC.
    pub fn read(moov: &[u8]) -> Result<Self> {
        movie::read(boxes::find("moov", b"moov", moov)?).map(Self)
    }

    /// The track; [`Sample::pts`] does not take its `start` into account.
    pub fn track(&self) -> &TrackInit {
        &self.0.track
    }

    /// The samples of whole fragments, in decode order. Their data lie in these bytes, in front of which the file has
    /// `from` others.
    ///
    /// # Errors
    /// Where boxes are broken, or samples lie elsewhere or are more than [`MAX_SAMPLES`].
    pub fn samples(&self, fragments: &[u8], from: u64) -> Result<Vec<Sample>> {
        let stretch = Stretch { bytes: fragments, from };
        let mut samples = Vec::new();
        for found in boxes::children("file", fragments) {
            let found = found?;
            if found.kind == *b"moof" {
                fragment::read(&self.0, &stretch, &found, &mut samples)?;
            }
        }
        Ok(samples)
    }
}

/// Bytes of a file, and how many there are in front of them.
struct Stretch<'a> {
    bytes: &'a [u8],
    from: u64,
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<Recording> {
    let whole = Stretch { bytes, from: 0 };
    let mut movie = None;
    let mut samples = Vec::new();
    for found in boxes::children("file", bytes) {
        let found = found?;
        match &found.kind {
            b"moov" if movie.is_none() => movie = Some(movie::read(found.body)?),
            b"moov" => return Err(Error::Malformed { what: "file", why: "two moov boxes" }),
            b"moof" => {
                let movie =
                    movie.as_ref().ok_or(Error::Malformed { what: "file", why: "moof before moov" })?;
                fragment::read(movie, &whole, &found, &mut samples)?;
            }
            _ => {}
        }
    }
    let movie = movie.ok_or(Error::Missing { what: "moov" })?;
    Ok(Recording { track: movie.track, samples })
}

/// The sum of a time and a difference that files may choose freely.
fn time(base: i64, difference: i64) -> Result<i64> {
    base.checked_add(difference).ok_or(Error::TooLarge { what: "time" })
}

/// A reader behind version and flags, for boxes whose version does not matter.
fn full_body<'a>(what: &'static str, body: &'a [u8]) -> Result<(Reader<'a>, u8, u32)> {
    let mut reader = Reader::new(what, body);
    let (version, flags) = reader.full()?;
    Ok((reader, version, flags))
}
