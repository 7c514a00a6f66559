//! The length that a file announces in its first and last bytes, where ffmpeg does not report it: it reads until
//! there is no more, and calls that the length.

use std::io::{self, Read, Seek, SeekFrom};

use crate::{Container, mpeg_audio};

/// The longest page of an Ogg file: its header, a table of 255 sizes, and 255 bytes for each of them (RFC 3533 §6).
const MAX_PAGE: u64 = 27 + 255 + 255 * 255;

/// Bytes behind an MP3's tag among which its first frame begins and counts the others; zeros may stand before it.
const FIRST_FRAME: u64 = 8 << 10;

/// The announced length of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    /// Nothing that ffmpeg would not tell. MPEG-TS, MPEG-PS, AAC and AC-3 never do: they were made to be joined in the
    /// middle, and left there.
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// So many µs.
    Us(i64),
    /// The sound continues after the announced last byte.
    More,
}

impl Announced {
    /// Reads what a file of so many bytes says, the first of which are known.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn read(
        file: &mut (impl Read + Seek),
        container: Container,
        head: &[u8],
        bytes: u64,
    ) -> io::Result<Self> {
        let mut part = |start: u64, length: u64| {
            let mut found = vec![];
            file.seek(SeekFrom::Start(start))?;
            file.by_ref().take(length).read_to_end(&mut found).map(|_| found)
        };
        Ok(match container {
            Container::Mp3 => {
                let first = part(mpeg_audio::tag_bytes(head).unwrap_or(0) as u64, FIRST_FRAME)?;
                let zeros = first.iter().take_while(|byte| **byte == 0).count();
                mpeg_audio::announced_us(&first[zeros..]).map_or(Self::Nothing, Self::Us)
            }
            Container::Ogg if goes_on(&part(bytes.saturating_sub(MAX_PAGE), MAX_PAGE)?) => Self::More,
            _ => in_head(container, head).map_or(Self::Nothing, Self::Bytes),
        })
    }
}

