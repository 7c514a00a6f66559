//! Captions whose text is not UTF-8: old files have it in the code page of the computer that they were written on.
//!
//! Each caption that is UTF-8, or says that it is UTF-16, is taken as such. All others of a stream are looked at
//! together, and read in the encoding that they are most likely to be in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// Bytes that are read to detect an encoding.
const MAX_BYTES: usize = 1 << 20;

/// Texts of captions, and what people should know about how they were read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// As many as there were captions, in their order.
    pub(crate) texts: Vec<String>,
    /// The encoding of those that were not UTF-8 or UTF-16, if there were any.
    pub(crate) encoding: Option<&'static str>,
    /// How many have characters that could not be read; `U+FFFD` stands in their place.
    pub(crate) damaged: usize,
}

/// Reads the texts of a stream in a language (BCP 47).
pub(crate) fn decode(captions: &[&[u8]], language: &str) -> Decoded {
    let ours: Vec<Kind> = captions.iter().map(|bytes| Kind::of(bytes)).collect();
    let is_utf8 = ours.contains(&Kind::Utf8 { plain: false });
    let foreign = |(bytes, kind): &(&&[u8], &Kind)| match kind {
        Kind::Other => !(is_utf8 && is_damaged_utf8(bytes)),
        _ => false,
    };
    let others: Vec<&[u8]> = captions.iter().zip(&ours).filter(foreign).map(|(bytes, _)| *bytes).collect();
    let encoding = (!others.is_empty()).then(|| guess(&others, language));
    let mut decoded = Decoded { encoding: encoding.map(Encoding::name), ..Decoded::default() };
    for one in captions.iter().zip(&ours) {
        let (bytes, kind) = one;
        let (text, damaged) = match kind {
            Kind::Utf8 { .. } => encoding_rs::UTF_8.decode_with_bom_removal(bytes),
            Kind::Utf16(encoding) => encoding.decode_with_bom_removal(bytes),
            Kind::Other if foreign(&one) => {
                encoding.unwrap_or(encoding_rs::WINDOWS_1252).decode_without_bom_handling(bytes)
            }
            Kind::Other => encoding_rs::UTF_8.decode_with_bom_removal(bytes),
        };
        decoded.damaged += usize::from(damaged);
        decoded.texts.push(text.into_owned());
    }
    decoded
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// `plain` if all of it is ASCII.
    Utf8 {
        plain: bool,
    },
    Utf16(&'static Encoding),
    Other,
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xFE, 0xFF, ..] => return Self::Utf16(UTF_16BE),
            [0xFF, 0xFE, ..] => return Self::Utf16(UTF_16LE),
            _ => {}
        }
        // Half of what is Latin is zeros in UTF-16; a single-byte text contains none.
        let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if even + odd > bytes.len() / 4 && bytes.len().is_multiple_of(2) {
            return Self::Utf16(if even > odd { UTF_16BE } else { UTF_16LE });
        }
        // ISO-2022-JP has nothing but ASCII, between which escapes switch.
        let switches = bytes.windows(2).any(|two| matches!(two, [0x1B, b'$' | b'(']));
        match std::str::from_utf8(bytes) {
            Ok(text) if !switches => Self::Utf8 { plain: text.is_ascii() },
            _ => Self::Other,
        }
    }
}

/// Whether there are characters of several bytes in it, and at least as many as invalid bytes.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > 0 && good >= bad
}

fn guess(captions: &[&[u8]], language: &str) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let mut rest = MAX_BYTES;
    for caption in captions {
        let part = &caption[..caption.len().min(rest)];
        detector.feed(part, false);
        detector.feed(b"\n", false);
        rest -= part.len();
    }
    detector.feed(b"", true);
    detector.guess(domain(language).map(str::as_bytes), Utf8Detection::Deny)
}

