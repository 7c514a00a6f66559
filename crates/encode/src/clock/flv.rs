//! Times of a Flash video file (Adobe Flash Video File Format 10.1, Annex E), also of files that were appended to each
//! other.
//!
//! ffmpeg takes the header of a file behind another one for a tag of millions of bytes, and passes over as much. In a
//! copy it becomes a tag of a kind that no reader knows, together with the metadata behind it: those describe that file,
//! not the whole.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::{Shifts, Stamp};

/// First bytes of a file.
const SIGNATURE: &[u8] = b"FLV\x01";
/// Bytes of a file's header; it says itself how many there are.
const FILE_HEAD: u64 = 9;
/// Bytes of a tag's head.
const HEAD: u64 = 11;
/// Bytes behind a head or a tag that say how long the one before was.
const BEHIND: u64 = 4;
/// Bytes of the shortest tag.
const EMPTY: u64 = HEAD + BEHIND;
/// The longest tag's payload.
const MAX_PAYLOAD: u64 = (1 << 24) - 1;
/// Bytes of a tag that are looked at: its head, and what its payload begins with.
const LOOK: usize = HEAD as usize + 5;
/// Read at once.
const BLOCK: usize = 1 << 18;

/// Bytes of what decoders need to know that are compared.
const MAX_FORM: usize = 4 << 10;

/// Codecs whose tags begin with a head, and what they are then.
const AVC: u8 = 7;
const HEVC: u8 = 12;
const AAC: u8 = 10;
const SEQUENCE_HEADER: u8 = 0;
const CODED: u8 = 1;

/// Kinds of tags.
const SOUND: u8 = 8;
const PICTURE: u8 = 9;
const SCRIPT: u8 = 18;
/// Not in use: readers pass over it.
const COVER: u8 = 6;

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// The header of a file.
    Header,
    /// A tag.
    Tag([u8; LOOK]),
    /// A tag in which a header stands: its recording was broken off.
    Broken,
}

/// Walks a file from unit to unit.
struct Walk<F> {
    file: BufReader<F>,
    /// Where the next unit begins.
    at: u64,
    bytes: u64,
}

impl<F: Read + Seek> Walk<F> {
    fn new(mut file: F) -> io::Result<Self> {
        let bytes = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file: BufReader::with_capacity(BLOCK, file), at: 0, bytes })
    }

    /// The next unit, and where it begins and ends; `None` behind the last.
    fn next(&mut self) -> io::Result<Option<(Unit, u64, u64)>> {
        let at = self.at;
        let mut look = [0; LOOK];
        let there = usize::try_from(self.bytes - at).unwrap_or(LOOK).min(LOOK);
        if (there as u64) < HEAD {
            return Ok(None);
        }
        self.part(at, &mut look[..there])?;
        if let Some(length) = header(&look) {
            return Ok(Some(self.found(Unit::Header, at + length)));
        }
        let end = at + tag_bytes(&look);
        let mut behind = [0; BEHIND as usize];
        let is_whole = end <= self.bytes && {
            self.part(end - BEHIND, &mut behind)?;
            u64::from(u32::from_be_bytes(behind)) == end - BEHIND - at
        };
        if !is_whole && let Some(header) = self.header_within(at + 1, end)? {
            return Ok(Some(self.found(Unit::Broken, header)));
        }
        Ok(Some(self.found(Unit::Tag(look), end)))
    }

    fn found(&mut self, unit: Unit, end: u64) -> (Unit, u64, u64) {
        let at = std::mem::replace(&mut self.at, end.min(self.bytes));
        (unit, at, self.at)
    }

    fn part(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let here = self.file.stream_position()?;
        self.file.seek_relative(i64::try_from(at).unwrap_or(i64::MAX) - i64::try_from(here).unwrap_or(0))?;
        self.file.read_exact(into)
    }

    /// The form of pictures or sound by a tag: their codec, and what decoders need to know; `None` where it says nothing
    /// of that.
    fn form(&mut self, at: u64, look: &[u8; LOOK]) -> io::Result<Option<Vec<u8>>> {
        let [first, second, ..] = look[HEAD as usize..] else { return Ok(None) };
        let payload = tag_bytes(look) - HEAD - BEHIND;
        let (has_head, codec) = match kind(look) {
            _ if payload == 0 => return Ok(None),
            PICTURE => (matches!(first & 0x0F, AVC | HEVC), first & 0x0F),
            SOUND => (first >> 4 == AAC, first),
            _ => return Ok(None),
        };
        if !has_head {
            return Ok(Some(vec![codec]));
        }
        if second != SEQUENCE_HEADER || payload < 2 {
            return Ok(None);
        }
        let length = usize::try_from(payload).unwrap_or(0).min(MAX_FORM);
        let there = usize::try_from(self.bytes - at - HEAD).unwrap_or(length);
        let mut form = vec![0; length.min(there)];
        self.part(at + HEAD, &mut form)?;
        Ok(Some(form))
    }

    /// Where a file's header stands that begins between these bytes.
    fn header_within(&mut self, start: u64, end: u64) -> io::Result<Option<u64>> {
        // It may end behind the last of them.
        let length = (end + FILE_HEAD - 1).min(self.bytes).saturating_sub(start);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.part(start, &mut bytes)?;
        let at = bytes.windows(FILE_HEAD as usize).position(|window| header(window).is_some());
        Ok(at.map(|at| start + at as u64))
    }
}

