//! Verdict on a file from the answers about it: which stream is the film, what is left out, what is refused.

use std::collections::BTreeMap;

use model::media::{Audio, Mix, Source};
use model::plan::CaptionOrigin;

use super::answer::{self, Answer, Stream};
use super::{MAX_CHANNELS, scan};
use crate::captions::MAX_CAPTIONS;
use crate::limits::MAX_AUDIO;
use crate::{Error, Rejection, codecs, run};

/// Channels that cinemas and living rooms have: 7.1.
const CINEMA: u16 = 8;

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
        let several = packets.get(&stream.index).is_some_and(moves);
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

/// Audio tracks that are not mixed like cinema sound.
pub(super) fn mixed(source: &Source) -> Vec<String> {
    let note = |track: &Audio| {
        let how = match &track.mix {
            _ if track.channels <= 2 => return None,
            Mix::Numbered => {
                "do not say which is which: the first is left, the second right, all others are in the middle"
            }
            Mix::Ambisonic => "are Ambisonics",
            Mix::Named | Mix::Apart(_) if track.channels > CINEMA => "are more than a surround format has",
            Mix::Named | Mix::Apart(_) => return None,
        };
        let (stream, channels) = (track.stream, track.channels);
        Some(format!("audio track {stream} is mixed to stereo: its {channels} channels {how}"))
    };
    source.audio.iter().filter_map(note).collect()
}

/// Notes on unused parts of the file, and why: surplus streams, and subtitles, together.
pub(super) fn left_out(
    answer: &Answer,
    film: Option<&Stream>,
    packets: &BTreeMap<u32, scan::Stream>,
    source: &Source,
) -> Vec<String> {
    let mut groups: Vec<(&str, String, Vec<u32>)> = vec![];
    for stream in &answer.streams {
        let n = stream.index;
        let is_used = film.is_some_and(|film| film.index == n)
            || source.audio.iter().any(|track| track.streams().contains(&n))
            || source.captions.iter().any(|track| track.from == CaptionOrigin::Stream(n));
        if is_used {
            continue;
        }
        let (what, why) = if stream.is_sound() {
            ("audio track", no_sound(stream, source))
        } else if stream.is_subtitle() {
            ("subtitles", no_captions(&stream.codec()))
        } else if packets.get(&n).is_some_and(moves) && stream.is_picture() {
            ("video track", "a title has one picture".to_owned())
        } else {
            continue;
        };
        let alike = what == "subtitles" || why.starts_with("a title");
        match groups.iter_mut().find(|(w, y, _)| alike && (*w, y) == (what, &why)) {
            Some((.., streams)) => streams.push(n),
            None => groups.push((what, why, vec![n])),
        }
    }
    let note = |(what, why, streams): (&str, String, Vec<u32>)| match &streams[..] {
        [one] if what != "subtitles" => format!("{what} {one} is left out: {why}"),
        many if what != "subtitles" => format!("{what}s {} are left out: {why}", listed(many)),
        many => format!("{what} {} are left out: {why}", listed(many)),
    };
    groups.into_iter().map(note).collect()
}

/// Whether there are more pictures than a cover has.
fn moves(seen: &scan::Stream) -> bool {
    seen.shown.len() > 4
}

fn no_sound(stream: &Stream, source: &Source) -> String {
    let codec = stream.codec();
    let is_behind = source.audio.iter().all(|track| track.stream < stream.index);
    if !codecs::is_audio(&codec) {
        format!("its codec {codec} is not supported")
    } else if stream.channels > MAX_CHANNELS {
        format!("it has {} channels", stream.channels)
    } else if source.audio.len() >= MAX_AUDIO && is_behind {
        format!("a title has at most {MAX_AUDIO} audio tracks")
    } else {
        format!("nothing of it ({codec}) can be decoded")
    }
}

fn no_captions(codec: &str) -> String {
    if codecs::is_drawn(codec) {
        format!("{codec} are pictures, not text")
    } else if !codecs::is_text(codec) {
        format!("their codec {codec} is not supported")
    } else {
        format!("a title has at most {MAX_CAPTIONS} caption tracks")
    }
}

/// `3, 4 and 7`.
fn listed(streams: &[u32]) -> String {
    let names: Vec<String> = streams.iter().map(u32::to_string).collect();
    match &names[..] {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        names => names.join(", "),
    }
}

/// The meaning of a failure of ffprobe for the file.
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
