//! A probe whose answers are given beforehand: what hostile ones lead to.

use std::io::{self, Cursor};

use model::media::Source;

use super::announced::Announced;
use super::answer::{Answer, Stream};
use super::ask::scan_of;
use super::source as sum_up;
use super::track::{track, video};
use super::verdict::{check_streams, choose};
use super::whole::Whole;
use crate::{Container, Error, Rejection, Result, codecs};

/// As [`crate::probe()`], with the answer about the streams and all their packets; sounds begin with their packets.
pub(crate) fn source(container: Container, answer: &[u8], packets: &[u8]) -> Result<Source> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| Error::Answer { reason: error.to_string() })?;
    check_streams(&answer)?;
    let mut scan = scan_of(&answer.streams.iter().collect::<Vec<&Stream>>());
    scan.feed(packets)?;
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
        video((stream, codec), seen, base, None)
    };
    let film = film.map(picture).transpose()?;
    let sounds = answer.streams.iter().filter(|stream| stream.is_sound()).filter_map(|stream| {
        let seen = packets.get(&stream.index);
        track(stream, seen?.span.map(|(first, _)| first), seen)
    });
    sum_up((container, 1), &answer, film, sounds.collect())
}

/// Whether a file says more of its length than ffmpeg tells.
pub(crate) fn says_its_length(container: Container, file: &[u8]) -> io::Result<bool> {
    let head = &file[..file.len().min(crate::HEAD)];
    let announced = Announced::read(&mut Cursor::new(file), container, head, file.len() as u64)?;
    assert!(!matches!(announced, Announced::Us(..=0)), "{announced:?}");
    Ok(announced != Announced::Nothing)
}