/// Bytes of the header of a file that begins with these, and of the number behind it.
fn header(bytes: &[u8]) -> Option<u64> {
    let [flags, offset @ ..] = bytes.strip_prefix(SIGNATURE)?.first_chunk::<5>()?;
    // Bits in front of, between and behind those that tell of sound and pictures are reserved.
    let offset = u64::from(u32::from_be_bytes(*offset));
    (flags & !5 == 0 && (FILE_HEAD..=MAX_PAYLOAD).contains(&offset)).then_some(offset + BEHIND)
}

/// Bytes of a tag, and of the number behind it.
fn tag_bytes(look: &[u8; LOOK]) -> u64 {
    HEAD + u64::from(u32::from_be_bytes([0, look[1], look[2], look[3]])) + BEHIND
}

fn kind(look: &[u8; LOOK]) -> u8 {
    look[0] & 0x1F
}

/// When a tag is decoded, in ms; the upper byte comes last.
fn time(look: &[u8; LOOK]) -> u32 {
    u32::from_be_bytes([look[7], look[4], look[5], look[6]])
}

/// How much later than it is decoded a tag is shown, in ms; `None` where nothing of it is shown or heard.
fn delay(look: &[u8; LOOK]) -> Option<i64> {
    let [first, second, a, b, c] = *look.last_chunk()?;
    let payload = tag_bytes(look) - HEAD - BEHIND;
    match (kind(look), first & 0x0F, first >> 4) {
        _ if payload == 0 => None,
        (PICTURE, AVC | HEVC, _) => {
            let delay = i64::from(i32::from_be_bytes([a, b, c, 0]) >> 8);
            (second == CODED && payload > 5).then_some(delay)
        }
        (SOUND, _, AAC) => (second == CODED && payload > 2).then_some(0),
        (PICTURE | SOUND, ..) => Some(0),
        _ => None,
    }
}

/// Files behind the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Where those begin that cannot be continued with, because their pictures or sound have another form.
    pub(crate) foreign: Option<u64>,
}

