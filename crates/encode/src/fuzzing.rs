//! Doors for the fuzz targets: readers of what ffmpeg and ffprobe write, which nobody else calls.

use std::io;
use std::path::Path;

use model::Plan;
use model::media::{Piece, Source};
use model::plan::{Chunk, Track};
use package::webvtt::Cue;

use crate::chunk::recorded;
pub use crate::chunk::recorded::Decoded;
use crate::clock::{self, Jumps};
pub use crate::probe::recorded::Answers;
use crate::retime::{self, Encoded, Retiming};
pub use crate::run::reports::{Reports, reports};
use crate::{Container, Error, Result, captions, cea608, fields, ladder, probe, stills};
use template::Template;

/// The contents of a file, from ffprobe's answers.
///
/// # Errors
/// As [`crate::probe()`].
pub fn probed(container: Container, answers: &Answers<'_>) -> Result<Source> {
    probe::recorded::source(container, answers)
}

/// When the pictures of each track of an MP4 are shown by its tables, and which of these decoding can start at, in ticks;
/// tracks whose tables are not understood are left out.
pub fn pictures(file: &[u8]) -> Vec<(Vec<i64>, Vec<i64>)> {
    probe::recorded::pictures(file)
}

/// The error for a source on which ffprobe failed, from its log.
pub fn refused(log: Vec<String>) -> Error {
    probe::recorded::refused(log)
}

/// Evaluates lists of decoded frames (where they begin; of sound also where they end) for a chunk.
///
/// # Errors
/// Where a list cannot be read.
pub fn decoded(film: (&Plan, &Source), chunk: u32, lists: (&Path, &Path)) -> Result<Decoded> {
    recorded::decoded(film, chunk, lists)
}

/// Whether what was said of frames makes them fields.
pub fn are_fields(said: &str) -> bool {
    fields::verdict(said)
}

/// Width and height of a JPEG, if it is whole.
pub fn size(jpeg: &[u8]) -> Option<(u32, u32)> {
    stills::size(jpeg)
}

/// Whether a file says more of its length than ffmpeg tells.
///
/// # Errors
/// Those of the file system, which it does not use.
pub fn says_its_length(container: Container, file: &[u8]) -> io::Result<bool> {
    probe::recorded::says_its_length(container, file)
}

/// Gives the bytes of a transport stream with packets of so many bytes, or of another container, one clock, as
/// [`crate::clock::set`] does.
///
/// # Errors
/// Those of the file system, which it does not use.
pub fn set_clock(
    container: Container,
    packet_bytes: usize,
    file: &mut [u8],
    pieces: &[Piece],
) -> io::Result<()> {
    clock::set_within(container, packet_bytes, file, pieces)
}

/// The number of tags to be seen or heard in a Flash video file, and whether there is another file behind the first.
///
/// # Errors
/// Those of the file system, which it does not use.
pub fn tags(file: &[u8]) -> io::Result<(usize, bool)> {
    let mut tags = 0;
    let appended = clock::flv::appended(io::Cursor::new(file))?;
    let until = appended.and_then(|appended| appended.foreign).unwrap_or(u64::MAX);
    clock::flv::stamps(io::Cursor::new(file), until, std::convert::identity, |_| {
        tags += 1;
        Ok(())
    })?;
    Ok((tags, appended.is_some()))
}

/// Where the clock of a file jumps by ffprobe's list of its packets; its answer about the streams comes first.
///
/// # Errors
/// [`crate::Rejection::JumpingClock`], or where the answer is none.
pub fn jumps(container: Container, streams: &[u8], packets: &[u8]) -> Result<Option<Jumps>> {
    probe::recorded::jumps(container, streams, packets)
}

/// How many renditions a source has.
pub fn renditions(source: &Source, template: &Template) -> usize {
    ladder::rungs(source, template).len()
}

/// Makes a chunk of a track of what ffmpeg wrote, or still writes; `how`: frames of warm-up, and whether it still
/// writes; `files`: from and to.
///
/// # Errors
/// Where it is not what the plan says.
pub fn retime(
    plan: &Plan,
    chunk: &Chunk,
    track: Track,
    how: (u64, bool),
    files: (&Path, &Path),
) -> Result<Encoded> {
    let ((warm_up, running), (from, to)) = (how, files);
    retime::write(&Retiming { plan, chunk, track, warm_up, from, to, running })
}

/// The cues of a text stream whose captions and list ffmpeg copied.
///
/// # Errors
/// Those of reading, which never fails here.
pub fn caption_text(data: &[u8], times: &[u8], zero_ms: i64) -> io::Result<Vec<Cue>> {
    let copied = captions::copied::read_from(data, times, 1000)?;
    Ok(captions::read::read(&copied, "ja", zero_ms).cues)
}

/// The captions of channels 1 to 4 in the units of a video stream that were copied into `data`.
///
/// # Errors
/// Of the file system.
pub fn captions_within(data: &Path, times: &Path, zero_us: i64) -> Result<[Vec<Cue>; 4]> {
    let pairs = cea608::read(data, times)?;
    let found = cea608::channels(&pairs);
    Ok([1, 2, 3, 4].map(|channel| {
        let cues = cea608::cues(&pairs, channel, zero_us);
        assert!(cues.is_empty() || found.contains(&channel), "channel {channel} brings text");
        cues
    }))
}
