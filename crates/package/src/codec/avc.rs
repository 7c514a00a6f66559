//! The `avcC` record (ISO 14496-15 §5.3.3) and the colours of an SPS (ITU-T H.264 §7.3.2.1, annex E).

use crate::boxes::Reader;
use crate::{Error, Result};

const WHAT: &str = "avcC";

/// `avc1.` and profile, constraints and level (RFC 6381 §3.3).
pub(crate) fn codec(avcc: &[u8]) -> Result<String> {
    match *avcc {
        [1, profile, constraints, level, ..] => Ok(format!("avc1.{profile:02x}{constraints:02x}{level:02x}")),
        [1, ..] | [] => Err(Error::Truncated { what: WHAT }),
        [version, ..] => Err(Error::Unsupported { what: "avcC version", found: version.to_string() }),
    }
}

/// The first sequence parameter set, with its NAL header.
pub(crate) fn sps(avcc: &[u8]) -> Result<&[u8]> {
    let mut reader = Reader::new(WHAT, avcc);
    reader.take(5)?;
    if reader.u8()? & 0x1f == 0 {
        return Err(Error::Missing { what: "sequence parameter set" });
    }
    let length = reader.u16()?;
    reader.take(length.into())
}

/// Every sequence and picture parameter set, with NAL headers. Fails if lengths in samples do not take four bytes.
pub(crate) fn parameter_sets(avcc: &[u8]) -> Result<Vec<&[u8]>> {
    let mut reader = Reader::new(WHAT, avcc);
    reader.take(4)?;
    let lengths = reader.u8()? & 3;
    if lengths != 3 {
        return Err(Error::Unsupported { what: "size of NAL lengths", found: (lengths + 1).to_string() });
    }
    let mut sets = Vec::new();
    for mask in [0x1f, 0xff] {
        for _ in 0..reader.u8()? & mask {
            let length = reader.u16()?;
            sets.push(reader.take(length.into())?);
        }
    }
    Ok(sets)
}

/// The NAL units of a sample, each behind a length of four bytes (ISO 14496-15 §5.3.4.2); ends at the first error.
///
/// # Errors
/// [`Error::Truncated`] for a unit that is empty or cut short.
pub fn nal_units(mut sample: &[u8]) -> impl Iterator<Item = Result<&[u8]>> {
    std::iter::from_fn(move || {
        if sample.is_empty() {
            return None;
        }
        let found = sample.split_first_chunk().and_then(|(length, rest)| {
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).filter(|(unit, _)| !unit.is_empty())
        });
        sample = found.map_or(&[], |(_, rest)| rest);
        Some(found.map(|(unit, _)| unit).ok_or(Error::Truncated { what: "NAL unit" }))
    })
}

/// Colour of the picture in the code points of ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour {
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full_range: bool,
}

/// The colours an SPS declares, if it does.
pub(crate) fn colour(sps: &[u8]) -> Result<Option<Colour>> {
    let payload = without_emulation_prevention(sps);
    let mut bits = Bits { bytes: &payload, at: 8 };
    let profile = bits.read(8)?;
    bits.read(16)?;
    bits.ue()?;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        high_profile(&mut bits)?;
    }
    bits.ue()?;
    picture_order(&mut bits)?;
    bits.ue()?;
    bits.flag()?;
    bits.ue()?;
    bits.ue()?;
    if !bits.flag()? {
        bits.flag()?;
    }
    bits.flag()?;
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if !bits.flag()? {
        return Ok(None);
    }
    vui_colour(&mut bits)
}

fn high_profile(bits: &mut Bits<'_>) -> Result<()> {
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.flag()?;
    }
    bits.ue()?;
    bits.ue()?;
    bits.flag()?;
    if bits.flag()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.flag()? {
                scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(())
}

fn scaling_list(bits: &mut Bits<'_>, size: u32) -> Result<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..size {
        if next != 0 {
            next = last.wrapping_add(bits.se()?) & 0xff;
        }
        last = if next == 0 { last } else { next };
    }
    Ok(())
}

fn picture_order(bits: &mut Bits<'_>) -> Result<()> {
    match bits.ue()? {
        0 => {
            bits.ue()?;
        }
        1 => {
            bits.flag()?;
            bits.se()?;
            bits.se()?;
            // Every entry takes at least a bit, so the end of the bytes bounds the loop.
            for _ in 0..bits.ue()? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn vui_colour(bits: &mut Bits<'_>) -> Result<Option<Colour>> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.read(32)?;
    }
    if bits.flag()? {
        bits.flag()?;
    }
    if !bits.flag()? {
        return Ok(None);
    }
    bits.read(3)?;
    let full_range = bits.flag()?;
    if !bits.flag()? {
        return Ok(None);
    }
    Ok(Some(Colour { primaries: bits.byte()?, transfer: bits.byte()?, matrix: bits.byte()?, full_range }))
}

/// NAL bytes without `emulation_prevention_three_byte` (§7.4.1).
fn without_emulation_prevention(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Bits, most significant first (§9.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Result<bool> {
        let byte = self.bytes.get(self.at / 8).ok_or(Error::Truncated { what: "sequence parameter set" })?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    fn read(&mut self, count: u32) -> Result<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.read(8)?.to_be_bytes()[3])
    }

    fn ue(&mut self) -> Result<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(Error::Malformed {
                    what: "sequence parameter set",
                    why: "an Exp-Golomb code is too long",
                });
            }
        }
        Ok((1 << zeros) - 1 + self.read(zeros)?)
    }

    fn se(&mut self) -> Result<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 };
        i32::try_from(value).map_err(|_| Error::TooLarge { what: "signed Exp-Golomb code" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn profile_and_level_name_the_codec() {
        assert_eq!(codec(&[1, 0x4d, 0x40, 0x1f, 0xff]).unwrap(), "avc1.4d401f");
        assert!(codec(&[2, 0x4d, 0x40, 0x1f]).is_err());
        assert!(codec(&[1, 0x4d]).is_err());
    }

    #[test]
    fn prevention_bytes_are_dropped() {
        assert_eq!(
            without_emulation_prevention(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3]),
            [0, 0, 1, 0, 0, 0, 0, 3]
        );
    }

    #[test]
    fn nal_units_are_walked_within_bounds() {
        let check = |sample: &[u8], whole: &[&[u8]], cut: bool| {
            let found: Vec<_> = nal_units(sample).collect();
            let units: Vec<_> = found.iter().cloned().map_while(Result::ok).collect();
            assert_eq!((&units[..], units.len() < found.len()), (whole, cut), "{sample:?}");
        };
        check(&[], &[], false);
        check(&[0, 0, 0, 1, 0x65, 0, 0, 0, 2, 6, 1], &[&[0x65], &[6, 1]], false);
        check(&[0, 0, 0, 1, 0x65, 0, 0, 0, 2, 6], &[&[0x65]], true);
        check(&[0, 0, 0, 3, 0x65], &[], true);
        check(&[0, 0, 0, 0, 1], &[], true);
        check(&[0, 0, 0], &[], true);
        check(&[0xff, 0xff, 0xff, 0xff, 1], &[], true);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = codec(&bytes);
            let _ = sps(&bytes).and_then(colour);
            let _ = parameter_sets(&bytes);
            let _ = colour(&bytes);
        }
    }
}
