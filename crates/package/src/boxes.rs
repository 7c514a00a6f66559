//! Boxes of ISO 14496-12: reading within bounds, writing with sizes patched in.

use std::ops::Range;

use crate::{Error, Result};

/// A box's type.
pub type Kind = [u8; 4];

/// Header of a box (§4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The box's type.
    pub kind: Kind,
    /// Bytes of the header itself: 8, or 16 with a size of 64 bits.
    pub bytes: u64,
    /// Bytes of the box, header included and never fewer than that; `None`: as many as what contains it has left.
    pub size: Option<u64>,
}

impl Header {
    /// Bytes of the longest header.
    pub const MAX_BYTES: usize = 16;

    /// Reads a header, of which `box_bytes` are the first bytes; what stands behind it does not matter.
    ///
    /// # Errors
    /// [`Error::Truncated`], or [`Error::Malformed`] for a box that is smaller than its header; both name `what`.
    pub fn read(what: &'static str, box_bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(what, box_bytes);
        let (small, kind) = (reader.u32()?, reader.array()?);
        let (bytes, size) = match small {
            0 => (8, None),
            1 => (16, Some(reader.u64()?)),
            size => (8, Some(u64::from(size))),
        };
        if size.is_some_and(|size| size < bytes) {
            return Err(Error::Malformed { what, why: "a box is smaller than its header" });
        }
        Ok(Self { kind, bytes, size })
    }

    /// Bytes of the box, header included, where what contains it has `left` from its first byte on; `None` if it is
    /// larger than that.
    pub fn size_within(&self, left: u64) -> Option<u64> {
        let size = self.size.unwrap_or(left);
        (self.bytes..=left).contains(&size).then_some(size)
    }
}

/// Bytes that are read front to back; every read checks the end.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which errors call `what`.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Everything that is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.bytes.split_at_checked(n).ok_or(Error::Truncated { what: self.what })?;
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self.bytes.split_first_chunk::<N>().ok_or(Error::Truncated { what: self.what })?;
        self.bytes = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Version and flags of a full box (§4.2.2).
    pub(crate) fn full(&mut self) -> Result<(u8, u32)> {
        let word = self.u32()?;
        Ok((word.to_be_bytes()[0], word & 0x00ff_ffff))
    }
}

/// A box found by [`children`].
#[derive(Debug, Clone)]
pub struct Child<'a> {
    /// Its type.
    pub kind: Kind,
    /// Header and body, as offsets in the bytes that were walked.
    pub(crate) whole: Range<usize>,
    /// Its content.
    pub body: &'a [u8],
}

/// Walks the boxes that `bytes` consists of; ends at the first error, which names `what`.
pub fn children<'a>(what: &'static str, bytes: &'a [u8]) -> impl Iterator<Item = Result<Child<'a>>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let found = child(what, bytes, at);
        at = found.as_ref().map_or(bytes.len(), |c| c.whole.end);
        Some(found)
    })
}

fn child<'a>(what: &'static str, bytes: &'a [u8], at: usize) -> Result<Child<'a>> {
    let rest = &bytes[at..];
    let header = Header::read(what, rest)?;
    let size = header.size_within(rest.len() as u64).ok_or(Error::Truncated { what })? as usize;
    Ok(Child { kind: header.kind, whole: at..at + size, body: &rest[header.bytes as usize..size] })
}

/// The first child of a kind.
///
/// # Errors
/// [`Error::Missing`] where there is none, or a box in front of it is broken; they name `what`.
pub(crate) fn find<'a>(what: &'static str, kind: &Kind, bytes: &'a [u8]) -> Result<&'a [u8]> {
    find_opt(what, kind, bytes)?.ok_or(Error::Missing { what })
}

/// The first child of a kind, if there is one.
///
/// # Errors
/// Where a box in front of it is broken; they name `what`.
pub fn find_opt<'a>(what: &'static str, kind: &Kind, bytes: &'a [u8]) -> Result<Option<&'a [u8]>> {
    for child in children(what, bytes) {
        let child = child?;
        if child.kind == *kind {
            return Ok(Some(child.body));
        }
    }
    Ok(None)
}

/// Appends a box whose body `fill` writes.
pub(crate) fn put(out: &mut Vec<u8>, kind: &Kind, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    fill(out);
    let size = u32::try_from(out.len() - start).expect("only headers are written as boxes, far below 4 GiB");
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends a full box (§4.2.2).
pub(crate) fn put_full(
    out: &mut Vec<u8>,
    kind: &Kind,
    version: u8,
    flags: u32,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    put(out, kind, |out| {
        out.extend_from_slice(&(u32::from(version) << 24 | flags & 0x00ff_ffff).to_be_bytes());
        fill(out);
    });
}

/// Appends numbers of four bytes.
pub(crate) fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Appends numbers of two bytes.
pub(crate) fn halves(out: &mut Vec<u8>, halves: &[u16]) {
    for half in halves {
        out.extend_from_slice(&half.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_box_is_read_back() {
        let mut out = Vec::new();
        put(&mut out, b"free", |out| put_full(out, b"mfhd", 1, 2, |out| out.extend_from_slice(b"body")));
        let inner = find("mfhd", b"mfhd", find("free", b"free", &out).unwrap()).unwrap();
        let mut reader = Reader::new("mfhd", inner);
        assert_eq!(reader.full(), Ok((1, 2)));
        assert_eq!(reader.rest(), b"body");
    }

    #[test]
    fn sizes_are_checked() {
        let walk = |bytes: &[u8]| children("box", bytes).collect::<Result<Vec<_>>>().map(|c| c.len());
        assert_eq!(walk(b"\0\0\0\x08free\0\0\0\0mdat1234"), Ok(2), "size 0 reaches to the end");
        assert_eq!(walk(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x11x"), Ok(1), "64-bit size");
        assert!(walk(b"\0\0\0\x07free").is_err(), "smaller than its header");
        assert!(walk(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f").is_err(), "smaller than its long header");
        assert!(walk(b"\0\0\0\x09free").is_err(), "larger than the file");
        assert!(walk(b"\0\0\0").is_err(), "half a header");
        assert!(walk(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff").is_err(), "absurd 64-bit size");
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            children("box", &bytes).for_each(drop);
        }
    }
}
