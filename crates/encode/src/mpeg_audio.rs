//! Frames of MPEG audio (ISO 11172-3 §2.4, ISO 13818-3 §2.4): how long each is, and what the first says of all.

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes from this header to the next.
    pub(crate) length: usize,
    /// Samples per second.
    rate: u32,
    /// Samples of each channel in a frame.
    samples: u32,
    /// Bytes between the header and the sound, of layer III.
    side: usize,
}

impl Header {
    /// Reads the header that `bytes` begin with.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        const V1_L1: [u32; 15] = [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448];
        const V1_L2: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
        const V1_L3: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
        const V2_L1: [u32; 15] = [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
        const V2_L23: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let &[0xFF, second, third, fourth, ..] = bytes else { return None };
        let (version, layer, mono) = (second >> 3 & 3, second >> 1 & 3, fourth >> 6 == 3);
        let (index, frequency, padding) =
            (usize::from(third >> 4), third >> 2 & 3, u32::from(third >> 1 & 1));
        if second & 0xE0 != 0xE0 || version == 1 || layer == 0 || frequency == 3 || index == 0 {
            return None;
        }
        let table = match (version, layer) {
            (3, 3) => V1_L1,
            (3, 2) => V1_L2,
            (3, _) => V1_L3,
            (_, 3) => V2_L1,
            _ => V2_L23,
        };
        let bits = table.get(index)? * 1000;
        let rate = [44_100, 48_000, 32_000][usize::from(frequency)]
            >> match version {
                3 => 0,
                2 => 1,
                _ => 2,
            };
        let samples = match (version, layer) {
            (_, 3) => 384,
            (3, _) | (_, 2) => 1152,
            _ => 576,
        };
        let length = match layer {
            3 => (12 * bits / rate + padding) * 4,
            _ => samples / 8 * bits / rate + padding,
        };
        let side = match (version, mono) {
            (3, false) => 32,
            (3, true) | (_, false) => 17,
            (_, true) => 9,
        };
        Some(Self { length: usize::try_from(length).ok()?, rate, samples, side })
    }
}

/// How long the sound is in µs by the first frame of a file, if that is none but counts the others: as `Xing` or `Info`
/// (LAME and most others), or as `VBRI` (Fraunhofer).
pub(crate) fn announced_us(first: &[u8]) -> Option<i64> {
    let header = Header::read(first)?;
    let frame = first.get(4..header.length.min(first.len()))?;
    let number = |at: usize| Some(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?));
    let frames = match (frame.get(header.side..), frame.get(32..)) {
        // Of the flags the first says that frames are counted.
        (Some([b'X', b'i', b'n', b'g', ..] | [b'I', b'n', b'f', b'o', ..]), _) => {
            (number(header.side + 4)? & 1 == 1).then(|| number(header.side + 8))??
        }
        (_, Some([b'V', b'B', b'R', b'I', ..])) => number(32 + 14)?,
        _ => return None,
    };
    let us = i64::from(frames) * i64::from(header.samples) * 1_000_000 / i64::from(header.rate);
    (us > 0).then_some(us)
}

/// Bytes of the ID3v2 tag that a file begins with (id3.org, ID3v2.4 §3.1); `None` where there is none.
pub(crate) fn tag_bytes(head: &[u8]) -> Option<usize> {
    let &[b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] = head else { return None };
    let size = [a, b, c, d]
        .into_iter()
        .try_fold(0_usize, |size, byte| (byte < 0x80).then(|| size << 7 | usize::from(byte)))?;
    // Version 4 may repeat its header at the end of the tag.
    Some(10 + size + if flags & 0x10 == 0 { 0 } else { 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with this header and these bytes at a place in it.
    fn frame(header: [u8; 4], at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(600, 0);
        frame.splice(at..at + bytes.len(), bytes.iter().copied());
        frame
    }

    #[test]
    fn a_header_says_how_long_its_frame_is() {
        let check = |header: [u8; 4], length, samples, rate| {
            let found = Header::read(&header).map(|found| (found.length, found.samples, found.rate));
            assert_eq!(found, Some((length, samples, rate)), "{header:x?}");
        };
        check([0xFF, 0xFB, 0x90, 0x64], 417, 1152, 44_100);
        check([0xFF, 0xFB, 0x92, 0x64], 418, 1152, 44_100);
        check([0xFF, 0xF3, 0x84, 0xC4], 192, 576, 24_000);
        check([0xFF, 0xFD, 0xA4, 0x04], 576, 1152, 48_000);
        check([0xFF, 0xFF, 0x94, 0x04], 288, 384, 48_000);
        assert_eq!(Header::read(&[0xFF, 0xFB, 0x00, 0x64]), None, "free format");
        assert_eq!(Header::read(&[0xFF, 0xEB, 0x90, 0x64]), None, "a version that there is not");
    }

    #[test]
    fn the_first_frame_may_count_the_others() {
        let check = |header, at, bytes: &[u8], us| {
            assert_eq!(announced_us(&frame(header, at, bytes)), us, "{header:x?} {bytes:x?}");
        };
        let (stereo, mono) = ([0xFF, 0xFB, 0x94, 0x64], [0xFF, 0xFB, 0x94, 0xC4]);
        check(stereo, 36, b"Xing\0\0\0\x0f\0\0\x03\x43", Some(20_040_000));
        check(stereo, 36, b"Info\0\0\0\x01\0\0\x03\x43", Some(20_040_000));
        check(mono, 21, b"Info\0\0\0\x01\0\0\x03\x43", Some(20_040_000));
        check([0xFF, 0xF3, 0x84, 0x64], 21, b"Info\0\0\0\x01\0\0\x03\x43", Some(20_040_000));
        check(stereo, 36, b"VBRI\0\x01\0\0\0\0\0\0\0\0\0\0\x03\x43", Some(20_040_000));
        check(stereo, 36, b"Info\0\0\0\x02\0\0\x03\x43", None);
        check(stereo, 36, b"Info\0\0\0\x01\0\0\0\0", None);
        check(mono, 36, b"Info\0\0\0\x01\0\0\x03\x43", None);
        assert_eq!(announced_us(&frame(stereo, 36, b"Xing\0\0\0\x0f\0\0\x03\x43")[..47]), None);
    }

    #[test]
    fn a_tag_says_where_it_ends() {
        assert_eq!(tag_bytes(b"ID3\x04\0\0\0\0\x02\x01 and on"), Some(267));
        assert_eq!(tag_bytes(b"ID3\x04\0\x10\0\0\x02\x01 and on"), Some(277));
        assert_eq!(tag_bytes(b"ID3\x04\0\0\0\0\x02\x81 and on"), None);
    }
}
