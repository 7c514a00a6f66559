//! From captions as a source has them to cues.

use package::webvtt::Cue;

use super::copied::Copied;
use super::words::Said;
use super::{ass, charset, subrip, tx3g};

/// Captions read from a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Its cues, in file order.
    pub(crate) cues: Vec<Cue>,
    /// Differences from the source, in words for people.
    pub(crate) notes: Vec<String>,
}

/// Reads captions in a language (BCP 47), `zero_ms` being where the title begins on the source's clock.
pub(crate) fn read(copied: &Copied, language: &str, zero_ms: i64) -> Read {
    let is_sample = copied.codec == "mov_text";
    let bytes = |packet: &[u8]| if is_sample { tx3g::text(packet) } else { packet }.to_vec();
    let texts: Vec<Vec<u8>> = copied.packets.iter().map(|packet| bytes(&packet.bytes)).collect();
    let slices: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let decoded = charset::decode(&slices, language);
    let mut read = Read::default();
    let mut without_time = copied.without_time;
    for (packet, text) in copied.packets.iter().zip(&decoded.texts) {
        let said = match copied.codec.as_str() {
            "ass" | "ssa" => ass::read(text),
            "webvtt" => Said { settings: "", text: text.clone() },
            "mov_text" => Said { settings: "", text: tx3g::styled(&packet.bytes, text) },
            _ => subrip::read(text),
        };
        // Captions that end before the title begins are left out; those that begin before are cut.
        let (start, end) = (packet.start_ms.saturating_sub(zero_ms), packet.end_ms.saturating_sub(zero_ms));
        let (Ok(start), Ok(end)) = (u64::try_from(start.max(0)), u64::try_from(end)) else { continue };
        match Cue::new(start, end, said.settings, &said.text) {
            // Signs are often drawn in layers that say the same.
            Some(cue) if read.cues.last() == Some(&cue) => {}
            Some(cue) => read.cues.push(cue),
            None => without_time += usize::from(start >= end && end > 0 && !said.text.trim().is_empty()),
        }
    }
    if let Some(encoding) = decoded.encoding {
        read.notes.push(format!("text that is not UTF-8 was read as {encoding}"));
    }
    match decoded.damaged {
        0 => {}
        1 => read.notes.push("1 caption has characters that cannot be read".to_owned()),
        n => read.notes.push(format!("{n} captions have characters that cannot be read")),
    }
    match without_time {
        0 => {}
        1 => read.notes.push("1 caption has no time at which it is shown, and is left out".to_owned()),
        n => read.notes.push(format!("{n} captions have no time at which they are shown, and are left out")),
    }
    if copied.more {
        read.notes.push(format!("only the first {} captions are shown", copied.packets.len()));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::copied::Packet;
    use super::*;

    fn check(codec: &str, packets: &[(i64, i64, &[u8])], expected: &str, notes: &[&str]) {
        let packet = |(start_ms, end_ms, bytes): &(i64, i64, &[u8])| Packet {
            start_ms: *start_ms,
            end_ms: *end_ms,
            bytes: bytes.to_vec(),
        };
        let packets = packets.iter().map(packet).collect();
        let copied = Copied { codec: codec.to_owned(), packets, ..Copied::default() };
        let found = read(&copied, "fr", 1000);
        assert_eq!(package::webvtt::write(&found.cues), format!("WEBVTT\n\n{expected}"));
        assert_eq!(found.notes, notes);
    }

    #[test]
    fn captions_of_every_codec_become_cues() {
        let cue = |text: &str| format!("00:00:01.000 --> 00:00:02.000\n{text}\n\n");
        let one = |codec, bytes: &[u8], text| check(codec, &[(2000, 3000, bytes)], &cue(text), &[]);
        one("subrip", b"<i>a</i> & <plain>", "<i>a</i> &amp; &lt;plain&gt;");
        one("text", b"a & b", "a &amp; b");
        one("webvtt", b"<v Ann>a</v> &amp; b", "<v Ann>a</v> &amp; b");
        one("ass", b"0,0,Default,,0,0,0,,{\\i1}a{\\i0} & <plain>", "<i>a</i> &amp; &lt;plain&gt;");
        one("mov_text", b"\0\x05a & b", "a &amp; b");
        one("mov_text", b"\0\x06\xfe\xff\0a\0b", "ab");
    }

    #[test]
    fn whatever_cannot_be_read_is_told() {
        check(
            "subrip",
            &[(2000, 3000, b"plain first"), (3000, 4000, b"\xe7a \xe9 \xe9t\xe9 ")],
            "00:00:01.000 --> 00:00:02.000\nplain first\n\n00:00:02.000 --> 00:00:03.000\nça é été\n\n",
            &["text that is not UTF-8 was read as windows-1252"],
        );
        check(
            "subrip",
            &[(2000, 3000, "déjà".as_bytes()), (3000, 4000, b"\xc3\xa9\xff"), (5000, 5000, b"when?")],
            "00:00:01.000 --> 00:00:02.000\ndéjà\n\n00:00:02.000 --> 00:00:03.000\né\u{fffd}\n\n",
            &[
                "1 caption has characters that cannot be read",
                "1 caption has no time at which it is shown, and is left out",
            ],
        );
    }

    #[test]
    fn layers_that_say_the_same_are_shown_once_and_what_is_over_is_not_shown() {
        let sign = b"0,0,Sign,,0,0,0,,{\\blur2}STATION";
        let above = b"1,1,Sign,,0,0,0,,{\\bord0}STATION";
        check(
            "ass",
            &[(0, 900, b"0,0,D,,0,0,0,,over"), (500, 2000, sign), (500, 2000, above)],
            "00:00:00.000 --> 00:00:01.000\nSTATION\n\n",
            &[],
        );
    }
}
