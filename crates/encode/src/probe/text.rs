//! Captions in streams of their own, and what the file calls its tracks.

use model::plan::{CaptionOrigin, CaptionTrack};

use super::answer::{Answer, Stream};
use super::language;
use crate::captions::MAX_CAPTIONS;
use crate::codecs;

/// Most characters of a label.
const LABEL_CHARS: usize = 64;

/// The text streams, in file order. Captions that are pictures (PGS, VobSub, DVB) are left out.
pub(super) fn captions(answer: &Answer) -> Vec<CaptionTrack> {
    let track = |stream: &Stream| CaptionTrack {
        from: CaptionOrigin::Stream(stream.index),
        language: language::tag(stream.language()),
        label: label(stream),
        forced: stream.is_forced(),
        hearing_impaired: stream.is_for_hearing_impaired(),
    };
    let is_text = |stream: &&Stream| stream.is_subtitle() && codecs::is_text(&stream.codec());
    answer.streams.iter().filter(is_text).take(MAX_CAPTIONS).map(track).collect()
}

/// What the file calls a track: its title, or in MP4 the name of its handler where that was not made by a tool.
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
}