/// Length of the file by its own header. A tool that writes into a pipe does not know it.
fn in_head(container: Container, head: &[u8]) -> Option<u64> {
    match container {
        Container::W64 => head.get(16..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
        Container::Avi | Container::Wav => in_riff(head),
        Container::Asf => in_asf(head),
        Container::Mxf => in_mxf(head),
        _ => None,
    }
}

fn in_riff(head: &[u8]) -> Option<u64> {
    const UNKNOWN: u32 = 0x7FFF_0000;
    let size = u32::from_le_bytes(*head.strip_prefix(b"RIFF")?.first_chunk()?);
    (1..UNKNOWN).contains(&size).then_some(u64::from(size) + 8)
}

/// The field File Size of the File Properties Object, unless its flags say that the fields mean nothing (ASF §3.2).
fn in_asf(head: &[u8]) -> Option<u64> {
    const FILE_PROPERTIES: [u8; 16] =
        [0xA1, 0xDC, 0xAB, 0x8C, 0x47, 0xA9, 0xCF, 0x11, 0x8E, 0xE4, 0, 0xC0, 0x0C, 0x20, 0x53, 0x65];
    const BROADCAST: u8 = 1;
    // Behind the beginning of the Header Object, which has no more than this before its first child.
    let mut rest = head.get(30..)?;
    loop {
        let size = u64::from_le_bytes(*rest.get(16..)?.first_chunk()?);
        if rest.starts_with(&FILE_PROPERTIES) {
            let flags = *rest.get(88)?;
            let bytes = u64::from_le_bytes(*rest.get(40..)?.first_chunk()?);
            return (flags & BROADCAST == 0).then_some(bytes);
        }
        // An object is never shorter than its head, so that this ends.
        rest = rest.get(usize::try_from(size.max(24)).ok()?..)?;
    }
}

/// Where the footer partition begins: everything to be seen stands in front of it (SMPTE 377-1 §7.1). A file that is
/// still written has none.
fn in_mxf(head: &[u8]) -> Option<u64> {
    // The length of the pack is told in a byte, or in as many as the lower bits of that byte say (BER).
    let long = match head.get(16)? {
        byte if *byte < 0x80 => 0,
        byte => usize::from(byte & 0x7F),
    };
    let footer = u64::from_be_bytes(*head.get(17 + long + 24..)?.first_chunk()?);
    (footer > 0).then_some(footer)
}

/// Whether the last page of an Ogg file is not all there, or not the last of its stream (RFC 3533 §6).
fn goes_on(tail: &[u8]) -> bool {
    const END_OF_STREAM: u8 = 4;
    let Some(at) = tail.windows(5).rposition(|window| window == b"OggS\0") else { return false };
    let page = &tail[at..];
    let whole = page.get(26).and_then(|count| {
        let sizes = page.get(27..27 + usize::from(*count))?;
        let bytes = sizes.iter().map(|size| usize::from(*size)).sum::<usize>();
        page.get(27 + sizes.len()..)?.get(..bytes)
    });
    whole.is_none() || page[5] & END_OF_STREAM == 0
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::Announced::{Bytes, More, Nothing, Us};
    use super::*;

    fn announced(container: Container, file: &[u8]) -> Announced {
        let head = &file[..file.len().min(crate::HEAD)];
        Announced::read(&mut Cursor::new(file), container, head, file.len() as u64).unwrap()
    }

    fn check(container: Container, file: &[u8], expected: Announced) {
        assert_eq!(announced(container, file), expected, "{container:?} {file:x?}");
    }

    #[test]
    fn a_riff_file_says_how_long_it_is() {
        check(Container::Avi, b"RIFF\x10\x27\0\0AVI ", Bytes(10_008));
        check(Container::Wav, b"RIFF\xff\xff\xff\xffWAVE", Nothing);
        check(Container::Wav, b"RIFF\0\0\0\0WAVE", Nothing);
        check(Container::Wav, b"RIFF\x24\xf0\xff\x7fWAVE", Nothing);
        check(Container::Wav, b"RF64\xff\xff\xff\xffWAVE", Nothing);
        check(Container::Avi, b"RIFF\x10", Nothing);
        check(Container::W64, &[&[b'r'; 16][..], &[1, 1, 0, 0, 0, 0, 0, 0]].concat(), Bytes(257));
    }

    /// An ASF file whose properties stand behind another object.
    fn asf(flags: u8) -> Vec<u8> {
        let mut file = vec![0; 30];
        file.extend([[7; 16].as_slice(), &32_u64.to_le_bytes(), &[0; 8]].concat());
        file.extend([
            0xA1, 0xDC, 0xAB, 0x8C, 0x47, 0xA9, 0xCF, 0x11, 0x8E, 0xE4, 0, 0xC0, 0x0C, 0x20, 0x53, 0x65,
        ]);
        file.extend([&104_u64.to_le_bytes()[..], &[0; 16], &691_985_u64.to_le_bytes(), &[0; 40]].concat());
        file.extend([flags, 0, 0, 0]);
        file
    }

    #[test]
    fn an_asf_file_says_how_long_it_is_unless_it_is_sent_live() {
        check(Container::Asf, &asf(2), Bytes(691_985));
        check(Container::Asf, &asf(3), Nothing);
        check(Container::Asf, &asf(2)[..150], Nothing);
        check(Container::Asf, &[0; 4000], Nothing);
    }

    #[test]
    fn an_mxf_file_says_where_its_last_partition_is() {
        let pack = |length: &[u8], footer: u64| {
            [&[6; 16][..], length, &[0, 1, 0, 3, 0, 0, 2, 0], &[0; 16], &footer.to_be_bytes()].concat()
        };
        check(Container::Mxf, &pack(&[0x83, 0, 0, 0x68], 543_744), Bytes(543_744));
        check(Container::Mxf, &pack(&[0x68], 543_744), Bytes(543_744));
        check(Container::Mxf, &pack(&[0x68], 0), Nothing);
        check(Container::Mxf, &pack(&[0xFF], 543_744), Nothing);
    }

    #[test]
    fn an_mp3_counts_its_frames_behind_its_tag() {
        let mut frame = vec![0xFF, 0xFB, 0x94, 0x64];
        frame.resize(36, 0);
        frame.extend(b"Info\0\0\0\x01\0\0\x03\x43");
        frame.resize(500, 0);
        check(Container::Mp3, &frame, Us(20_040_000));
        let tag = |bytes: usize| {
            let size = [(bytes >> 14) as u8, (bytes >> 7 & 0x7F) as u8, (bytes & 0x7F) as u8];
            [b"ID3\x04\0\0\0", &size[..], &vec![0xFF; bytes]].concat()
        };
        // A cover is longer than what is read at first.
        for bytes in [0, 500, 200_000] {
            assert_eq!(
                announced(Container::Mp3, &[tag(bytes), vec![0; 20], frame.clone()].concat()),
                Us(20_040_000)
            );
        }
        check(Container::Mp3, &[0; 9000], Nothing);
    }

    #[test]
    fn an_ogg_file_goes_on_until_a_page_says_that_it_is_the_last() {
        let page = |flags: u8, sizes: &[u8]| {
            let mut page = [b"OggS\0", &[flags][..], &[0; 20], &[sizes.len() as u8], sizes].concat();
            page.extend(sizes.iter().flat_map(|size| vec![1; usize::from(*size)]));
            page
        };
        let (first, middle, last) = (page(2, &[30]), page(0, &[255; 255]), page(4, &[255, 7]));
        let whole = [&first[..], &middle, &middle, &last].concat();
        check(Container::Ogg, &whole, Nothing);
        check(Container::Ogg, &[&whole[..], b"some tag"].concat(), Nothing);
        for end in
            [whole.len() - 1, whole.len() - last.len() + 20, whole.len() - last.len(), whole.len() / 2, 20]
        {
            assert_eq!(announced(Container::Ogg, &whole[..end]), More, "{end}");
        }
        check(Container::Ogg, &[1; 100], Nothing);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(start in 0..6_usize, mut file: Vec<u8>) {
            let starts = [vec![], asf(0), b"OggS\0".to_vec(), b"RIFF".to_vec(), vec![0xFF, 0xFB, 0x94, 0x64], b"ID3\x04".to_vec()];
            file.splice(0..0, starts[start].iter().copied());
            for container in [Container::Asf, Container::Mxf, Container::Ogg, Container::Mp3, Container::W64, Container::Wav] {
                announced(container, &file);
            }
        }
    }
}
