//! Bytes of a file that nothing was read from, so that none of it is left out in silence: the packets that were found
//! against the bytes that there are.
//!
//! Where packets have times, those that are missing leave a gap in these, which is told where it is encoded. This is about
//! all others: other recordings behind the first, what stands behind the last packet, and sound whose time is only the
//! number of its packets.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use package::boxes::Header;

use super::scan;
use super::whole;
use crate::Container;

/// Read at once.
const BLOCK: usize = 1 << 18;

/// Boxes on the top level of an MP4 at most.
const MAX_BOXES: usize = 1 << 20;

/// Finds out what was not read of a file of so many bytes, in words for people.
///
/// # Errors
/// Of the file system.
pub(super) fn note(
    mut file: impl Read + Seek,
    (container, bytes): (Container, u64),
    reads: &[scan::Read],
) -> io::Result<Option<String>> {
    if container == Container::Mov {
        return Ok(second_movie(&mut file, bytes)?.map(|at| whole::appended(at, bytes)));
    }
    let reads = || reads.iter().copied();
    let spans = reads().filter_map(|read| read.span);
    let Some((first, end)) = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(None) };
    let end = end.min(bytes);
    if let Some(at) = appended(&mut file, container, end)? {
        return Ok(Some(whole::appended(at, bytes)));
    }
    let mut behind = bytes - end;
    if behind <= allowed_behind(container, bytes) || is_known(&mut file, container, end)? {
        behind = 0;
    }
    let read: u64 = reads().map(|read| read.bytes).fold(0, u64::saturating_add);
    let long = |n: usize| reads().map(|read| read.long[n]).fold(0, u64::saturating_add);
    let between = (end - first.min(end)).saturating_sub(read);
    let unread = match container {
        Container::Mp3 => between + long(0),
        Container::Ac3 | Container::Eac3 => between + long(1),
        Container::Aac => adts_unread(&mut file, first, end)?,
        Container::Flac => between,
        // Each packet has a head, and some writers fill up what is behind it.
        Container::Avi if between > bytes / 10 => between,
        _ => 0,
    };
    let unread = if unread > FEW + bytes / 100 { unread } else { 0 };
    let all = unread.saturating_add(behind).min(bytes);
    Ok((all > 0)
        .then(|| format!("{all} of the file's {bytes} bytes are neither picture nor sound that can be read")))
}

/// Bytes that nobody misses.
const FEW: u64 = 1 << 10;

/// Bytes that may stand behind the last packet: an index, padding, the rest of a packet in parts.
fn allowed_behind(container: Container, bytes: u64) -> u64 {
    match container {
        Container::Mp3 | Container::Aac | Container::Ac3 | Container::Eac3 | Container::Flac => {
            FEW + bytes / 100
        }
        _ => (64 << 10) + bytes / 100,
    }
}

/// Bytes between two places of a file of AAC that belong to no frame with another one behind it: ffmpeg may take some of
/// them for frames, and passes over those that are within (ISO 13818-7 §6.2).
fn adts_unread(file: &mut (impl Read + Seek), from: u64, end: u64) -> io::Result<u64> {
    const HEAD: usize = 7;
    const LONGEST: usize = (1 << 13) - 1;
    // Its own length, and what is the same in all frames.
    let frame = |bytes: &[u8]| {
        let [a, b, c, d, e, f, _] = *bytes.first_chunk::<HEAD>()?;
        let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        (a == 0xFF && b & 0xF6 == 0xF0 && length > HEAD).then_some((length, [b & 0xFE, c, d & 0xC0]))
    };
    file.seek(SeekFrom::Start(from))?;
    let mut file = BufReader::with_capacity(BLOCK, file.take(end.saturating_sub(from)));
    let (mut held, mut at, mut unread) = (vec![], 0, 0);
    loop {
        if held.len() - at < LONGEST + HEAD {
            held.drain(..at);
            at = 0;
            file.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
        }
        let Some(rest) = held.get(at..).filter(|rest| !rest.is_empty()) else { return Ok(unread) };
        let whole = frame(rest).filter(|(length, form)| match rest.get(*length..) {
            Some([]) => true,
            Some(next) => frame(next).is_some_and(|(_, next)| next == *form),
            None => false,
        });
        at += whole.map_or(1, |(length, _)| length);
        unread += u64::from(whole.is_none());
    }
}

