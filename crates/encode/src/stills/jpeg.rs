//! A look into JPEG files (ITU-T T.81 annex B): that one is whole, and its size.

/// Bytes of a picture at most.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// Width and height of a JPEG that ends as it should: baseline, extended or progressive (SOF0 to SOF2).
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?.strip_suffix(&[0xff, 0xd9])?;
    loop {
        let [0xff, marker, high, low, ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let body = rest.get(4..2 + length)?;
        if matches!(marker, 0xc0..=0xc2) {
            let [_, h0, h1, w0, w1, ..] = body else { return None };
            let number = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
            return Some((number(*w0, *w1), number(*h0, *h1)));
        }
        rest = &rest[2 + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pictures_have_a_size() {
        let picture = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x20\0\x40\x01\0\0\0rest\xff\xd9";
        assert_eq!(size(picture), Some((64, 32)));
        for length in 0..picture.len() {
            assert_eq!(size(&picture[..length]), None);
        }
        assert_eq!(size(b"\xff\xd8\xff\xe0\0\0\xff\xd9"), None);
    }
}
