//! A caption track: everything the source has of it, in the one stored form of WebVTT.
//!
//! Broken captions must not cost the film: where they cannot be read, the track has what could be read, which may
//! be nothing, and its note says so.

use std::time::Duration;

use model::plan::{CaptionOrigin, Track};
use package::webvtt::{self, Cue};

use super::{Encoding, Progress};
use crate::argv;
use crate::captions::copied;
use crate::captions::read::{self, Read};
use crate::retime::{self, Encoded};
use crate::run::{Arg, Name, Said, Timeouts};
use crate::{Error, Result, cea608};
use jail::Limits;
use runtime::blocking;

/// How long reading a whole source for its captions may take.
const WALL: Duration = Duration::from_secs(1800);

pub(super) async fn encode(
    encoding: &Encoding<'_>,
    n: u16,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<Encoded> {
    let track = encoding.work.plan.captions.get(usize::from(n));
    let track = track.ok_or_else(|| Error::Plan { reason: format!("it has no caption track c{n}") })?;
    let (cues, mut note) = match track.from {
        CaptionOrigin::Stream(stream) => text(encoding, stream).await?,
        CaptionOrigin::Cea608(channel) => in_picture(encoding, channel).await?,
    };
    let grid = &encoding.work.plan.grid;
    let (file, index) = match webvtt::chunk(cues, grid) {
        Ok(made) => made,
        Err(error) => {
            note = Some(left_out(&error));
            webvtt::chunk(vec![], grid).map_err(Error::Encoded)?
        }
    };
    let path = encoding.work.scratch.join(format!("c{}-c{n}.vtt", encoding.work.chunk));
    let keep = move || retime::keep(Track::Captions(n), path, &file, index);
    let encoded = blocking(keep).await?;
    progress(Progress { permille: 1000, speed: None });
    Ok(Encoded { note, ..encoded })
}

/// The cues of a text stream, and a note where not all is well.
async fn text(encoding: &Encoding<'_>, stream: u32) -> Result<(Vec<Cue>, Option<String>)> {
    /// Bytes that are copied: what is drawn in ASS takes far more than words.
    const MAX: u64 = 64 << 20;
    let found = encoding.work.source.captions.iter().find(|t| t.from == CaptionOrigin::Stream(stream));
    let track = found
        .ok_or_else(|| Error::Plan { reason: format!("the source has no captions in stream {stream}") })?;
    let (data, times) = (Name::new("captions"), Name::new("times"));
    // Nothing is reported between one cue and the next, and there may be few in a long film.
    let trouble = run(encoding, copied::copy(stream, &data, &times), MAX, WALL).await?;
    let (data, times) = (encoding.file(&data), encoding.file(&times));
    let (language, zero_ms) = (track.language.clone(), zero_us(encoding).div_euclid(1000));
    let read = move || {
        let copied = copied::read(&data, &times, webvtt::MAX_CUES)?;
        Ok(read::read(&copied, &language, zero_ms))
    };
    let Read { cues, notes } = match (blocking(read).await, &trouble) {
        (Ok(read), _) => read,
        // There is no file where ffmpeg did not come as far as making one.
        (Err(Error::File { .. }), Some(_)) => Read::default(),
        (Err(error), _) => return Err(error),
    };
    let mut notes: Vec<String> = trouble.into_iter().chain(notes).collect();
    if notes.is_empty() && cues.is_empty() {
        notes.push("there are no captions in them".to_owned());
    }
    let note = (!notes.is_empty()).then(|| format!("subtitles {stream}: {}", notes.join("; ")));
    Ok((cues, note))
}

/// The cues of a CEA-608 channel within the video.
async fn in_picture(encoding: &Encoding<'_>, channel: u8) -> Result<(Vec<Cue>, Option<String>)> {
    /// Bytes that are copied: 120 a frame, sixty frames a second, for a day.
    const MAX: u64 = 1 << 30;
    let (data, times) = (Name::new("units"), Name::new("times"));
    let video = encoding.work.source.video.as_ref();
    let Some(after) = video.and_then(|video| cea608::copy(video, &data, &times)) else {
        return Err(Error::Plan { reason: "the source has no captions within the picture".to_owned() });
    };
    let trouble = run(encoding, after, MAX, Duration::from_secs(300)).await?;
    let (data, times, zero_us) = (encoding.file(&data), encoding.file(&times), zero_us(encoding));
    let decode = move || Ok(cea608::cues(&cea608::read(&data, &times)?, channel, zero_us));
    match (blocking(decode).await, trouble) {
        (Ok(cues), trouble) => Ok((cues, trouble)),
        // There is no file where ffmpeg did not come as far as making one.
        (Err(Error::File { .. }), Some(trouble)) => Ok((vec![], Some(trouble))),
        (Err(error), _) => Err(error),
    }
}

/// Runs ffmpeg over the source; a note where the file made it fail.
async fn run(
    encoding: &Encoding<'_>,
    after: Vec<Arg>,
    most_bytes: u64,
    stall: Duration,
) -> Result<Option<String>> {
    let limits = Limits { file_bytes: most_bytes, ..Limits::default() };
    let bounds = (limits, Timeouts { wall: WALL, stall });
    let done = encoding.ffmpeg(argv::list([&["-copyts"][..]]), after, bounds, |_| ()).await;
    ended(done, encoding.work.holes)
}

/// Result of captions whose run ended so: all of them, or a note about those that are missing.
fn ended(done: Result<Said>, holes: bool) -> Result<Option<String>> {
    match done {
        Ok(done) if holes && done.complaints > 0 => Err(Error::Holes),
        Err(Error::Exited { .. } | Error::Signalled { .. }) if holes => Err(Error::Holes),
        Ok(_) => Ok(None),
        Err(
            error @ (Error::Exited { .. }
            | Error::Signalled { .. }
            | Error::Stalled { .. }
            | Error::OutOfTime { .. }),
        ) => Ok(Some(left_out(&error))),
        Err(error) => Err(error),
    }
}

/// Where the title begins, in µs of the source's clock.
fn zero_us(encoding: &Encoding<'_>) -> i64 {
    let source = encoding.work.source;
    let sound = || source.audio.first().map(|audio| audio.start_us);
    source.video.as_ref().map(|video| video.start_us).or_else(sound).unwrap_or(0)
}

fn left_out(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("captions are missing, because they cannot be read: {error}{cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_over_captions_costs_the_film() {
        let (tool, after, log) = ("ffmpeg", WALL, vec![]);
        for error in [
            Error::Exited { tool, code: 1, log: log.clone() },
            Error::Signalled { tool, signal: 11, log: log.clone() },
            Error::Stalled { tool, after, log: log.clone() },
            Error::OutOfTime { tool, after, log },
        ] {
            let said = error.to_string();
            let note = ended(Err(error), false).unwrap().unwrap();
            assert!(note.starts_with("captions are missing") && note.contains(&said), "{note}");
        }
        assert!(matches!(ended(Err(Error::Cancelled), false), Err(Error::Cancelled)));
    }
}
