//! The contents of a source: facts from ffprobe in the jail, checked and converted into Kinora's terms.

mod announced;
mod answer;
mod ask;
mod beside;
mod beyond;
mod drift;
mod geometry;
mod language;
mod layout;
mod rate;
#[cfg(feature = "fuzzing")]
pub(crate) mod recorded;
mod scan;
mod stamps;
mod tables;
mod text;
mod track;
mod unread;
mod verdict;
mod whole;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model::media::{Audio, Source, Video};
use runtime::blocking;

use self::announced::Announced;
use self::answer::{Answer, Stream};
use self::ask::Asker;
use self::beyond::Beyond;
use self::verdict::{check_streams, choose, left_out, mixed, nothing};
use self::whole::Whole;
use crate::clock::Jumps;
use crate::clock::flv::{self, Appended};
use crate::limits::MAX_HOURS;
use crate::run::Input;
use crate::{Container, Error, Rejection, Result, Runner, sniff};

/// Channels of a track that can be mixed: what one MADI line has, and as many as ffmpeg takes.
const MAX_CHANNELS: u16 = 64;

/// Facts about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// Its contents.
    pub source: Source,
    /// Missing or left-out parts, and why, in words for people.
    pub notes: Vec<String>,
}

/// Finds out what the file contains.
///
/// It is read several times in part: its first bytes, the container's index, every packet's header (for an MP4
/// that is its index again), and a few frames of sound. Dropping the future or cancelling ends it all.
///
/// # Errors
/// [`Error::Rejected`] with a reason for people where the file cannot be played, [`Error::ClockJumps`] where it can be
/// once its clock is set.
pub async fn probe(runner: Runner<'_>, file: &Path) -> Result<Probed> {
    ask_about(runner, file, How::Whole).await
}

/// As [`probe`] for a copy that [`crate::clock::set`] has given one clock.
///
/// # Errors
/// As [`probe`], and [`Rejection::JumpingClock`] where it still jumps.
pub async fn probe_set(runner: Runner<'_>, file: &Path, jumps: Jumps) -> Result<Probed> {
    let found = ask_about(runner, file, How::Set).await;
    let Probed { mut source, mut notes } = found.map_err(|error| match error {
        Error::ClockJumps(_) => Rejection::JumpingClock.into(),
        error => error,
    })?;
    source.pieces = jumps.pieces;
    notes.extend(jumps.notes);
    Ok(Probed { source, notes })
}

/// As [`probe`] for a file that has nothing but what [`crate::extent::Map::to_probe`] says.
///
/// # Errors
/// As [`probe`]; the holes may be the reason.
pub async fn probe_parts(runner: Runner<'_>, file: &Path) -> Result<Probed> {
    ask_about(runner, file, How::Parts).await
}

/// The readable part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Whole,
    /// A copy whose clock was set.
    Set,
    /// Nothing but some ranges.
    Parts,
}

