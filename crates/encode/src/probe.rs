//! What a source contains: facts from ffprobe in the jail, checked and brought into Kinora's terms.

mod announced;
mod answer;
mod ask;
mod beside;
mod geometry;
mod language;
mod rate;
#[cfg(feature = "fuzzing")]
pub(crate) mod recorded;
mod scan;
mod text;
mod track;
mod verdict;
mod whole;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use model::media::{Audio, Source, Video};

use self::announced::Announced;
use self::answer::{Answer, Stream};
use self::ask::Asker;
use self::verdict::{check_streams, choose, left_out, nothing};
use self::whole::Whole;
use crate::blocking::blocking;
use crate::run::Input;
use crate::{Container, Error, Rejection, Result, Runner, sniff};

/// The longest source in hours.
pub(crate) const MAX_HOURS: u32 = 24;

/// Channels of a track that can be mixed: 22.2 and a few more.
const MAX_CHANNELS: u16 = 32;

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// What it contains.
    pub source: Source,
    /// What is missing of it or left out, and why, in words for people.
    pub notes: Vec<String>,
}

/// Finds out what the file contains.
///
/// It is read several times in part: its first bytes, the container's index, every packet's header (for an MP4
/// that is its index again), and a few frames of sound. Dropping the future or cancelling ends it all.
///
/// # Errors
/// [`Error::Rejected`] with a reason for people where the file cannot be played.
pub async fn probe(runner: Runner<'_>, file: &Path) -> Result<Probed> {
    ask_about(runner, file, false).await
}

/// As [`probe`] for a file that has nothing but what [`crate::extent::Map::to_probe`] says.
///
/// # Errors
/// As [`probe`]; the holes may be the reason.
pub async fn probe_parts(runner: Runner<'_>, file: &Path) -> Result<Probed> {
    ask_about(runner, file, true).await
}

async fn ask_about(runner: Runner<'_>, file: &Path, holes: bool) -> Result<Probed> {
    let whole = look(file).await?;
    let (container, bytes) = (whole.container, whole.bytes);
    let asker = Asker { runner, input: Input { file, container }, holes };
    let answer = asker.streams().await?;
    check_streams(&answer)?;
    // Neither waits for the other: a long film has its first segments to encode.
    let (mut packets, heard) = tokio::try_join!(asker.packets(&answer), asker.heard(&answer))?;
    let film = choose(&answer, &packets);
    let missing = match whole.check(&answer, film, &packets) {
        Ok(missing) => missing,
        Err(cut_off) => {
            // Subtitles may go on behind the film; they are only looked at where that matters.
            let subtitles: Vec<&Stream> = answer.streams.iter().filter(|s| s.is_subtitle()).collect();
            if subtitles.is_empty() {
                return Err(cut_off.into());
            }
            packets.extend(asker.scan("s", 0, &subtitles).await?);
            whole.check(&answer, film, &packets)?
        }
    };

    let mut video = match film {
        Some(stream) => Some(asker.video(stream, &mut packets).await?),
        None => None,
    };
    let audio = asker.audio(&answer, &packets, heard).await?;
    // What a container only announces of a track's length nobody has seen.
    let seen = |track: &&Audio| packets.get(&track.stream).is_some_and(|packets| packets.span.is_some());
    let sound = beside::span(audio.iter().filter(seen));
    let mut notes: Vec<String> = missing.into_iter().collect();
    if let Some((video, sound)) = video.as_mut().zip(sound) {
        notes.extend(beside::hold(video, sound));
        if container == Container::Mov {
            notes.extend(beside::broken_off(&answer, &packets));
        }
    }
    let source = source((container, bytes), &answer, video, audio)?;
    notes.extend(left_out(&answer, &source));
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
    Ok(Source { container, bytes, duration_ms, video, audio, captions })
}

/// What kind of file it is, and what it says of its length.
async fn look(file: &Path) -> Result<Whole> {
    let path = file.to_owned();
    let read = move || {
        let failed = |source| Error::File { path: path.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut head = Vec::new();
        file.by_ref().take(crate::HEAD as u64).read_to_end(&mut head).map_err(failed)?;
        let container = sniff(&head)?;
        let announced = Announced::read(&mut file, container, &head, bytes).map_err(failed)?;
        Ok(Whole { container, bytes, announced })
    };
    blocking(read).await
}
