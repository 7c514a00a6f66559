//! A probe whose answers are given beforehand: what hostile ones lead to.

use std::io::{self, Cursor};

use model::media::Source;

use super::announced::Announced;
use super::answer::{Answer, Stream};
use super::ask::{FirstPictures, FirstSounds, first_sounds, scan_of};
use super::beyond::Beyond;
use super::layout;
use super::source as sum_up;
use super::track::{interlaced, track, video};
use super::verdict::{check_streams, choose, explain};
use super::whole::Whole;
use super::{stamps, tables};
use crate::clock::Jumps;
use crate::{Container, Error, Rejection, Result, codecs};

/// Recorded answers of ffprobe about a source.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// About its streams.
    pub streams: &'a [u8],
    /// About all their packets.
    pub packets: &'a [u8],
    /// About the first pictures.
    pub pictures: &'a [u8],
    /// About the first sounds; those that it does not name begin with their packets.
    pub sounds: &'a [u8],
}

/// As [`crate::probe()`], with these answers.
pub(crate) fn source(container: Container, answers: &Answers<'_>) -> Result<Source> {
    let answer: Answer = serde_json::from_slice(answers.streams)
        .map_err(|error| Error::Answer { reason: error.to_string() })?;
    check_streams(&answer)?;
    let mut scan = scan_of(&answer.streams.iter().collect::<Vec<&Stream>>());
    scan.feed(answers.packets)?;
    let packets = scan.finish();
    let film = choose(&answer, &packets);
    Whole { container, bytes: 1, announced: Announced::Nothing }.check(&answer, film, &packets)?;
    let picture = |stream: &Stream| {
        let (Some(seen), Some(base)) = (packets.get(&stream.index), stream.time_base()) else {
            return Err(Rejection::NoFrames.into());
        };
        let codec = stream.codec();
        if !codecs::is_video(&codec) || stream.width == 0 || stream.height == 0 {
            return Err(Rejection::Codec { codec }.into());
        }
        let first = match interlaced(stream) {
            Some(_) if !seen.decoding_times => None,
            _ => Some(FirstPictures::read(&String::from_utf8_lossy(answers.pictures))),
        };
        video((stream, codec), seen, base, first)
    };
    let film = film.map(picture).transpose()?;
    let heard = first_sounds(&String::from_utf8_lossy(answers.sounds));
    let sounds = answer.streams.iter().filter(|stream| stream.is_sound()).filter_map(|stream| {
        let seen = packets.get(&stream.index);
        let first = heard.get(&stream.index).copied();
        let channel = layout::only_channel(stream.channel_layout.as_deref());
        let track =
            track(stream, first.or_else(|| Some(FirstSounds { start: seen?.span?.0, samples: None })), seen)?;
        Some((track, channel.map(str::to_owned)))
    });
    sum_up((container, 1), &answer, film, layout::joined(&sounds.collect::<Vec<_>>()))
}

/// Where the clock jumps by a list of packets.
pub(crate) fn jumps(container: Container, streams: &[u8], packets: &[u8]) -> Result<Option<Jumps>> {
    let answer: Answer =
        serde_json::from_slice(streams).map_err(|error| Error::Answer { reason: error.to_string() })?;
    let Some(mut scan) = stamps::Scan::new(container, &answer) else { return Ok(None) };
    scan.feed(packets)?;
    Ok(scan.finish())
}

/// Times of pictures and of those that decoding can start at, by the tables of an MP4.
pub(crate) fn pictures(file: &[u8]) -> Vec<(Vec<i64>, Vec<i64>)> {
    tables::pictures(file).into_iter().map(|stream| (stream.shown, stream.keys)).collect()
}

/// The error for a source on which ffprobe failed with this log.
pub(crate) fn refused(log: Vec<String>) -> Error {
    explain(Error::Exited { tool: "ffprobe", code: 1, log })
}

/// Whether a file says more of its length than ffmpeg tells.
pub(crate) fn says_its_length(container: Container, file: &[u8]) -> io::Result<bool> {
    let head = &file[..file.len().min(crate::HEAD)];
    let announced = Announced::read(&mut Cursor::new(file), container, head, file.len() as u64)?;
    assert!(!matches!(announced, Announced::Us(..=0)), "{announced:?}");
    let beyond = Beyond::find(&mut Cursor::new(file), container, file.len() as u64)?;
    assert!(beyond.is_none_or(|beyond| !beyond.note(container, file.len() as u64).is_empty()));
    Ok(announced != Announced::Nothing)
}
