//! Flash video files that were appended to each other: ffmpeg reads the first one only.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The bytes that each of them begins with (Adobe Flash Video File Format 10.1, Annex E.2).
const SIGNATURE: &[u8] = b"FLV\x01";
/// Bytes of a tag's head; the size of the tag before stands in front of it.
const HEAD: usize = 11;
const BEFORE: u64 = 4;
/// Read at once.
const BLOCK: usize = 1 << 18;

/// A file that begins within another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appended {
    /// Its first byte.
    at: u64,
    /// Bytes of all.
    bytes: u64,
}

impl Appended {
    /// Walks the tags of a file of so many bytes; `None` where they go on to its end, or are not understood.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn find(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(0))?;
        let mut file = BufReader::with_capacity(BLOCK, file);
        let mut head = [0; HEAD];
        let mut at = 0;
        while at + HEAD as u64 <= bytes {
            file.read_exact(&mut head)?;
            let length = match head {
                [b'F', b'L', b'V', 1, _, a, b, c, d, ..] if at == 0 => {
                    u64::from(u32::from_be_bytes([a, b, c, d])) + BEFORE
                }
                _ if head.starts_with(SIGNATURE) => return Ok(Some(Self { at, bytes })),
                [_, a, b, c, ..] => HEAD as u64 + u64::from(u32::from_be_bytes([0, a, b, c])) + BEFORE,
            };
            let Some(rest) = length.checked_sub(HEAD as u64) else { return Ok(None) };
            at += length;
            file.seek_relative(i64::try_from(rest).unwrap_or(i64::MAX))?;
        }
        Ok(None)
    }

    /// The note for people.
    pub(super) fn note(self) -> String {
        let percent = (self.bytes - self.at).saturating_mul(100) / self.bytes.max(1);
        format!(
            "another recording was appended to the file, and {percent} % of its bytes are left out: import it as a file \
             of its own"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn film(tags: usize) -> Vec<u8> {
        let tag = [&[9, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0][..], b"abc", &[0, 0, 0, 14]].concat();
        [&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &tag.repeat(tags)].concat()
    }

    fn found(bytes: &[u8]) -> Option<Appended> {
        Appended::find(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn a_second_file_is_found_behind_the_first() {
        let (one, two) = (film(20), [film(20), film(60)].concat());
        assert_eq!(found(&one), None);
        assert_eq!(found(&two), Some(Appended { at: one.len() as u64, bytes: two.len() as u64 }));
        assert!(found(&two).unwrap().note().contains("74 % of its bytes"));
        assert_eq!(found(&two[..one.len() - 3]), None, "one that is cut off");
        assert_eq!(found(b"FLV\x01\x05\0\0\0\0\0\0\0\0\0"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            found(&[&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &bytes].concat());
        }
    }
}
