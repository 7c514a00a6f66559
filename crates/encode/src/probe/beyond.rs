//! Files of plain samples that are longer than their header says: 32 bits of it wrap beyond 4 GiB, and recorders
//! that are switched off leave what they wrote at first.
//!
//! WAVE (RIFF, RF64 and BW64: EBU Tech 3306, ITU-R BS.2088) is read to its end then. ffmpeg has no way to do the same with
//! AIFF, so that what is left out is told.

use std::io::{self, Read, Seek, SeekFrom};

use super::whole;
use crate::Container;

/// Chunks that are passed over before the samples, and behind them.
const MAX_CHUNKS: usize = 64;

/// Zeros behind the samples that are nothing but padding.
const MAX_PADDING: u64 = 1 << 20;

/// Chunks that stand behind samples, also where the file is cut off or filled up behind them.
const FOOTERS: &[&[u8; 4]] = &[
    b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"axml", b"chna", b"cue ", b"fact", b"PEAK", b"smpl",
    b"inst", b"JUNK", b"junk", b"PAD ", b"FLLR", b"_PMX", b"levl", b"umid", b"MD5 ", b"plst", b"COMM",
    b"MARK", b"APPL", b"NAME", b"AUTH", b"ANNO", b"(c) ", b"INST", b"MIDI", b"AESD", b"SAXL",
];

/// Sound behind the length in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beyond {
    /// How long the header says that the sound is, in ms.
    pub(super) says_ms: u64,
    /// How much there is behind that, in ms.
    pub(super) more_ms: u64,
    /// Where a file of another form begins there.
    pub(super) foreign: Option<u64>,
}

impl Beyond {
    /// Looks behind the samples of a file of so many bytes; `None` where its length is right, or more than there is.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn find(
        file: &mut (impl Read + Seek),
        container: Container,
        bytes: u64,
    ) -> io::Result<Option<Self>> {
        let Some(form) = Form::of(container) else { return Ok(None) };
        let mut walk = Walk { file, form, bytes };
        let Some(samples) = walk.samples(0)? else { return Ok(None) };
        let end = samples.end.saturating_add(samples.end & 1);
        let more = bytes.saturating_sub(end);
        // A tenth of a second is nothing that anybody misses.
        if more <= samples.bytes_a_second / 10 || walk.is_footer(end)? {
            return Ok(None);
        }
        let ms = |bytes: u64| {
            u64::try_from(u128::from(bytes) * 1000 / u128::from(samples.bytes_a_second)).unwrap_or(u64::MAX)
        };
        // Of the same form its samples continue those in front, behind a click.
        let foreign = match walk.part(end, 4)?.as_slice() {
            b"RIFF" | b"RF64" | b"BW64" => {
                walk.samples(end)?.is_none_or(|next| next.format != samples.format)
            }
            _ => false,
        };
        let foreign = foreign.then_some(end);
        Ok(Some(Self { says_ms: ms(samples.end - samples.start), more_ms: ms(more), foreign }))
    }

    /// The note for people.
    pub(super) fn note(self, container: Container, bytes: u64) -> String {
        if let Some(at) = self.foreign {
            return whole::appended(at, bytes);
        }
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        let (says, more) = (seconds(self.says_ms), seconds(self.more_ms));
        if container == Container::Aiff {
            format!("the file's header says {says}, and {more} of sound behind that are left out")
        } else {
            format!("the file's header says {says}, but the sound continues for {more}: all of it is used")
        }
    }
}

/// How lengths are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Wave,
    Aiff,
}

impl Form {
    fn of(container: Container) -> Option<Self> {
        match container {
            Container::Wav => Some(Self::Wave),
            Container::Aiff => Some(Self::Aiff),
            _ => None,
        }
    }
}

/// Where the samples are by the header.
struct Samples {
    start: u64,
    end: u64,
    bytes_a_second: u64,
    /// What kind of samples they are.
    format: Vec<u8>,
}

/// A look at a file's chunks.
struct Walk<'a, F> {
    file: &'a mut F,
    form: Form,
    bytes: u64,
}