/// Looks for files behind the first one.
///
/// # Errors
/// Of the file system.
pub(crate) fn appended(file: impl Read + Seek) -> io::Result<Option<Appended>> {
    let mut walk = Walk::new(file)?;
    let mut found = None;
    // Of sounds and of pictures.
    let mut forms: [Option<Vec<u8>>; 2] = [None, None];
    // Where the current file begins, with the rest of a tag that was broken off, and where its header ends.
    let mut opened: Option<(u64, u64)> = None;
    let mut file_from = 0;
    while let Some((unit, at, end)) = walk.next()? {
        let look = match unit {
            Unit::Tag(look) => look,
            Unit::Header if at == 0 => continue,
            Unit::Header | Unit::Broken => {
                opened = Some((opened.map_or(at, |(from, _)| from), end));
                continue;
            }
        };
        let mut is_other = false;
        if let Some((from, header)) = opened.take() {
            found = Some(Appended { foreign: None });
            // A header alone is too short to be covered.
            (file_from, is_other) = (from, kind(&look) != SCRIPT && header - from < EMPTY);
        }
        if let Some(form) = walk.form(at, &look)? {
            let known = &mut forms[usize::from(kind(&look) == PICTURE)];
            is_other |= file_from > 0 && known.as_ref().is_some_and(|known| *known != form);
            known.get_or_insert(form);
        }
        if is_other {
            return Ok(Some(Appended { foreign: Some(file_from) }));
        }
    }
    Ok(found)
}

/// Tells of all tags up to a byte that are shown or heard, also of files behind the first one.
///
/// # Errors
/// Of the file system, as `failed` makes them, and those of `each`.
pub(crate) fn stamps<E>(
    file: impl Read + Seek,
    until: u64,
    failed: impl Fn(io::Error) -> E,
    mut each: impl FnMut(&Stamp) -> Result<(), E>,
) -> Result<(), E> {
    /// A longer time is a pause, not how long a picture is shown.
    const LONG_MS: i64 = 1000;
    let mut walk = Walk::new(file).map_err(&failed)?;
    // Of sounds and of pictures: the last tag, and how long the one before it lasted.
    let mut last: [Option<Stamp>; 2] = [None, None];
    let mut durations = [0; 2];
    while let Some((unit, from, _)) = walk.next().map_err(&failed)? {
        if from >= until {
            break;
        }
        let Unit::Tag(look) = unit else { continue };
        let Some(delay) = delay(&look) else { continue };
        let is_picture = kind(&look) == PICTURE;
        let (n, dts) = (usize::from(is_picture), i64::from(time(&look)));
        let id = u32::from(kind(&look));
        if let Some(before) = last[n] {
            let passed = dts - before.dts;
            if (1..LONG_MS).contains(&passed) {
                durations[n] = passed;
            }
        }
        let stamp = Stamp { id, is_picture, pts: dts + delay, dts, duration: durations[n], from };
        last[n] = Some(stamp);
        each(&stamp)?;
    }
    Ok(())
}

/// Moves the times of all tags, and makes one file of those that were appended to each other, or hides those that cannot
/// be continued with; `write` changes bytes at a place in the file.
///
/// # Errors
/// Of the file system.
pub(super) fn set(
    mut file: impl Read + Seek,
    shifts: Shifts<'_>,
    mut write: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let foreign = appended(&mut file)?.and_then(|appended| appended.foreign);
    let mut walk = Walk::new(file)?;
    // Where something begins that is to be covered, and where a header in it ends.
    let mut open: Option<(u64, u64)> = None;
    while let Some((unit, at, end)) = walk.next()? {
        if foreign.is_some_and(|foreign| at >= foreign) {
            return cover(at, walk.bytes, &mut write);
        }
        match unit {
            Unit::Header if at == 0 => {}
            Unit::Header | Unit::Broken => open = Some((open.map_or(at, |(from, _)| from), end)),
            Unit::Tag(look) => {
                let is_script = kind(&look) == SCRIPT;
                if let Some((from, header)) = open.take() {
                    // The number behind a header is the end of a tag that begins in front of it.
                    cover(from, if is_script { end } else { header }, &mut write)?;
                }
                let ticks = shifts.of(u32::from(kind(&look)), at + HEAD);
                if ticks != 0 && matches!(kind(&look), SOUND | PICTURE) {
                    let moved = i64::from(time(&look)).wrapping_add(ticks).rem_euclid(1 << 32);
                    let [upper, rest @ ..] = u32::try_from(moved).unwrap_or(0).to_be_bytes();
                    write(at + 4, &[&rest[..], &[upper]].concat())?;
                }
            }
        }
    }
    Ok(())
}

