//! Captions in streams of their own, and what the file calls its tracks.

use model::plan::{CaptionOrigin, CaptionTrack};

use super::answer::{Answer, Stream};
use super::language;
use crate::captions::MAX_CAPTIONS;
use crate::codecs;

/// Most characters of a label.
const LABEL_CHARS: usize = 64;

/// The text streams that become captions, in file order. Captions that are pictures (PGS, VobSub, DVB) are left out.
///
/// Chooses among too many tracks: those that the file prefers, and as many languages as possible.
pub(super) fn captions(answer: &Answer) -> Vec<CaptionTrack> {
    let track = |stream: &Stream| CaptionTrack {
        from: CaptionOrigin::Stream(stream.index),
        language: language::tag(stream.language()),
        label: label(stream),
        forced: stream.is_forced(),
        hearing_impaired: stream.is_for_hearing_impaired(),
    };
    let is_text = |stream: &&Stream| stream.is_subtitle() && codecs::is_text(&stream.codec());
    let streams: Vec<&Stream> = answer.streams.iter().filter(is_text).collect();
    let mut tracks: Vec<(bool, bool, CaptionTrack)> = vec![];
    for stream in streams {
        let track = track(stream);
        let again = tracks.iter().any(|(.., other)| other.language == track.language);
        tracks.push((!stream.is_default(), again, track));
    }
    // Stable: those that are alike stay in their order.
    let index = |track: &CaptionTrack| match track.from {
        CaptionOrigin::Stream(index) => index,
        CaptionOrigin::Cea608(_) => u32::MAX,
    };
    tracks.sort_by_key(|(other, again, _)| (*other, *again));
    tracks.truncate(MAX_CAPTIONS);
    let mut tracks: Vec<CaptionTrack> = tracks.into_iter().map(|(.., track)| track).collect();
    tracks.sort_by_key(index);
    tracks
}

/// The label of a track: its title, or in MP4 the name of its handler unless a tool made that.
pub(super) fn label(stream: &Stream) -> Option<String> {
    const TOOLS: [&str; 8] =
        ["handler", "media", "gpac", "bento4", "l-smash", "soundhandle", "iso ", "vod by"];
    let made_by_person = |name: &&str| {
        let name = name.to_ascii_lowercase();
        !TOOLS.iter().any(|tool| name.contains(tool))
    };
    clean(stream.title().or_else(|| stream.handler().filter(made_by_person))?)
}

/// One line of at most 64 characters, none of them a control character; `None` if nothing is left.
fn clean(text: &str) -> Option<String> {
    // Marks that turn the direction of the text around them could make one label look like another.
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let visible: String =
        text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(LABEL_CHARS).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_one_bounded_line() {
        let check = |text, expected: Option<&str>| assert_eq!(clean(text).as_deref(), expected, "{text:?}");
        check("Director's commentary", Some("Director's commentary"));
        check("  a\r\n\u{1b}[2Jb\t", Some("a [2Jb"));
        check("\u{202e}evil\u{2069}", Some("evil"));
        check(" \n ", None);
        check(&"é".repeat(100), Some(&"é".repeat(64)));
    }

    #[test]
    fn tracks_are_called_by_people_not_by_tools() {
        let check = |json: &str, expected: Option<&str>| {
            let stream: Stream = serde_json::from_str(json).unwrap();
            assert_eq!(label(&stream).as_deref(), expected, "{json}");
        };
        check(r#"{"tags": {"title": "Kommentar", "handler_name": "x"}}"#, Some("Kommentar"));
        check(r#"{"tags": {"TITLE": "Forced", "HANDLER_NAME": "SoundHandler"}}"#, Some("Forced"));
        check(r#"{"tags": {"handler_name": "Regie"}}"#, Some("Regie"));
        check(r##"{"tags": {"handler_name": "#Mainconcept MP4 Sound Media Handler"}}"##, None);
        check(r#"{"tags": {}}"#, None);
    }

    #[test]
    fn pictures_are_no_captions() {
        let answer: Answer = serde_json::from_str(
            r#"{"streams": [
            {"index": 1, "codec_type": "subtitle", "codec_name": "hdmv_pgs_subtitle"},
            {"index": 2, "codec_type": "subtitle", "codec_name": "subrip", "tags": {"language": "ger"},
             "disposition": {"forced": 1, "hearing_impaired": 1}},
            {"index": 3, "codec_type": "subtitle", "codec_name": "dvd_subtitle"},
            {"index": 4, "codec_type": "data", "codec_name": "text"}]}"#,
        )
        .unwrap();
        let expected = CaptionTrack {
            from: CaptionOrigin::Stream(2),
            language: "de".into(),
            label: None,
            forced: true,
            hearing_impaired: true,
        };
        assert_eq!(captions(&answer), [expected]);
    }

    #[test]
    fn of_many_captions_the_preferred_ones_and_as_many_languages_as_possible_are_taken() {
        let check = |streams: &[(&str, u8)], expected: &[u32]| {
            let streams: Vec<String> = (0..)
                .zip(streams)
                .map(|(n, (language, default)): (u32, _)| {
                    format!(
                        r#"{{"index": {n}, "codec_type": "subtitle", "codec_name": "subrip",
                        "tags": {{"language": "{language}"}}, "disposition": {{"default": {default}}}}}"#
                    )
                })
                .collect();
            let answer: Answer =
                serde_json::from_str(&format!(r#"{{"streams": [{}]}}"#, streams.join(","))).unwrap();
            let found: Vec<u32> = captions(&answer)
                .iter()
                .filter_map(|track| if let CaptionOrigin::Stream(n) = track.from { Some(n) } else { None })
                .collect();
            assert_eq!(found, expected);
        };
        let ten = ["eng", "ger", "fre", "spa", "ita", "por", "dut", "swe", "nor", "dan"].map(|l| (l, 0));
        check(&ten, &[0, 1, 2, 3, 4, 5, 6, 7]);
        let mut last = ten;
        last[9].1 = 1;
        check(&last, &[0, 1, 2, 3, 4, 5, 6, 9]);
        let mut again = ten;
        (again[1].0, again[2].0) = ("eng", "eng");
        check(&again, &[0, 3, 4, 5, 6, 7, 8, 9]);
    }
}
