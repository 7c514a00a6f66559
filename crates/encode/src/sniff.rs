//! The type of a file, from its first bytes; decides which of ffmpeg's readers may open it at all.
//!
//! ffmpeg's own guessing would open playlists, session descriptions, texts and images; only a container on this
//! list is ever given to it, by name.

mod other;

use package::boxes::Header;

use crate::{Container, Rejection, mpeg_audio};

/// Bytes of a file that [`sniff`] wants to see (fewer are fine if the file has no more).
pub const HEAD: usize = 64 << 10;

/// Recognises a container by the first bytes of a file: up to [`HEAD`] of them.
///
/// # Errors
/// The rejection for another type, or [`Rejection::Unknown`].
pub fn sniff(head: &[u8]) -> Result<Container, Rejection> {
    if head.is_empty() {
        return Err(Rejection::Empty);
    }
    if let Some(found) = with_signature(head) {
        return Ok(found);
    }
    // Texts are told before the containers that have no signature but a rhythm of sync bytes.
    if let Some(rejection) = other::recognise(head) {
        return Err(rejection);
    }
    without_signature(head).ok_or(Rejection::Unknown)
}

fn with_signature(head: &[u8]) -> Option<Container> {
    let at = |offset: usize, text: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(text));
    let ebml = |head: &[u8]| {
        let types: [&[u8]; 2] = [b"matroska", b"webm"];
        types.iter().any(|name| contains(&head[..head.len().min(256)], name))
    };
    Some(match head {
        _ if is_mov(head) => Container::Mov,
        [0x1A, 0x45, 0xDF, 0xA3, ..] if ebml(head) => Container::Matroska,
        [b'R', b'I', b'F', b'F' | b'X', ..] if at(8, b"AVI ") => Container::Avi,
        [b'R' | b'B', b'I' | b'F' | b'W', b'F' | b'6', b'F' | b'4' | b'X', ..] if at(8, b"WAVE") => {
            Container::Wav
        }
        [b'r', b'i', b'f', b'f', 0x2E, 0x91, 0xCF, 0x11, ..] => Container::W64,
        [b'F', b'O', b'R', b'M', ..] if at(8, b"AIFF") || at(8, b"AIFC") => Container::Aiff,
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => Container::Asf,
        [b'F', b'L', b'V', 1, ..] => Container::Flv,
        [b'O', b'g', b'g', b'S', 0, ..] => Container::Ogg,
        [b'f', b'L', b'a', b'C', ..] => Container::Flac,
        // A partition pack may follow a run-in of up to 64 KiB (SMPTE 377-1 §6.5); cameras write none.
        [0x06, 0x0E, 0x2B, 0x34, 0x02, 0x05, 0x01, 0x01, 0x0D, 0x01, 0x02, ..] => Container::Mxf,
        [0, 0, 1, 0xBA, ..] => Container::MpegPs,
        [b'I', b'D', b'3', ..] => return tagged(head),
        _ => return None,
    })
}

/// ISO 14496-12 §4.2: boxes of known types from the first byte on.
fn is_mov(head: &[u8]) -> bool {
    let header = |at: usize| Header::read("source", head.get(at..)?).ok();
    let Some(first) = header(0) else { return false };
    match &first.kind {
        // Images are in the same kind of box; what they are, their brand tells.
        b"ftyp" => !other::is_image_brand(head),
        b"moov" | b"mdat" | b"wide" | b"pnot" | b"styp" | b"moof" => true,
        // Padding is allowed first, but says nothing alone.
        b"free" | b"skip" | b"uuid" | b"sidx" => {
            let end = first.size.and_then(|size| usize::try_from(size).ok());
            let next = end.and_then(header).map(|next| next.kind);
            next.is_some_and(|kind| {
                matches!(&kind, b"ftyp" | b"moov" | b"mdat" | b"moof" | b"free" | b"wide")
            })
        }
        _ => false,
    }
}

/// The type after an ID3v2 tag: MPEG audio, unless it says otherwise.
fn tagged(head: &[u8]) -> Option<Container> {
    match head.get(mpeg_audio::tag_bytes(head)?..) {
        Some(rest) if rest.len() >= 16 => match rest {
            [b'f', b'L', b'a', b'C', ..] => Some(Container::Flac),
            // Zero padding after the tag is common.
            _ => without_signature(rest).or(Some(Container::Mp3)).filter(|found| is_elementary(*found)),
        },
        // A tag with a large cover hides what follows; only MPEG audio is usually written so.
        _ => Some(Container::Mp3),
    }
}

fn is_elementary(container: Container) -> bool {
    matches!(container, Container::Mp3 | Container::Aac | Container::Ac3 | Container::Eac3)
}

/// Streams that only a repeated sync word gives away.
fn without_signature(head: &[u8]) -> Option<Container> {
    if is_ts(head) {
        return Some(Container::MpegTs);
    }
    if chain(head, adts_frame) {
        return Some(Container::Aac);
    }
    if let Some(kind) = ac3(head) {
        return Some(kind);
    }
    if chain(head, mpeg_audio_frame) {
        return Some(Container::Mp3);
    }
    // A program stream that was cut starts in the middle of a packet.
    let pack =
        head.windows(5).take(8192).any(|w| w[..4] == [0, 0, 1, 0xBA] && matches!(w[4] >> 4, 2 | 4..=7));
    pack.then_some(Container::MpegPs)
}

