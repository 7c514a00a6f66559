//! Timed text of MP4 (3GPP TS 26.245 §5.17): a length, the text, and boxes with the styles of its parts.

use super::words::{Style, Words};

/// Parts of a text that have a style of their own, at most.
const MAX_STYLES: usize = 256;

/// The bytes of a sample's text; what is shorter than it says is taken as far as it goes.
pub(super) fn text(sample: &[u8]) -> &[u8] {
    let Some((length, rest)) = sample.split_first_chunk() else { return &[] };
    &rest[..rest.len().min(usize::from(u16::from_be_bytes(*length)))]
}

/// The text with the styles that the sample gives its parts, as cue text of WebVTT.
pub(super) fn styled(sample: &[u8], text: &str) -> String {
    let styles = styles(sample);
    let mut words = Words::default();
    for (n, c) in text.trim_end().chars().enumerate() {
        let style = styles.iter().find(|(range, _)| range.contains(&n));
        words.style = style.map(|(_, style)| *style).unwrap_or_default();
        match c {
            '\n' | '\r' => words.line(),
            c => words.push(c),
        }
    }
    words.finish()
}

/// The records of the sample's boxes `styl`: which characters, and how they look.
fn styles(sample: &[u8]) -> Vec<(std::ops::Range<usize>, Style)> {
    const RECORD: usize = 12;
    let mut found = vec![];
    let mut boxes = sample.get(2 + text(sample).len()..).unwrap_or_default();
    while let Some((head, _)) = boxes.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(body) = boxes.get(8..size) else { break };
        if &head[4..] == b"styl" {
            // A count of two bytes stands in front of them.
            let records = body.get(2..).unwrap_or_default().chunks_exact(RECORD);
            found.extend(records.take(MAX_STYLES - found.len().min(MAX_STYLES)).map(|record| {
                let number = |at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
                let flags = record[6];
                let style =
                    Style { bold: flags & 1 != 0, italic: flags & 2 != 0, underlined: flags & 4 != 0 };
                (number(0)..number(2), style)
            }));
        }
        boxes = &boxes[size..];
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(text: &[u8], records: &[(u16, u16, u8)]) -> Vec<u8> {
        let mut sample = [&(text.len() as u16).to_be_bytes()[..], text].concat();
        let size = 10 + 12 * records.len() as u32;
        sample.extend([&size.to_be_bytes()[..], b"styl", &(records.len() as u16).to_be_bytes()].concat());
        for (from, to, flags) in records {
            sample.extend(
                [&from.to_be_bytes()[..], &to.to_be_bytes(), &[0, 1, *flags, 18], &[255; 4]].concat(),
            );
        }
        sample
    }

    #[test]
    fn parts_have_their_styles() {
        let bytes = sample("Où & <là>\nici".as_bytes(), &[(0, 2, 2), (5, 9, 5)]);
        let words = std::str::from_utf8(text(&bytes)).unwrap();
        assert_eq!(styled(&bytes, words), "<i>Où</i> &amp; <b><u>&lt;là&gt;</u></b>\nici");
        assert_eq!((text(b"\0\x09four"), text(b"\0"), text(b"\0\0")), (&b"four"[..], &b""[..], &b""[..]));
    }

    proptest! {
        #[test]
        fn any_sample_is_read(start in any::<bool>(), mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if start {
                bytes.splice(0..0, sample(b"Hi", &[(0, 9, 7)]));
            }
            let words = String::from_utf8_lossy(text(&bytes)).into_owned();
            let _ = styled(&bytes, &words);
        }
    }
}
