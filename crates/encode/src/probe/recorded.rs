//! A probe whose answers are given beforehand: what hostile ones lead to.

use std::io::{self, Cursor};

use model::media::Source;

use super::announced::Announced;
use super::answer::{Answer, Stream};
use super::ask::{FirstPictures, first_sounds, scan_of};
use super::source as sum_up;
use super::track::{interlaced, track, video};
use super::verdict::{check_streams, choose, explain};
use super::whole::Whole;
use crate::{Container, Error, Rejection, Result, codecs};

/// What ffprobe answers about a source.
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
        let start = heard.get(&stream.index).copied();
        track(stream, start.or_else(|| Some(seen?.span?.0)), seen)
    });
    sum_up((container, 1), &answer, film, sounds.collect())
}

/// What is said of a source about which ffprobe wrote this log, and failed.
pub(crate) fn refused(log: Vec<String>) -> Error {
    explain(Error::Exited { tool: "ffprobe", code: 1, log })
}

/// Whether a file says more of its length than ffmpeg tells.
pub(crate) fn says_its_length(container: Container, file: &[u8]) -> io::Result<bool> {
    let head = &file[..file.len().min(crate::HEAD)];
    let announced = Announced::read(&mut Cursor::new(file), container, head, file.len() as u64)?;
    assert!(!matches!(announced, Announced::Us(..=0)), "{announced:?}");
    Ok(announced != Announced::Nothing)
}
