//! WebVTT captions (W3C WebVTT, 4 April 2019): reading what others wrote, and the one form that is stored.
//!
//! The stored form is UTF-8 with line feeds: `WEBVTT`, an empty line, and cues sorted by start, each with its times,
//! its settings if any, its text and an empty line. Times are ms on the grid's clock. There are no identifiers,
//! comments, styles or regions, and the text has only the tags `b c i lang rt ruby u v`, all closed, so that it can
//! be shown anywhere and cut between cues.
//!
//! ```
//! let file = "\u{feff}WEBVTT - by hand\r\n\r\n1\r\n00:01.000 --> 00:02.500 line:0\r\n<b>Run!</font>\r\n";
//! let cues = package::webvtt::parse(file.as_bytes())?;
//! assert_eq!(
//!     package::webvtt::write(&cues),
//!     "WEBVTT\n\n00:00:01.000 --> 00:00:02.500 line:0\n<b>Run!</b>\n\n"
//! );
//! # Ok::<(), package::Error>(())
//! ```

use std::fmt::{self, Write as _};

use crate::{Error, Result};

mod chunk;
mod settings;
mod text;

pub use chunk::chunk;
pub(crate) use chunk::shown;

/// Bytes that are read at most.
pub const MAX_BYTES: usize = 16 << 20;

/// Cues that are read at most: two and a half a second for fourteen hours.
pub const MAX_CUES: usize = 1 << 17;

/// Cues end before that many ms: hours have at most six digits.
const LATEST_MS: u64 = 1_000_000 * 3_600_000;

const WHAT: &str = "WebVTT";

/// First bytes of every stored file.
const HEADER: &str = "WEBVTT\n\n";

/// A text and when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    start_ms: u64,
    end_ms: u64,
    settings: String,
    text: String,
}

impl Cue {
    /// Makes a cue of settings and text as WebVTT files have them; `None` if nothing would be seen of it.
    pub fn new(start_ms: u64, end_ms: u64, settings: &str, text: &str) -> Option<Self> {
        let text = text::normalise(text);
        let seen = start_ms < end_ms && end_ms < LATEST_MS && !text.is_empty();
        seen.then(|| Self { start_ms, end_ms, settings: settings::normalise(settings), text })
    }

    /// When it appears, in ms.
    pub fn start_ms(&self) -> u64 {
        self.start_ms
    }

    /// When it vanishes, in ms; later than its start.
    pub fn end_ms(&self) -> u64 {
        self.end_ms
    }

    /// Its text, with tags.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same cue later (or, with a negative number, earlier); `None` if it ends before 0 or can no longer be written.
    pub fn shifted(self, by_ms: i64) -> Option<Self> {
        let (start_ms, end_ms) =
            (self.start_ms.saturating_add_signed(by_ms), self.end_ms.saturating_add_signed(by_ms));
        (start_ms < end_ms && end_ms < LATEST_MS).then_some(Self { start_ms, end_ms, ..self })
    }
}

/// Times, settings, text and an empty line.
impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} --> {}", Clock(self.start_ms), Clock(self.end_ms))?;
        if !self.settings.is_empty() {
            write!(f, " {}", self.settings)?;
        }
        write!(f, "\n{}\n\n", self.text)
    }
}

/// `HH:MM:SS.mmm`, hours as many as it takes.
pub(crate) struct Clock(pub(crate) u64);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0 / 1000;
        write!(f, "{:02}:{:02}:{:02}.{:03}", s / 3600, s / 60 % 60, s % 60, self.0 % 1000)
    }
}

/// Reads a file (§6.1). Cues that make no sense are left out, bytes that are no UTF-8 are replaced.
///
/// Fails if the bytes are no WebVTT at all, or more than [`MAX_BYTES`] or [`MAX_CUES`]. The order is the file's.
pub fn parse(bytes: &[u8]) -> Result<Vec<Cue>> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge { what: WHAT });
    }
    let decoded = String::from_utf8_lossy(bytes);
    let file = decoded.strip_prefix('\u{feff}').unwrap_or(&decoded);
    let mut lines = Lines(Some(file)).peekable();
    let signature = lines.next().and_then(|line| line.strip_prefix("WEBVTT"));
    if !signature.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return Err(Error::Malformed { what: WHAT, why: "it does not begin with `WEBVTT`" });
    }
    let mut cues = Vec::new();
    while let Some(line) = lines.next() {
        // Whatever is not a cue's times (identifiers, comments, styles, header fields) is passed over.
        let Some((start_ms, end_ms, settings)) = times(line) else { continue };
        let mut text = String::new();
        while let Some(line) = lines.next_if(|line| !line.is_empty() && !line.contains("-->")) {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
        }
        if cues.len() == MAX_CUES {
            return Err(Error::TooLarge { what: "number of cues" });
        }
        cues.extend(Cue::new(start_ms, end_ms, settings, &text));
    }
    Ok(cues)
}

/// Writes a file.
pub fn write(cues: &[Cue]) -> String {
    let mut out = String::from(HEADER);
    for cue in cues {
        let _ = write!(out, "{cue}");
    }
    out
}

