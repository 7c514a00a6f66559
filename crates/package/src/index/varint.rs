//! LEB128 numbers; signed ones in zigzag order (0, -1, 1, -2, …).

use crate::boxes::Reader;
use crate::{Error, Result};

pub(super) fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Numbers in a row.
pub(super) struct Numbers<'a> {
    reader: Reader<'a>,
    what: &'static str,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(what, bytes), what }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    pub(super) fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.reader.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Error::TooLarge { what: self.what })
    }

    pub(super) fn signed(&mut self) -> Result<i64> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        u32::try_from(self.unsigned()?).map_err(|_| Error::TooLarge { what: self.what })
    }
}
