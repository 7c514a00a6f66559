//! Channel layouts: ffprobe's layout of a track, in our terms; tracks that are the channels of one
//! sound.

use model::media::{Audio, Mix, Part};

use crate::mix;

/// By how much tracks that belong together may begin or end apart, in ms.
const APART_MS: u64 = 100;

/// How a track with this layout is mixed, in ffprobe's words: `5.1(side)`, `3 channels (FL+FR+LFE)`, `unknown`.
pub(super) fn mix(layout: Option<&str>) -> Mix {
    let Some(layout) = layout else { return Mix::Numbered };
    if layout.starts_with("ambisonic") {
        return Mix::Ambisonic;
    }
    if !layout.contains(" channels") {
        return if layout == "unknown" { Mix::Numbered } else { Mix::Named };
    }
    let names = names(layout);
    let known = !names.is_empty() && names.iter().all(|name| mix::knows(name));
    let once = names.iter().enumerate().all(|(n, name)| !names[..n].contains(name));
    if known && once { Mix::Named } else { Mix::Numbered }
}

/// The names of a layout that has none itself: `2 channels (FL+FR)`.
fn names(layout: &str) -> Vec<&str> {
    let listed = layout.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    listed.map(|names| names.split('+').collect()).unwrap_or_default()
}

/// The name of a track's only channel, where it says that it is one of several.
pub(super) fn only_channel(layout: Option<&str>) -> Option<&str> {
    match names(layout?)[..] {
        [name] if mix::knows(name) => Some(name),
        _ => None,
    }
}

/// Makes one track of those that have one channel each of the same sound, as camcorders and studios write them.
///
/// They follow each other and say which channel they are, each another one, left and right among them; they are coded
/// alike, and neither their language nor their name tells them apart. All others stay what they are.
pub(super) fn joined(tracks: &[(Audio, Option<String>)]) -> Vec<Audio> {
    let mut out: Vec<Audio> = vec![];
    let mut rest = tracks;
    while let [(first, _), later @ ..] = rest {
        let parts = parts(rest);
        if parts.is_empty() {
            out.push(first.clone());
            rest = later;
            continue;
        }
        rest = &rest[parts.len()..];
        let channels = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        out.push(Audio { channels, mix: Mix::Apart(parts), ..first.clone() });
    }
    out
}

/// The tracks in front that belong together; none where that is not sure.
fn parts(tracks: &[(Audio, Option<String>)]) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![];
    for (track, channel) in tracks {
        let Some(channel) = channel else { break };
        let fits = |other: &Audio| {
            let ends = |audio: &Audio| audio.start_us.saturating_add_unsigned(audio.duration_ms * 1000);
            let near = |a: i64, b: i64| a.abs_diff(b) <= APART_MS * 1000;
            (&track.codec, track.sample_rate, &track.language, &track.label)
                == (&other.codec, other.sample_rate, &other.language, &other.label)
                && near(track.start_us, other.start_us)
                && near(ends(track), ends(other))
        };
        if !fits(&tracks[0].0) || parts.iter().any(|part| part.channel == *channel) {
            break;
        }
        parts.push(Part { stream: track.stream, channel: channel.clone() });
    }
    let has = |name: &str| parts.iter().any(|part| part.channel == name);
    if has("FL") && has("FR") { parts } else { vec![] }
}

#[cfg(test)]
mod tests {
    use model::testing::song;

    use super::*;

    #[test]
    fn layouts_say_how_channels_are_mixed() {
        let check = |layout: Option<&str>, expected: Mix| assert_eq!(mix(layout), expected, "{layout:?}");
        check(Some("5.1(side)"), Mix::Named);
        check(Some("22.2"), Mix::Named);
        check(Some("3 channels (FL+FR+LFE)"), Mix::Named);
        check(Some("4 channels (FL+FR+FL+FR)"), Mix::Numbered);
        check(Some("3 channels (FL+FR+USR65)"), Mix::Numbered);
        check(Some("12 channels"), Mix::Numbered);
        check(Some("unknown"), Mix::Numbered);
        check(None, Mix::Numbered);
        check(Some("ambisonic 1+stereo"), Mix::Ambisonic);
        assert_eq!(only_channel(Some("1 channels (FR)")), Some("FR"));
        for no in [None, Some("mono"), Some("2 channels (FL+FR)"), Some("1 channels (USR65)")] {
            assert_eq!(only_channel(no), None, "{no:?}");
        }
    }

    /// A track's channel, and what else there is to know of it.
    type Told<'a> = (&'a str, &'a dyn Fn(&mut Audio));

    /// The use of mono tracks.
    fn check(tracks: &[Told<'_>], expected: &str) {
        let tracks = (1..).zip(tracks).map(|(stream, (channel, change))| {
            let mut audio = Audio { stream, channels: 1, ..song(8000).audio.remove(0) };
            change(&mut audio);
            (audio, Some((*channel).to_owned()).filter(|name| !name.is_empty()))
        });
        let found: Vec<String> = joined(&tracks.collect::<Vec<_>>())
            .iter()
            .map(|audio| match &audio.mix {
                Mix::Apart(parts) => {
                    parts.iter().map(|part| format!("{}{}", part.stream, part.channel)).collect()
                }
                _ => audio.stream.to_string(),
            })
            .collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn left_and_right_become_one_track_and_nothing_else_does() {
        let same: &dyn Fn(&mut Audio) = &|_| ();
        check(&[("FL", same), ("FR", same)], "1FL2FR");
        check(&[("FR", same), ("FL", same), ("", same)], "1FR2FL 3");
        check(&[("FL", same), ("FR", same), ("FL", same), ("FR", same)], "1FL2FR 3FL4FR");
        let six = ["FL", "FR", "FC", "LFE", "SL", "SR"].map(|name| (name, same));
        check(&six, "1FL2FR3FC4LFE5SL6SR");
        check(&[("", same), ("", same)], "1 2");
        check(&[("FL", same), ("FL", same)], "1 2");
        check(&[("FL", same), ("FC", same)], "1 2");
        check(&[("FL", same), ("", same), ("FR", same)], "1 2 3");
        let others: [&dyn Fn(&mut Audio); 6] = [
            &|audio| audio.language = "de".into(),
            &|audio| audio.label = Some("Director".into()),
            &|audio| audio.codec = "mp3".into(),
            &|audio| audio.sample_rate = 8000,
            &|audio| audio.start_us = 200_000,
            &|audio| audio.duration_ms = 4000,
        ];
        for other in others {
            check(&[("FL", same), ("FR", other)], "1 2");
        }
    }
}