/// Makes tags that nobody reads of everything between two places; nothing where that is too little for one.
fn cover(mut from: u64, end: u64, mut write: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    while end.saturating_sub(from) >= EMPTY {
        // What is left is enough for another one, or nothing.
        let rest = end - from - EMPTY;
        let payload = if rest > MAX_PAYLOAD { (rest - EMPTY).min(MAX_PAYLOAD) } else { rest };
        let number = |bytes: u64| u32::try_from(bytes).unwrap_or(0).to_be_bytes();
        let [_, size @ ..] = number(payload);
        write(from, &[&[COVER][..], &size, &[0; 7]].concat())?;
        from += EMPTY + payload;
        write(from - BEHIND, &number(HEAD + payload))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use model::media::Piece;

    use super::*;

    const HEADER: &[u8] = b"FLV\x01\x05\0\0\0\x09\0\0\0\0";

    fn tag(kind: u8, time: u32, payload: &[u8]) -> Vec<u8> {
        let ([upper, a, b, c], bytes) = (time.to_be_bytes(), payload.len() as u8);
        [&[kind, 0, 0, bytes, a, b, c, upper, 0, 0, 0][..], payload, &[0, 0, 0, 11 + bytes]].concat()
    }

    fn film(time: u32) -> Vec<u8> {
        let script = tag(SCRIPT, 0, b"onMetaData");
        [HEADER, &script, &tag(PICTURE, time, b"\x22abc"), &tag(SOUND, time + 40, b"\xaf\x01abc")].concat()
    }

    fn set_in(bytes: &[u8], pieces: &[Piece]) -> Vec<u8> {
        let mut after = bytes.to_vec();
        let change = |at: u64, new: &[u8]| {
            after[at as usize..at as usize + new.len()].copy_from_slice(new);
            Ok(())
        };
        set(Cursor::new(bytes), Shifts(pieces), change).unwrap();
        after
    }

    fn stamps_of(bytes: &[u8]) -> Vec<Stamp> {
        let mut found = vec![];
        let keep = |stamp: &Stamp| {
            found.push(*stamp);
            Ok(())
        };
        stamps(Cursor::new(bytes), u64::MAX, std::convert::identity, keep).unwrap();
        found
    }

    #[test]
    fn every_tag_is_moved() {
        let pieces = [Piece { from: 20, starts: vec![], ticks: 0x12_0000 }];
        assert_eq!(set_in(&film(0x12_3456), &pieces), film(0x24_3456));
        assert_eq!(set_in(&film(0x12_3456), &[]), film(0x12_3456));
    }

    #[test]
    fn files_behind_the_first_become_one_with_it() {
        let (one, two) = (film(0), [film(0), film(7)].concat());
        assert_eq!(appended(Cursor::new(&one)).unwrap(), None);
        assert_eq!(appended(Cursor::new(&two)).unwrap(), Some(Appended { foreign: None }));
        let times: Vec<i64> = stamps_of(&two).iter().map(|stamp| stamp.dts).collect();
        assert_eq!(times, [0, 40, 7, 47]);
        let after = set_in(&two, &[]);
        assert_eq!(appended(Cursor::new(&after)).unwrap(), None);
        let kinds = |bytes: &[u8]| {
            let (mut walk, mut kinds) = (Walk::new(Cursor::new(bytes)).unwrap(), vec![]);
            while let Some((unit, ..)) = walk.next().unwrap() {
                kinds.push(if let Unit::Tag(look) = unit { kind(&look) } else { 0 });
            }
            kinds
        };
        assert_eq!(kinds(&after), [0, SCRIPT, PICTURE, SOUND, COVER, PICTURE, SOUND]);
        // A tag that was broken off is covered as well, also where no script follows.
        let broken = &one[..one.len() - 6];
        let after = set_in(&[broken, &film(7)].concat(), &[]);
        assert_eq!(kinds(&after), [0, SCRIPT, PICTURE, COVER, PICTURE, SOUND]);
        let after = set_in(&[broken, HEADER, &tag(PICTURE, 9, b"\x22a")].concat(), &[]);
        assert_eq!(kinds(&after), [0, SCRIPT, PICTURE, COVER, PICTURE]);
        // Where there is nothing to cover it with, all of it is hidden, as are pictures and sound of another form.
        let head = |bytes: &[u8]| tag(PICTURE, 0, &[b"\x17\0\0\0\0", bytes].concat());
        let avc = |head: Vec<u8>| {
            [HEADER, &tag(SCRIPT, 0, b""), &head, &tag(PICTURE, 0, b"\x17\x01\0\0\0x")].concat()
        };
        assert_eq!(
            appended(Cursor::new([avc(head(b"a")), avc(head(b"a"))].concat())).unwrap(),
            Some(Appended { foreign: None })
        );
        for (first, second) in [
            (one.clone(), [HEADER, &tag(PICTURE, 9, b"\x22a")].concat()),
            (one.clone(), [HEADER, &tag(SCRIPT, 9, b""), &tag(PICTURE, 9, b"\x24a")].concat()),
            (avc(head(b"a")), avc(head(b"b"))),
        ] {
            let both = [&first[..], &second, &second].concat();
            let at = first.len() as u64;
            assert_eq!(appended(Cursor::new(&both)).unwrap(), Some(Appended { foreign: Some(at) }));
            let after = set_in(&both, &[]);
            assert_eq!(kinds(&after)[..], [&kinds(&first)[..], &[COVER]].concat());
            assert_eq!(appended(Cursor::new(&after)).unwrap(), None);
        }
    }

    #[test]
    fn whatever_is_hidden_is_tags() {
        for bytes in
            [0, 14, 15, 16, 40, MAX_PAYLOAD + 15, MAX_PAYLOAD + 16, MAX_PAYLOAD + 31, 3 * MAX_PAYLOAD]
        {
            let (mut heads, mut end) = (vec![], 0);
            let write = |at: u64, bytes: &[u8]| {
                match bytes.first_chunk::<4>() {
                    Some([_, size @ ..]) if bytes.len() > 4 => heads.push((at, *size)),
                    _ => end = at + 4,
                }
                Ok(())
            };
            cover(0, bytes, write).unwrap();
            assert_eq!(end, if bytes < 15 { 0 } else { bytes });
            let mut next = 0;
            for (at, [a, b, c]) in heads {
                assert_eq!(at, next);
                next = at + 15 + u64::from(u32::from_be_bytes([0, a, b, c]));
            }
            assert_eq!(next, end);
        }
    }

    #[test]
    fn only_what_is_shown_or_heard_has_a_time() {
        let check = |kind: u8, payload: &[u8], expected: Option<i64>| {
            let found = stamps_of(&[HEADER, &tag(kind, 40, payload)].concat());
            assert_eq!(found.first().map(|stamp| stamp.pts - stamp.dts), expected, "{kind} {payload:?}");
        };
        check(PICTURE, b"\x17\0\0\0\0head", None);
        check(PICTURE, b"\x17\x01\0\0\x50picture", Some(80));
        check(PICTURE, b"\x27\x01\xff\xff\xd8picture", Some(-40));
        check(PICTURE, b"\x17\x02\0\0\0", None);
        check(SOUND, b"\xaf\0\x11\x90", None);
        check(SOUND, b"\x2fmp3", Some(0));
        check(SCRIPT, b"onMetaData", None);
        check(PICTURE, b"", None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, behind: Vec<u8>) {
            let pieces = [Piece { from: 0, starts: vec![], ticks: i64::MIN }];
            let whole = [HEADER, &bytes, HEADER, &behind].concat();
            set_in(&whole, &pieces);
            stamps_of(&whole);
        }
    }
}
