//! Names of tracks for people, and tags of languages that are safe to write.

use model::Plan;
use model::plan::CaptionTrack;

/// Languages of films, in their own words: ISO 639 codes and the name.
const NAMES: &[(&[&str], &str)] = &[
    (&["ar", "ara"], "العربية"),
    (&["bg", "bul"], "Български"),
    (&["ca", "cat"], "Català"),
    (&["cs", "ces", "cze"], "Čeština"),
    (&["da", "dan"], "Dansk"),
    (&["de", "deu", "ger"], "Deutsch"),
    (&["el", "ell", "gre"], "Ελληνικά"),
    (&["en", "eng"], "English"),
    (&["es", "spa"], "Español"),
    (&["et", "est"], "Eesti"),
    (&["fa", "fas", "per"], "فارسی"),
    (&["fi", "fin"], "Suomi"),
    (&["fr", "fra", "fre"], "Français"),
    (&["he", "heb"], "עברית"),
    (&["hi", "hin"], "हिन्दी"),
    (&["hr", "hrv"], "Hrvatski"),
    (&["hu", "hun"], "Magyar"),
    (&["id", "ind"], "Bahasa Indonesia"),
    (&["is", "isl", "ice"], "Íslenska"),
    (&["it", "ita"], "Italiano"),
    (&["ja", "jpn"], "日本語"),
    (&["ko", "kor"], "한국어"),
    (&["lt", "lit"], "Lietuvių"),
    (&["lv", "lav"], "Latviešu"),
    (&["nb", "nob", "no", "nor"], "Norsk"),
    (&["nl", "nld", "dut"], "Nederlands"),
    (&["pl", "pol"], "Polski"),
    (&["pt", "por"], "Português"),
    (&["ro", "ron", "rum"], "Română"),
    (&["ru", "rus"], "Русский"),
    (&["sk", "slk", "slo"], "Slovenčina"),
    (&["sl", "slv"], "Slovenščina"),
    (&["sr", "srp"], "Српски"),
    (&["sv", "swe"], "Svenska"),
    (&["ta", "tam"], "தமிழ்"),
    (&["th", "tha"], "ไทย"),
    (&["tr", "tur"], "Türkçe"),
    (&["uk", "ukr"], "Українська"),
    (&["vi", "vie"], "Tiếng Việt"),
    (&["zh", "zho", "chi"], "中文"),
];

/// The tag for a playlist; `None` if the language is unknown or not shaped like BCP 47.
pub(crate) fn tag(language: &str) -> Option<&str> {
    let shaped = (2..=35).contains(&language.len())
        && language
            .split('-')
            .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let unknown = matches!(language.to_ascii_lowercase().as_str(), "und" | "mis" | "zxx" | "mul");
    (shaped && !unknown).then_some(language)
}

/// The language in three letters (ISO 639-2), as MP4 has it; `None` if it is not known.
pub(crate) fn three_letters(language: &str) -> Option<[u8; 3]> {
    let primary = tag(language)?.split('-').next()?.to_ascii_lowercase();
    let short = model::language::two_letters(&primary).unwrap_or(&primary);
    let code = model::language::three_letters(short).unwrap_or(&primary);
    let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_lowercase).then_some(letters)
}

/// Names of the audio tracks.
pub(crate) fn of_audio(plan: &Plan) -> Vec<String> {
    names(plan.audio.iter().map(|a| Named {
        label: a.label.as_deref(),
        language: &a.language,
        kind: None,
        unknown: "Audio",
    }))
}

/// Names of the caption tracks.
pub(crate) fn of_captions(plan: &Plan) -> Vec<String> {
    let kind = |captions| match Role::of(captions) {
        Role::Forced => Some("forced"),
        Role::HearingImpaired => Some("SDH"),
        Role::Subtitles => None,
    };
    names(plan.captions.iter().map(|c| Named {
        label: c.label.as_deref(),
        language: &c.language,
        kind: kind(c),
        unknown: "Captions",
    }))
}