async fn ask_about(runner: Runner<'_>, file: &Path, how: How) -> Result<Probed> {
    let Looked { whole, appended, beyond } = look(file).await?;
    let (container, bytes) = (whole.container, whole.bytes);
    let asker = Asker { runner, input: Input { file, container }, holes: how == How::Parts };
    let answer = asker.streams().await?;
    check_streams(&answer)?;
    // Neither waits for the other: a long film has its first segments to encode.
    let (mut packets, heard) = tokio::try_join!(asker.packets(&answer), asker.heard(&answer))?;
    let jumps = match appended {
        Some(appended) => asker.appended(&answer, appended).await?,
        _ => asker.jumps(&answer, &packets).await?,
    };
    if let Some(jumps) = jumps {
        return Err(Error::ClockJumps(Box::new(jumps)));
    }
    let film = choose(&answer, &packets);
    let missing = match whole.check(&answer, film, &packets) {
        Ok(missing) => missing,
        Err(cut_off) => {
            // Subtitles may continue after the film; they are only read where that matters.
            let subtitles: Vec<&Stream> = answer.streams.iter().filter(|s| s.is_subtitle()).collect();
            if subtitles.is_empty() {
                return Err(cut_off.into());
            }
            packets.extend(asker.scan("s", 0, &subtitles).await?);
            whole.check(&answer, film, &packets)?
        }
    };

    // What was hidden of Flash video files is told already.
    let is_told = container == Container::Flv && how == How::Set;
    let unread = if is_told { None } else { asker.unread(&packets).await? };
    let own = film.or_else(|| answer.streams.iter().find(|stream| stream.is_sound()));
    let lost = own.and_then(|stream| packets.get(&stream.index)).map_or(vec![], whole::lost);
    let mut video = match film {
        Some(stream) => Some(asker.video(stream, &mut packets).await?),
        None => None,
    };
    let audio = asker.audio(&answer, &packets, heard).await?;
    // A track's length that only the container announces was not observed.
    let seen = |track: &&Audio| packets.get(&track.stream).is_some_and(|packets| packets.span.is_some());
    let sound = beside::span(audio.iter().filter(seen));
    let mut notes: Vec<String> = beyond.into_iter().chain(missing).chain(unread).chain(lost).collect();
    if let Some((video, sound)) = video.as_mut().zip(sound) {
        notes.extend(beside::hold(video, sound));
        if container == Container::Mov {
            notes.extend(beside::broken_off(&answer, &packets));
        }
    }
    let source = source((container, bytes), &answer, video, audio)?;
    notes.extend(mixed(&source));
    notes.extend(left_out(&answer, film, &packets, &source));
    Ok(Probed { source, notes })
}

/// Everything that was found, if it can be a title.
fn source(
    (container, bytes): (Container, u64),
    answer: &Answer,
    video: Option<Video>,
    audio: Vec<Audio>,
) -> Result<Source> {
    let longest = audio.iter().map(|track| track.duration_ms).max();
    let duration_ms = match (&video, longest) {
        (Some(video), _) => video.rate.frame_ms(video.frames),
        (None, Some(longest)) => longest,
        (None, None) => return Err(nothing(answer).into()),
    };
    if video.as_ref().is_some_and(|video| video.frames < 2) && audio.is_empty() {
        return Err(Rejection::SinglePicture.into());
    }
    if duration_ms > u64::from(MAX_HOURS) * 3_600_000 {
        return Err(Rejection::TooLong { max_hours: MAX_HOURS }.into());
    }
    if duration_ms == 0 {
        return Err(Rejection::NoFrames.into());
    }
    let captions = text::captions(answer);
    Ok(Source { container, bytes, duration_ms, video, audio, captions, pieces: vec![] })
}

/// The bytes of a file, before any tool reads it.
struct Looked {
    whole: Whole,
    /// Flash video files behind the first one.
    appended: Option<Appended>,
    /// A note where the announced length is less than the file has.
    beyond: Option<String>,
}

async fn look(file: &Path) -> Result<Looked> {
    let path = file.to_owned();
    let read = move || {
        let failed = |source| Error::File { path: path.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut head = Vec::new();
        file.by_ref().take(crate::HEAD as u64).read_to_end(&mut head).map_err(failed)?;
        let container = sniff(&head)?;
        let announced = Announced::read(&mut file, container, &head, bytes).map_err(failed)?;
        let mut whole = Whole { container, bytes, announced };
        let beyond = Beyond::find(&mut file, container, bytes).map_err(failed)?;
        if container == Container::Wav && beyond.is_some_and(|beyond| beyond.foreign.is_none()) {
            (whole.container, whole.announced) = (Container::WavToEnd, Announced::Nothing);
        }
        let appended = match container {
            Container::Flv => flv::appended(&mut file).map_err(failed)?,
            _ => None,
        };
        Ok(Looked { whole, appended, beyond: beyond.map(|beyond| beyond.note(container, bytes)) })
    };
    blocking(read).await
}
