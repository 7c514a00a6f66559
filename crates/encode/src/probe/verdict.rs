//! What can be said of a file from the answers about it: which stream is the film, what is left out, what is refused.

use std::collections::BTreeMap;

use model::media::Source;
use model::plan::CaptionOrigin;

use super::answer::{self, Answer, Stream};
use super::{MAX_CHANNELS, scan};
use crate::{Error, Rejection, codecs, run};

/// Refuses what no later look can make playable.
pub(super) fn check_streams(answer: &Answer) -> Result<(), Rejection> {
    if !answer.streams.iter().any(|stream| stream.is_picture() || stream.is_sound()) {
        return Err(Rejection::NoStreams);
    }
    let tags = answer.streams.iter().filter_map(|stream| stream.codec_tag_string.as_deref());
    if tags.into_iter().any(|tag| matches!(tag, "encv" | "enca" | "drmi" | "drms")) {
        return Err(Rejection::Encrypted);
    }
    for stream in answer.streams.iter().filter(|stream| stream.is_picture()) {
        if u64::from(stream.width) * u64::from(stream.height) > run::MAX_PIXELS {
            return Err(Rejection::TooLarge { width: stream.width, height: stream.height });
        }
    }
    Ok(())
}

/// The film: of the pictures that have frames the one with most pixels, the default one preferred.
pub(super) fn choose<'a>(answer: &'a Answer, packets: &BTreeMap<u32, scan::Stream>) -> Option<&'a Stream> {
    const DEFAULT_IS_WORTH: u64 = 5_000_000;
    let moving = |stream: &&Stream| {
        stream.is_picture() && packets.get(&stream.index).is_some_and(|seen| !seen.shown.is_empty())
    };
    let score = |stream: &&Stream| {
        let pixels = u64::from(stream.width) * u64::from(stream.height);
        let several = packets.get(&stream.index).is_some_and(|seen| seen.shown.len() > 4);
        (
            several,
            pixels + if stream.is_default() { DEFAULT_IS_WORTH } else { 0 },
            std::cmp::Reverse(stream.index),
        )
    };
    answer.streams.iter().filter(moving).max_by_key(score)
}

/// Why there is neither film nor sound.
pub(super) fn nothing(answer: &Answer) -> Rejection {
    if let Some(stream) = answer.streams.iter().find(|stream| stream.channels > MAX_CHANNELS) {
        return Rejection::TooManyChannels { channels: stream.channels };
    }
    let foreign = answer.streams.iter().find(|stream| {
        let codec = stream.codec();
        stream.is_picture() && !codecs::is_video(&codec) || stream.is_sound() && !codecs::is_audio(&codec)
    });
    foreign.map_or(Rejection::NoFrames, |stream| Rejection::Codec { codec: stream.codec() })
}

/// What of the file is not used, and why.
pub(super) fn left_out(answer: &Answer, source: &Source) -> Vec<String> {
    let note = |stream: &Stream| {
        let (n, codec) = (stream.index, stream.codec());
        let is_used = source.audio.iter().any(|track| track.stream == n)
            || source.captions.iter().any(|track| track.from == CaptionOrigin::Stream(n));
        match (stream.is_sound(), stream.is_subtitle()) {
            _ if is_used => None,
            (true, _) if !codecs::is_audio(&codec) => {
                Some(format!("audio track {n} is left out: its codec {codec} is not supported"))
            }
            (true, _) if stream.channels > MAX_CHANNELS => {
                Some(format!("audio track {n} is left out: it has {} channels", stream.channels))
            }
            (true, _) => Some(format!("audio track {n} ({codec}) is left out: nothing of it can be decoded")),
            (_, true) if codecs::is_drawn(&codec) => {
                Some(format!("subtitles {n} are left out: {codec} are pictures, not text"))
            }
            (_, true) if !codecs::is_text(&codec) => {
                Some(format!("subtitles {n} are left out: their codec {codec} is not supported"))
            }
            (_, true) => Some(format!("subtitles {n} are left out: there are too many")),
            _ => None,
        }
    };
    answer.streams.iter().filter_map(note).collect()
}

/// What a failure of ffprobe says about the file.
pub(super) fn explain(error: Error) -> Error {
    let Error::Exited { log, .. } = &error else { return error };
    let says = |words: &str| log.iter().any(|line| line.contains(words));
    if let Some(codec) = codecs::refused(log) {
        Rejection::Codec { codec }.into()
    } else if let Some((width, height)) = too_large(log) {
        Rejection::TooLarge { width, height }.into()
    } else if says("max_streams") {
        Rejection::TooManyStreams { most: run::MAX_STREAMS }.into()
    } else if says("moov atom not found") {
        Rejection::Incomplete.into()
    } else if says("Cannot allocate memory") {
        error
    } else {
        Rejection::Damaged.into()
    }
}

/// ffmpeg's `Picture size 16384x8192 exceeds specified max pixel count 67108864`.
pub(super) fn too_large(log: &[String]) -> Option<(u32, u32)> {
    let line = log.iter().find(|line| line.contains("max pixel count"))?;
    let (_, size) = line.split_once("Picture size ")?;
    answer::fraction(size.split(' ').next()?, 'x')
}