/// Whom captions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everybody: what is not said in the film's language.
    Forced,
    /// For people who do not hear: sounds are described.
    HearingImpaired,
    /// For people who do not understand the language.
    Subtitles,
}

impl Role {
    pub(crate) fn of(captions: &CaptionTrack) -> Self {
        match (captions.forced, captions.hearing_impaired) {
            (true, _) => Self::Forced,
            (false, true) => Self::HearingImpaired,
            (false, false) => Self::Subtitles,
        }
    }
}

/// The sources of a track's name.
struct Named<'a> {
    /// The label in the file.
    label: Option<&'a str>,
    /// Its language.
    language: &'a str,
    /// Kind of the track, named after the language.
    kind: Option<&'a str>,
    /// The name if nothing is known.
    unknown: &'a str,
}

/// Names of tracks, each different from the others (RFC 8216 §4.3.4.1.1), without quotes and line ends.
fn names<'a>(tracks: impl Iterator<Item = Named<'a>>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for track in tracks {
        let label = track.label.map(clean).filter(|label| !label.is_empty());
        let name = label.unwrap_or_else(|| match track.kind {
            Some(kind) => format!("{} ({kind})", name(track.language, track.unknown)),
            None => name(track.language, track.unknown),
        });
        let mut unique = name.clone();
        let mut number = 2;
        while names.contains(&unique) {
            unique = format!("{name} {number}");
            number += 1;
        }
        names.push(unique);
    }
    names
}

/// A label as a quoted string can hold it.
fn clean(label: &str) -> String {
    let text: String =
        label.chars().map(|c| if c == '"' { '\'' } else { c }).filter(|c| !c.is_control()).collect();
    text.trim().chars().take(80).collect()
}

fn name(language: &str, unknown: &str) -> String {
    let Some(tag) = tag(language) else {
        return unknown.into();
    };
    let (primary, rest) = tag.split_once('-').map_or((tag, None), |(primary, rest)| (primary, Some(rest)));
    let primary = primary.to_ascii_lowercase();
    let known = NAMES.iter().find(|(codes, _)| codes.contains(&primary.as_str()));
    match (known, rest) {
        (Some((_, name)), None) => (*name).into(),
        (Some((_, name)), Some(rest)) => format!("{name} ({rest})"),
        (None, _) => tag.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_named_in_their_own_words() {
        let languages = ["en", "ger", "pt-BR", "en", "und", "xx", "a\"b", "", "en"];
        let named = |language| Named { label: None, language, kind: None, unknown: "Audio" };
        assert_eq!(
            names(languages.into_iter().map(named)),
            [
                "English",
                "Deutsch",
                "Português (BR)",
                "English 2",
                "Audio",
                "xx",
                "Audio 2",
                "Audio 3",
                "English 3"
            ]
        );
    }

    #[test]
    fn labels_and_kinds_are_said() {
        let named = |label, kind| Named { label, language: "en", kind, unknown: "Captions" };
        let list =
            [named(Some("Director's \"cut\"\n"), None), named(None, Some("SDH")), named(Some(" "), None)];
        assert_eq!(names(list.into_iter()), ["Director's 'cut'", "English (SDH)", "English"]);
    }

    #[test]
    fn only_tags_are_written() {
        assert_eq!(tag("zh-Hant-TW"), Some("zh-Hant-TW"));
        for bad in ["", "e", "und", "en\"", "en\nx", "en-", "toolongtag"] {
            assert_eq!(tag(bad), None, "{bad:?}");
        }
        assert_eq!(
            ["de", "ger-AT", "sw", "eu-ES", "tlh", "xx", "q"].map(three_letters),
            [Some(*b"deu"), Some(*b"deu"), Some(*b"swa"), Some(*b"eus"), Some(*b"tlh"), None, None]
        );
    }
}