/// What stands behind the packets of a file that is whole.
fn is_known(file: &mut (impl Read + Seek), container: Container, at: u64) -> io::Result<bool> {
    let mut found = vec![];
    file.seek(SeekFrom::Start(at))?;
    file.by_ref().take(16).read_to_end(&mut found)?;
    let begins = |known: &[&[u8]]| known.iter().any(|known| found.starts_with(known));
    Ok(match container {
        // Cues, tags, attachments, chapters, other heads of those, and padding (RFC 9559 §5.1).
        Container::Matroska => begins(&[
            b"\x1C\x53\xBB\x6B",
            b"\x12\x54\xC3\x67",
            b"\x19\x41\xA4\x69",
            b"\x10\x43\xA7\x70",
            b"\x11\x4D\x9B\x74",
            b"\xEC",
        ]),
        // A byte of padding may be in front.
        Container::Avi => {
            let chunks: [&[u8]; 4] = [b"idx1", b"JUNK", b"LIST", b"RIFF"];
            chunks.iter().any(|chunk| {
                found.starts_with(chunk) || found.get(1..).is_some_and(|rest| rest.starts_with(chunk))
            })
        }
        Container::Mp3 | Container::Aac | Container::Ac3 | Container::Eac3 | Container::Flac => {
            begins(&[b"TAG", b"APETAGEX", b"ID3", b"LYRICS", b"3DI"])
        }
        // The simple index (ASF §6.1), and the index object.
        Container::Asf => begins(&[b"\x90\x08\x00\x33\xB1\xE5\xCF\x11", b"\xD3\x29\xE2\xD6\xDA\x35\xD1\x11"]),
        Container::Mxf => begins(&[b"\x06\x0E\x2B\x34"]),
        // What is behind samples was looked at before.
        Container::Wav | Container::WavToEnd | Container::Aiff => true,
        _ => false,
    })
}