/// The top-level domain under which pages are most often in that language.
fn domain(language: &str) -> Option<&'static str> {
    let main = language.split('-').next().unwrap_or_default();
    Some(match main {
        "ar" => "sa",
        "be" => "by",
        "bg" => "bg",
        "cs" => "cz",
        "el" => "gr",
        "et" => "ee",
        "fa" => "ir",
        "he" => "il",
        "hr" => "hr",
        "hu" => "hu",
        "ja" => "jp",
        "ko" => "kr",
        "lt" => "lt",
        "lv" => "lv",
        "mk" => "mk",
        "pl" => "pl",
        "ro" => "ro",
        "ru" => "ru",
        "sk" => "sk",
        "sl" => "si",
        "sr" => "rs",
        "th" => "th",
        "tr" => "tr",
        "uk" => "ua",
        "vi" => "vn",
        "zh" if language.contains("Hant") || language.contains("TW") => "tw",
        "zh" => "cn",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{
        BIG5, EUC_JP, EUC_KR, GBK, ISO_2022_JP, ISO_8859_2, ISO_8859_7, KOI8_U, SHIFT_JIS, WINDOWS_874,
        WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256,
    };
    use proptest::prelude::*;

    use super::*;

    fn decoded(captions: &[&[u8]], language: &str) -> Decoded {
        let decoded = decode(captions, language);
        assert_eq!(decoded.texts.len(), captions.len());
        decoded
    }

    #[test]
    fn each_legacy_encoding_is_recognised() {
        let check = |encoding: &'static Encoding, language: &str, text: &str| {
            let (bytes, ..) = encoding.encode(text);
            assert!(encoding == ISO_2022_JP || std::str::from_utf8(&bytes).is_err(), "{text}");
            let found = decoded(&[b"plain first", &bytes], language);
            assert_eq!(found.texts, ["plain first", text], "{language}");
            assert_eq!((found.encoding, found.damaged), (Some(encoding.name()), 0), "{text}");
        };
        check(WINDOWS_1252, "und", "ça é été ");
        check(WINDOWS_1252, "de", "Für wen? – „Für dich“");
        check(WINDOWS_1250, "cs", "Příliš žluťoučký kůň");
        check(WINDOWS_1250, "und", "Zażółć gęślą jaźń");
        check(ISO_8859_2, "pl", "Zażółć gęślą jaźń");
        check(WINDOWS_1251, "ru", "Привет, как дела?");
        check(KOI8_U, "uk", "Привіт, як справи?");
        check(ISO_8859_7, "el", "Καλημέρα, τι κάνεις;");
        check(WINDOWS_1254, "tr", "Günaydın, nasılsın şu");
        check(WINDOWS_1255, "he", "שלום, מה שלומך");
        check(WINDOWS_1256, "ar", "مرحبا كيف حالك");
        check(WINDOWS_874, "th", "สวัสดีครับ");
        check(SHIFT_JIS, "ja", "こんにちは、元気ですか");
        check(EUC_JP, "ja", "こんにちは、元気ですか");
        check(ISO_2022_JP, "ja", "こんにちは、元気ですか");
        check(EUC_KR, "ko", "안녕하세요 여러분");
        check(GBK, "zh", "你好,你在哪里?");
        check(BIG5, "zh-Hant", "你好,你在哪裡?");
    }

    #[test]
    fn unicode_needs_no_guess() {
        let utf16 = |text: &str, little: bool| -> Vec<u8> {
            text.encode_utf16()
                .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
                .collect()
        };
        let texts: [&[u8]; 6] = [
            "ça".as_bytes(),
            "\u{feff}é".as_bytes(),
            &utf16("\u{feff}été", true),
            &utf16("\u{feff}été", false),
            &utf16("no mark", true),
            b"",
        ];
        let expected = ["ça", "é", "été", "été", "no mark", ""].map(str::to_owned).to_vec();
        assert_eq!(decoded(&texts, "fr"), Decoded { texts: expected, encoding: None, damaged: 0 });
    }

    #[test]
    fn damaged_utf8_stays_utf8_and_is_counted() {
        let found = decoded(&["déjà vu".as_bytes(), b"na\xc3\xafve caf\xc3"], "fr");
        assert_eq!(found.texts, ["déjà vu", "naïve caf\u{fffd}"]);
        assert_eq!((found.encoding, found.damaged), (None, 1));
        // In a stream without any other sign of UTF-8 it is something else.
        assert_eq!(decoded(&[b"caf\xe9"], "fr").texts, ["café"]);
    }

    proptest! {
        #[test]
        fn any_bytes_become_texts(captions in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let captions: Vec<&[u8]> = captions.iter().map(Vec::as_slice).collect();
            decoded(&captions, "ja");
        }
    }
}