/// Lines that end with CR, LF or both.
struct Lines<'a>(Option<&'a str>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        let Some(end) = rest.find(['\r', '\n']) else {
            self.0 = None;
            return Some(rest);
        };
        let (line, rest) = rest.split_at(end);
        self.0 = rest.strip_prefix("\r\n").or_else(|| rest.get(1..));
        Some(line)
    }
}

/// `00:01.000 --> 00:02.000 settings`.
fn times(line: &str) -> Option<(u64, u64, &str)> {
    let (start, rest) = line.split_once("-->")?;
    let rest = rest.trim_start();
    let (end, settings) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    Some((clock(start.trim())?, clock(end)?, settings))
}

/// `[hours:]minutes:seconds.thousandths` (§4.1); also with a comma, as SubRip has it.
fn clock(text: &str) -> Option<u64> {
    let (whole, thousandths) = text.split_once(['.', ','])?;
    let mut parts = whole.rsplit(':');
    let (seconds, minutes) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let hours = parts.next().map_or(Some(0), |text| digits(text, 6))?;
    let sane = parts.next().is_none() && minutes < 60 && seconds < 60 && thousandths.len() == 3;
    sane.then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + digits(thousandths, 3)?)
}

fn digits(text: &str, most: usize) -> Option<u64> {
    let shaped = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    shaped.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(file: &str, expected: &str) {
        assert_eq!(write(&parse(file.as_bytes()).unwrap()), format!("{HEADER}{expected}"), "{file:?}");
    }

    const HI: &str = "00:00:01.000 --> 00:00:02.000\nHi\n\n";

    #[test]
    fn files_of_all_kinds_are_read() {
        check("WEBVTT", "");
        check("WEBVTT\n\n00:01.000 --> 00:02.000\nHi", HI);
        check("\u{feff}WEBVTT title\r\n\r\nfirst\r\n00:01.000 --> 00:02.000\r\nHi\r\n", HI);
        check("WEBVTT\r\r00:01.000 --> 00:02.000\rHi\r\r", HI);
        check(
            "WEBVTT\nKind: captions\n\nNOTE\nno\n\nSTYLE\n::cue{}\n\nREGION\nid:a\n\n00:01.000-->00:02.000\nHi",
            HI,
        );
        check(
            "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n0:00:01,000 --> 00:00:02,000 region:a\nHi",
            HI,
        );
        check(
            "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n00:03.000 --> 00:04.000\nHo",
            &format!("{HI}00:00:03.000 --> 00:00:04.000\nHo\n\n"),
        );
        check(
            "WEBVTT\n\n100:00:00.000 --> 100:00:01.000 align:start\nA\nB\n",
            "100:00:00.000 --> 100:00:01.000 align:start\nA\nB\n\n",
        );
    }

    #[test]
    fn cues_that_make_no_sense_are_left_out() {
        for times in [
            "00:02.000 --> 00:01.000",
            "00:01.000 --> 00:01.000",
            "00:60.000 --> 01:61.000",
            "1 --> 2",
            "-->",
            "00:01.00 --> 00:02.00",
        ] {
            check(&format!("WEBVTT\n\n{times}\nno\n\n00:01.000 --> 00:02.000\nHi\n"), HI);
        }
        check("WEBVTT\n\n00:01.000 --> 00:02.000\n\n00:01.000 --> 00:02.000\n<i></i>\n", "");
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in
            [&b""[..], b"WEBVTTX", b"webvtt", b"1\n00:00:01,000 --> 00:00:02,000\nHi", b"\xff\xfeW\0E\0"]
        {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(parse(&vec![b'W'; MAX_BYTES + 1]), Err(Error::TooLarge { what: WHAT }));
        let many = format!("WEBVTT\n\n{}", "00:01.000 --> 00:02.000\nHi\n\n".repeat(MAX_CUES + 1));
        assert_eq!(parse(many.as_bytes()), Err(Error::TooLarge { what: "number of cues" }));
    }

    #[test]
    fn shifting_cuts_at_zero() {
        let cue = |start, end| Cue::new(start, end, "", "Hi");
        assert_eq!(cue(1000, 2000).unwrap().shifted(-1500), cue(0, 500));
        assert_eq!(cue(1000, 2000).unwrap().shifted(-2000), None);
        assert_eq!(cue(1000, 2000).unwrap().shifted(500), cue(1500, 2500));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[&b"WEBVTT\n\n00:01.000 --> 00:02.000 "[..], &bytes].concat());
        }

        #[test]
        fn what_was_written_is_read(
            list in proptest::collection::vec((0..9_000_000_u64, 1..9000_u64, "[a-z:0-9%,. -]{0,20}|line:-?[0-9]{1,3}%?( align:(start|end))?", "(\\PC|[<>&/\n\r\0]|<(/)?[a-z]{1,4}[. ]?[a-z]{0,3}>|&[a-z]{2,4};){0,30}"), 0..12),
        ) {
            let cues: Vec<Cue> = list.iter().filter_map(|(start, length, settings, text)| Cue::new(*start, start + length, settings, text)).collect();
            let written = write(&cues);
            prop_assert_eq!(parse(written.as_bytes()), Ok(cues));
        }
    }
}