impl<F: Read + Seek> Walk<'_, F> {
    /// So many bytes from `at` on, or as many as there are.
    fn part(&mut self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut found = vec![];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.by_ref().take(length).read_to_end(&mut found)?;
        Ok(found)
    }

    /// A chunk's name and length.
    fn chunk(&mut self, at: u64) -> io::Result<Option<([u8; 4], u64)>> {
        let found = self.part(at, 8)?;
        let [a, b, c, d, size @ ..] = &found[..] else { return Ok(None) };
        let Ok(size) = <[u8; 4]>::try_from(size) else { return Ok(None) };
        let size = match self.form {
            Form::Wave => u32::from_le_bytes(size),
            Form::Aiff => u32::from_be_bytes(size),
        };
        Ok(Some(([*a, *b, *c, *d], u64::from(size))))
    }

    /// Finds the samples of a file that begins at that byte; `None` where the header does not say how long they are.
    fn samples(&mut self, from: u64) -> io::Result<Option<Samples>> {
        const UNKNOWN: u64 = u32::MAX as u64;
        let (mut at, mut rate, mut long, mut format) = (from.saturating_add(12), 0, None, vec![]);
        for _ in 0..MAX_CHUNKS {
            let Some((name, size)) = self.chunk(at)? else { return Ok(None) };
            let start = at + 8;
            match &name {
                b"ds64" => {
                    let body = self.part(start, 16)?;
                    long = body.get(8..16).and_then(|b| Some(u64::from_le_bytes(b.try_into().ok()?)));
                }
                b"fmt " => {
                    format = self.part(start, 16)?;
                    rate = wave_rate(&format).unwrap_or(0);
                }
                b"COMM" if self.form == Form::Aiff => {
                    rate = aiff_rate(&self.part(start, 18)?).unwrap_or(0);
                }
                b"data" | b"SSND" => {
                    let size = if size == UNKNOWN { long.unwrap_or(0) } else { size };
                    // Nothing is what is written before anything is known: ffmpeg reads on then.
                    let known = size > 0 && rate > 0;
                    let end = start.saturating_add(size);
                    return Ok(known.then_some(Samples { start, end, bytes_a_second: rate, format }));
                }
                _ => {}
            }
            at = start + size + (size & 1);
        }
        Ok(None)
    }

    /// Whether what stands there is no sound: chunks up to the end of the file, or padding.
    fn is_footer(&mut self, from: u64) -> io::Result<bool> {
        let mut at = from;
        for n in 0..MAX_CHUNKS {
            let Some((name, size)) = self.chunk(at)? else { return Ok(true) };
            if n == 0 && FOOTERS.contains(&&name) {
                return Ok(true);
            }
            // Another file is a chunk as well.
            if matches!(&name, b"RIFF" | b"RF64" | b"BW64" | b"FORM") {
                return Ok(false);
            }
            if !name.iter().all(|byte| matches!(byte, b' '..=b'~')) {
                break;
            }
            at = at + 8 + size + (size & 1);
            // A chunk of an odd length may end with the file.
            if at > self.bytes + 1 {
                break;
            }
        }
        let short = self.bytes.saturating_sub(from) <= MAX_PADDING;
        Ok(short && self.part(from, MAX_PADDING)?.iter().all(|byte| *byte == 0))
    }
}

/// The field `nAvgBytesPerSec`.
fn wave_rate(format: &[u8]) -> Option<u64> {
    Some(u64::from(u32::from_le_bytes(*format.get(8..)?.first_chunk()?)))
}