/// ISO 13818-1 §2.4.3: 0x47 every 188 bytes (192 with time codes, 204 with parity), from somewhere near the start.
fn is_ts(head: &[u8]) -> bool {
    const PACKETS: usize = 5;
    [188_usize, 192, 204].into_iter().any(|size| {
        let starts = 0..(size * 8).min(head.len());
        starts.into_iter().any(|start| {
            let packets = head.get(start..).unwrap_or_default().chunks(size).take(PACKETS);
            let whole = packets.clone().count();
            let enough = whole == PACKETS
                || (start == 0 && size == 188 && whole >= 2 && head.len().is_multiple_of(188));
            enough && packets.into_iter().all(|packet| packet[0] == 0x47)
        })
    })
}

/// Whether frames follow each other from the first byte: three, or all there are if the file is shorter.
fn chain(head: &[u8], length: fn(&[u8]) -> Option<usize>) -> bool {
    let mut rest = head;
    for frame in 0..3 {
        match length(rest) {
            Some(length) if length < rest.len() => rest = &rest[length..],
            Some(length) if length == rest.len() => return true,
            Some(_) => return frame > 1,
            None => return false,
        }
    }
    true
}

/// Length of an ADTS frame (ISO 13818-7 §6.2).
fn adts_frame(bytes: &[u8]) -> Option<usize> {
    let &[0xFF, second, third, b3, b4, b5, ..] = bytes else { return None };
    let length = usize::from(b3 & 3) << 11 | usize::from(b4) << 3 | usize::from(b5 >> 5);
    (second & 0xF6 == 0xF0 && third >> 2 & 0xF < 13 && length > 7).then_some(length)
}

/// Length of a frame of MPEG audio.
fn mpeg_audio_frame(bytes: &[u8]) -> Option<usize> {
    mpeg_audio::Header::read(bytes).map(|header| header.length)
}

/// AC-3 or E-AC-3 sync frames (ETSI TS 102 366 §5.3, annex E).
fn ac3(head: &[u8]) -> Option<Container> {
    let &[0x0B, 0x77, _, _, _, id, ..] = head else { return None };
    match id >> 3 {
        0..=10 => Some(Container::Ac3),
        11..=16 => Some(Container::Eac3),
        _ => None,
    }
}

/// Whether `needle` occurs in `hay`.
fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of this header, repeated at this distance.
    fn frames(header: &[u8], length: usize, count: usize) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(length, 0x55);
        frame.repeat(count)
    }

    #[test]
    fn containers_are_known_by_their_first_bytes() {
        let check = |head: &[u8], container| assert_eq!(sniff(head), Ok(container), "{:?}", &head[..8]);
        check(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", Container::Mov);
        check(b"\0\0\0\x08wide\0\0\x10\0mdat", Container::Mov);
        check(b"\0\0\0\x08free\0\0\x10\0moov", Container::Mov);
        check(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", Container::Mov);
        check(b"\0\0\0\x01free\0\0\0\0\0\0\0\x11x\0\0\x10\0moov", Container::Mov);
        check(b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", Container::Matroska);
        check(b"RIFF\x10\0\0\0AVI LIST", Container::Avi);
        check(b"RIFF\x10\0\0\0WAVEfmt ", Container::Wav);
        check(b"RF64\xff\xff\xff\xffWAVEds64", Container::Wav);
        check(b"BW64\xff\xff\xff\xffWAVEds64", Container::Wav);
        check(b"OggS\0\x02\0\0\0\0", Container::Ogg);
        check(b"fLaC\0\0\0\x22", Container::Flac);
        check(b"FLV\x01\x05\0\0\0\x09", Container::Flv);
        check(b"FORM\0\0\0\x10AIFCFVER", Container::Aiff);
        check(b"\0\0\x01\xba\x44\0\x04\0", Container::MpegPs);
        check(b"ID3\x04\0\0\0\0\x7f\x7f and a large cover", Container::Mp3);
        check(&frames(&[0xFF, 0xFB, 0x90, 0x64], 417, 3), Container::Mp3);
        check(&frames(&[0xFF, 0xF1, 0x50, 0x80, 0x20, 0x1F, 0xFC], 256, 3), Container::Aac);
        check(&frames(&[0x0B, 0x77, 0, 0, 0x14, 0x40], 512, 2), Container::Ac3);
        check(&frames(&[0x47, 0x40, 0x11, 0x10], 188, 6), Container::MpegTs);
        check(&frames(&[0, 0, 0, 0, 0x47, 0x40], 192, 9), Container::MpegTs);
        check(&[&[1, 2, 3][..], &frames(&[0x47, 0x40, 0x11, 0x10], 188, 6)].concat(), Container::MpegTs);
    }

    #[test]
    fn padding_alone_is_no_container() {
        assert!(sniff(b"\0\0\0\0free").is_err(), "to the end of the file");
        assert!(sniff(b"\0\0\0\x08free").is_err(), "and nothing behind it");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in 0..24_usize, mut head: Vec<u8>) {
            const STARTS: [&[u8]; 24] = [
                b"", b"ID3", b"RIFF", b"\0\0\0\x08free", b"\x1a\x45\xdf\xa3", b"PK\x03\x04", b"<", b"<?xml", b"v=0\n",
                b"\xff\xfe", b"\xfe\xff", b"\xff\xf1", b"\xff\xfb", b"\x0b\x77", b"\x47", b"\0\0\x01\xba", b"1\n",
                b"\0\0\0\x20ftyp", b"FORM", b"OggS", b"\xef\xbb\xbf", b"#", b"file ", b"\0\0\0\x0cJXL ",
            ];
            head.splice(0..0, STARTS[start].iter().copied());
            let _ = sniff(&head);
        }

        #[test]
        fn no_text_is_a_container(text in "[a-zA-Z0-9 #<>:/=\n\\[\\]{}äöü-]{1,400}") {
            proptest::prop_assert!(sniff(text.as_bytes()).is_err());
        }
    }
}