/// Where another file of that kind begins from that byte on.
fn appended(file: &mut (impl Read + Seek), container: Container, from: u64) -> io::Result<Option<u64>> {
    // What it begins with, and what follows so many bytes later, or at any place up to there.
    let (magic, then, within): (&[u8], &[&[u8]], usize) = match container {
        Container::Matroska => (b"\x1A\x45\xDF\xA3", &[b"matroska", b"webm"], 64),
        Container::Asf => (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C", &[b""], 16),
        Container::Avi => (b"RIFF", &[b"AVI "], 12),
        Container::W64 => (b"riff\x2E\x91\xCF\x11", &[b"wave\xF3\xAC\xD3\x11"], 32),
        _ => return Ok(None),
    };
    let reach = magic.len() + within;
    file.seek(SeekFrom::Start(from))?;
    let mut file = BufReader::with_capacity(BLOCK, file);
    // The end of what was read stays for the next look.
    let (mut held, mut at) = (vec![], from);
    loop {
        let before = held.len();
        file.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
        let is_last = held.len() == before;
        let follows = |start: usize| {
            let behind = held.get(start + magic.len()..held.len().min(start + within)).unwrap_or_default();
            then.iter()
                .any(|then| then.is_empty() || behind.windows(then.len()).any(|window| window == *then))
        };
        let found = held.windows(magic.len()).enumerate().filter(|(_, window)| *window == magic);
        if let Some((start, _)) = found.into_iter().find(|(start, _)| follows(*start)) {
            return Ok(Some(at + start as u64));
        }
        if is_last {
            return Ok(None);
        }
        let gone = held.len().saturating_sub(reach);
        held.drain(..gone);
        at += gone as u64;
    }
}

/// Where a second film with an index of its own begins in an MP4: at its own head, if it has one. Of fragments all are read.
fn second_movie(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<u64>> {
    let (mut at, mut movies, mut head) = (0, 0, None);
    let mut second = None;
    for _ in 0..MAX_BOXES {
        let mut header = vec![];
        file.seek(SeekFrom::Start(at))?;
        file.by_ref().take(Header::MAX_BYTES as u64).read_to_end(&mut header)?;
        let Ok(found) = Header::read("source", &header) else { break };
        let Some(length) = found.size_within(bytes.saturating_sub(at)) else { break };
        match &found.kind {
            b"moof" => return Ok(None),
            b"ftyp" if at > 0 => head = Some(at),
            b"moov" => {
                movies += 1;
                if movies == 2 {
                    second = head.or(Some(at));
                }
            }
            _ => {}
        }
        at += length;
    }
    Ok(second)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn read(span: (u64, u64), bytes: u64) -> [scan::Read; 1] {
        [scan::Read { span: Some(span), bytes, long: [0, 0] }]
    }

    fn check(container: Container, file: &[u8], found: ((u64, u64), u64), expected: Option<&str>) {
        let note = note(Cursor::new(file), (container, file.len() as u64), &read(found.0, found.1)).unwrap();
        assert_eq!(note.as_deref(), expected, "{container:?}");
    }

    const APPENDED: &str = "another recording was appended to the file, and 50 % of its bytes are left out: import it as a \
                            file of its own";

    #[test]
    fn sound_that_is_counted_is_read_to_the_last_byte() {
        let check = |read, expected| check(Container::Mp3, &[7; 100_000], read, expected);
        check(((300, 100_000), 99_700), None);
        check(((300, 99_000), 98_700), None);
        check(
            ((300, 100_000), 79_700),
            Some("20000 of the file's 100000 bytes are neither picture nor sound that can be read"),
        );
        check(
            ((300, 80_000), 79_700),
            Some("20000 of the file's 100000 bytes are neither picture nor sound that can be read"),
        );
    }

    #[test]
    fn frames_of_aac_follow_each_other() {
        let frame = |bytes: usize| {
            [
                &[0xFF, 0xF1, 0x4C, 0x80, (bytes >> 3) as u8, (bytes << 5) as u8 | 0x1F, 0xFC][..],
                &vec![1; bytes - 7],
            ]
            .concat()
        };
        let frames = frame(300).repeat(2000);
        let unread = |bytes: &[u8]| adts_unread(&mut Cursor::new(bytes), 0, bytes.len() as u64).unwrap();
        assert_eq!(unread(&frames), 0);
        assert_eq!(unread(&[&frames[..], &[7; 5000], &frames].concat()), 5300);
        assert_eq!(unread(&[]), 0);
    }

    #[test]
    fn a_tag_behind_the_sound_is_known() {
        let file = [&[7; 50_000][..], b"APETAGEX", &[1; 20_000]].concat();
        check(Container::Mp3, &file, ((0, 50_000), 50_000), None);
    }

    #[test]
    fn another_file_behind_the_last_packet_is_found() {
        let head = [&b"\x1A\x45\xDF\xA3\x01\0\0\0\0\0\0\x23\x42\x82\x88matroska"[..], &[5; 4000]].concat();
        let two = head.repeat(2);
        check(Container::Matroska, &two, ((100, 4000), 3900), Some(APPENDED));
        check(Container::Matroska, &two[..head.len() + 2], ((100, 4000), 3900), None);
        check(
            Container::Matroska,
            &[&head[..], &[0xEC; 200_000]].concat(),
            ((100, head.len() as u64), 3900),
            None,
        );
        let long = [&head[..], &vec![3; BLOCK - 10], &head].concat();
        let found = appended(&mut Cursor::new(&long), Container::Matroska, 100).unwrap();
        assert_eq!(found, Some((long.len() - head.len()) as u64));
        let garbage = [&head[..], &[3; 200_000]].concat();
        let told = format!(
            "200000 of the file's {} bytes are neither picture nor sound that can be read",
            garbage.len()
        );
        check(Container::Matroska, &garbage, ((100, head.len() as u64), 3900), Some(&told));
    }

    #[test]
    fn a_second_index_is_another_film() {
        let boxed = |kind: &[u8; 4], bytes: u32| {
            [&(bytes + 8).to_be_bytes()[..], kind, &vec![0; bytes as usize]].concat()
        };
        let film = [boxed(b"ftyp", 20), boxed(b"mdat", 2000), boxed(b"moov", 100)].concat();
        let check = |file: &[u8], expected| check(Container::Mov, file, ((0, 0), 0), expected);
        check(&film, None);
        check(&film.repeat(2), Some(APPENDED));
        check(&[film.repeat(2), boxed(b"moof", 9)].concat(), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0..8_usize, bytes: Vec<u8>, first: u64, end: u64, bytes_read: u64) {
            use Container::{Aac, Asf, Avi, Matroska, Mov, Mp3, Mxf, W64};
            let container = [Aac, Asf, Avi, Matroska, Mov, Mp3, Mxf, W64][kind];
            let _ = note(Cursor::new(&bytes), (container, bytes.len() as u64), &read((first, end), bytes_read));
        }
    }
}