/// Channels × bytes of a sample × samples a second, which is a number of 80 bits.
fn aiff_rate(common: &[u8]) -> Option<u64> {
    let channels = u64::from(u16::from_be_bytes(*common.first_chunk()?));
    let bits = u64::from(u16::from_be_bytes(*common.get(6..)?.first_chunk()?));
    let exponent = u16::from_be_bytes(*common.get(8..)?.first_chunk()?);
    let mantissa = u64::from_be_bytes(*common.get(10..)?.first_chunk()?);
    // 1.0 has the exponent 16383 and the highest bit of the mantissa.
    let shift = 63_u32.checked_sub(u32::from(exponent.checked_sub(16_383)?))?;
    Some((mantissa >> shift).saturating_mul(channels).saturating_mul(bits.div_ceil(8)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn chunk(name: &[u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
        [&name[..], &size.to_le_bytes(), body].concat()
    }

    /// 1000 bytes a second, the samples being said to be that many bytes long.
    fn wave(kind: &[u8; 4], says: u32, behind: &[u8]) -> Vec<u8> {
        let mut format = vec![0; 16];
        format[8..12].copy_from_slice(&1000_u32.to_le_bytes());
        let long = [&[0; 8][..], &3000_u64.to_le_bytes(), &[0; 12]].concat();
        let ds64 = if kind == b"RIFF" { vec![] } else { chunk(b"ds64", 28, &long) };
        let head = [&kind[..], &[9; 4], b"WAVE"].concat();
        [head, ds64, chunk(b"fmt ", 16, &format), chunk(b"data", says, behind)].concat()
    }

    fn check(container: Container, file: &[u8], expected: Option<(u64, u64)>) {
        let found = Beyond::find(&mut Cursor::new(file), container, file.len() as u64).unwrap();
        assert_eq!(found.map(|found| (found.says_ms, found.more_ms)), expected);
    }

    #[test]
    fn sound_behind_the_length_is_found() {
        let sound: Vec<u8> = (0..8000_u32).map(|n| (n * 7 % 251) as u8 | 0x80).collect();
        let with = |footer: &[u8]| [&sound[..], footer].concat();
        let check = |file: &[u8], expected| check(Container::Wav, file, expected);
        check(&wave(b"RIFF", 1000, &sound), Some((1000, 7000)));
        check(&wave(b"RF64", 1000, &sound), Some((1000, 7000)));
        check(&wave(b"BW64", u32::MAX, &sound), Some((3000, 5000)));
        // Headers whose length is right, unknown, or larger than the file.
        for says in [8000, 7999, 7950, 0, u32::MAX, 9000] {
            check(&wave(b"RIFF", says, &sound), None);
        }
        // Chunks and padding are no sound.
        check(&wave(b"RIFF", 8000, &with(&chunk(b"LIST", 500, &[1; 500]))), None);
        check(&wave(b"RIFF", 8000, &with(&chunk(b"ownX", 501, &[1; 501]))), None);
        check(&wave(b"RIFF", 8000, &with(&[0; 5000])), None);
        check(&wave(b"RIFF", 8000, &with(&[0x81; 5000])), Some((8000, 5000)));
        check(b"RIFF\x09\x09\x09\x09WAVE", None);
    }

    #[test]
    fn another_file_behind_the_sound_continues_it_if_it_is_of_the_same_form() {
        let (one, mut two) = (wave(b"RIFF", 1000, &[0x91; 1000]), wave(b"RIFF", 2000, &[0x91; 2000]));
        let foreign = |file: Vec<u8>| {
            let bytes = file.len() as u64;
            Beyond::find(&mut Cursor::new(file), Container::Wav, bytes).unwrap().unwrap().foreign
        };
        assert_eq!(foreign([&one[..], &two].concat()), None);
        two[22] = 9;
        assert_eq!(foreign([&one[..], &two].concat()), Some(one.len() as u64));
    }

    #[test]
    fn aiff_has_its_own_form() {
        let sound = [0x91_u8; 8000];
        let big = |name: &[u8; 4], size: u32, body: &[u8]| [&name[..], &size.to_be_bytes(), body].concat();
        // Two channels of 16 bits at 250 Hz: 2^7 × 1.953125.
        let common = [0, 2, 0, 0, 0, 99, 0, 16, 0x40, 0x06, 0xFA, 0, 0, 0, 0, 0, 0, 0];
        let file = |says| {
            [&b"FORM\0\0\0\x09AIFF"[..], &big(b"COMM", 18, &common), &big(b"SSND", says, &sound)].concat()
        };
        check(Container::Aiff, &file(1000), Some((1000, 7000)));
        check(Container::Aiff, &file(8000), None);
        check(Container::Flac, &file(1000), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(kind in 0..3_usize, says: u32, mut behind: Vec<u8>) {
            let file = wave([b"RIFF", b"RF64", b"BW64"][kind], says, &behind);
            let at = file.len().min(40);
            behind.splice(0..0, file[..at].iter().copied());
            for file in [file, behind] {
                for container in [Container::Wav, Container::Aiff] {
                    let _ = Beyond::find(&mut Cursor::new(&file), container, file.len() as u64);
                }
            }
        }
    }
}
