//! Files that are not a container that Kinora reads, so that people learn what they uploaded.

use crate::Rejection;

/// Recognises texts, images, archives, documents, programs and foreign containers.
pub(super) fn recognise(head: &[u8]) -> Option<Rejection> {
    binary(head).or_else(|| text(head))
}

/// HEIF and AVIF images are ISO base media files, too (ISO 23008-12 §10).
pub(super) fn is_image_brand(head: &[u8]) -> bool {
    let brand = head.get(8..12).unwrap_or_default();
    [b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis", b"crx "]
        .iter()
        .any(|image| brand == *image)
}

fn binary(head: &[u8]) -> Option<Rejection> {
    let at = |offset: usize, text: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(text));
    let image = |format: &str| Some(Rejection::Image { format: format.to_owned() });
    let archive = |format: &str| Some(Rejection::Archive { format: format.to_owned() });
    let document = |format: &str| Some(Rejection::Document { format: format.to_owned() });
    let container = |format: &str| Some(Rejection::Container { format: format.to_owned() });
    match head {
        [0x89, b'P', b'N', b'G', ..] => image("PNG"),
        [0xFF, 0xD8, 0xFF, ..] => image("JPEG"),
        [b'G', b'I', b'F', b'8', ..] => image("GIF"),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WEBP") => image("WebP"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => image("BMP"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => image("TIFF"),
        [b'8', b'B', b'P', b'S', ..] => image("Photoshop"),
        [0, 0, 1, 0, _, 0, ..] if head.len() < 1 << 20 && !at(3, &[0, 0]) => image("ICO"),
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xFF, 0x0A, ..] => image("JPEG XL"),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => image("JPEG 2000"),
        _ if at(4, b"ftyp") && is_image_brand(head) => image("HEIF"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => zip(head),
        [0x1F, 0x8B, ..] => archive("gzip"),
        [b'R', b'a', b'r', b'!', 0x1A, ..] => archive("RAR"),
        [b'7', b'z', 0xBC, 0xAF, ..] => archive("7-Zip"),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => archive("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => archive("bzip2"),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => archive("zstd"),
        _ if at(257, b"ustar") => archive("tar"),
        [b'%', b'P', b'D', b'F', ..] => document("PDF"),
        [b'{', b'\\', b'r', b't', b'f', ..] => document("RTF"),
        [b'%', b'!', b'P', b'S', ..] => document("PostScript"),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => document("Microsoft Office"),
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => document("SQLite"),
        [b'#', b'!', b'A', b'M', b'R', ..] => container("AMR"),
        [0x7F, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] | [b'#', b'!', ..] => Some(Rejection::Program),
        [0xCF | 0xCE, 0xFA, 0xED, 0xFE, ..] | [0xCA, 0xFE, 0xBA, 0xBE, ..] | [0, b'a', b's', b'm', ..] => {
            Some(Rejection::Program)
        }
        [b'M', b'T', b'h', b'd', ..] => Some(Rejection::Notes),
        _ if at(0, b"IMPM") || at(0, b"Extended Module") || at(44, b"SCRM") || at(1080, b"M.K.") => {
            Some(Rejection::Notes)
        }
        [b'.', b'R', b'M', b'F', ..] => container("RealMedia"),
        [b'F' | b'C' | b'Z', b'W', b'S', 1..=60, ..] => container("Flash animation"),
        [b'D', b'K', b'I', b'F', ..] => container("IVF"),
        [b'n', b'u', b't', b'/', ..] => container("NUT"),
        [b'Y', b'U', b'V', b'4', b'M', b'P', b'E', b'G', ..] => container("YUV4MPEG"),
        [0, 0, 0, 1, 0x67 | 0x27 | 0x40 | 0x42 | 0x09, ..] | [0, 0, 1, 0x67 | 0x27 | 0xB3, ..] => {
            container("raw video")
        }
        [b'D', b'S', b'D', b' ', ..] => container("DSD"),
        [b'w', b'v', b'p', b'k', ..] => container("WavPack"),
        [b'M', b'A', b'C', b' ', ..] => container("Monkey's Audio"),
        [b'c', b'a', b'f', b'f', ..] => container("Core Audio"),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => container("this kind of EBML"),
        _ => None,
    }
}

fn zip(head: &[u8]) -> Option<Rejection> {
    let document = |format: &str| Some(Rejection::Document { format: format.to_owned() });
    let has = |name: &[u8]| super::contains(&head[..head.len().min(4096)], name);
    if has(b"[Content_Types].xml") || has(b"word/") || has(b"xl/") {
        document("Microsoft Office")
    } else if has(b"mimetypeapplication/vnd.oasis") {
        document("OpenDocument")
    } else if has(b"mimetypeapplication/epub") {
        document("EPUB")
    } else {
        Some(Rejection::Archive { format: "ZIP".to_owned() })
    }
}

fn text(head: &[u8]) -> Option<Rejection> {
    let text = readable(head)?;
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let lower: String = start.chars().take(2048).collect::<String>().to_lowercase();
    let starts = |with: &[&str]| with.iter().any(|prefix| lower.starts_with(prefix));
    Some(
        if starts(&[
            "#extm3u",
            "#ext-x-",
            "#extinf",
            "ffconcat",
            "[playlist]",
            "<asx",
            "[reference]",
            "rtsptext",
        ]) {
            Rejection::Playlist
        } else if starts(&["<"]) {
            markup(&lower)
        } else if starts(&["v=0\r", "v=0\n"]) && lower.contains("\no=") {
            Rejection::SessionDescription
        } else if starts(&["webvtt", "[script info]"]) || is_srt(&lower) {
            Rejection::Subtitles
        } else if is_list_of_files(&lower) {
            Rejection::Playlist
        } else {
            Rejection::Text
        },
    )
}

fn markup(lower: &str) -> Rejection {
    // The first element decides; declarations and comments come before it.
    let first = lower.match_indices('<').map(|(at, _)| &lower[at + 1..]);
    let first = first.into_iter().find(|rest| !rest.starts_with(['?', '!'])).unwrap_or_default();
    let name = first.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
    let local = name.rsplit(':').next().unwrap_or_default();
    match local {
        "mpd" | "smoothstreamingmedia" => Rejection::Manifest,
        "playlist" | "smil" | "wpl" | "rss" => Rejection::Playlist,
        "svg" => Rejection::VectorImage,
        "tt" => Rejection::Subtitles,
        "html" | "head" | "body" | "title" | "script" | "div" | "p" | "h1" => Rejection::WebPage,
        _ if lower.contains("<!doctype html") => Rejection::WebPage,
        _ if lower.contains("<!doctype svg") => Rejection::VectorImage,
        _ => Rejection::Xml,
    }
}

/// `1`, then `00:00:01,000 --> 00:00:02,000`.
fn is_srt(lower: &str) -> bool {
    let mut lines = lower.lines();
    let number = lines.next().is_some_and(|line| line.trim().parse::<u32>().is_ok());
    number && lines.next().is_some_and(|line| line.contains("-->"))
}

/// Lines of `file …`, `url …`, or addresses: what `concat` readers take without a header, too.
fn is_list_of_files(lower: &str) -> bool {
    let mut lines = lower.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed = |line: &str| {
        ["file ", "url ", "file:", "http://", "https://", "rtsp://", "mms://"]
            .iter()
            .any(|p| line.starts_with(p))
    };
    lines.next().is_some_and(listed)
}

/// The head as text, if a person could read it: UTF-8, UTF-16 with its mark, or a single-byte coding.
fn readable(head: &[u8]) -> Option<String> {
    let head = &head[..head.len().min(4096)];
    let text = match head {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(head) {
            Ok(text) => text.to_owned(),
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(&head[..error.valid_up_to()]).into_owned()
            }
            Err(_) => head.iter().map(|byte| char::from(*byte)).collect(),
        },
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C')).count();
    let letters = text.chars().filter(char::is_ascii).count();
    // Binary data has control characters everywhere; foreign single-byte texts still have many ASCII ones.
    (!text.is_empty() && odd == 0 && letters * 2 >= text.chars().count()
        || std::str::from_utf8(head).is_ok_and(|_| odd == 0 && !text.is_empty()))
    .then_some(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{1}')).collect()
}
