//! Times of a Flash video file (Adobe Flash Video File Format 10.1, Annex E).

use super::Shifts;

/// First bytes of a file.
const SIGNATURE: &[u8] = b"FLV";
/// Bytes of a tag's head.
const HEAD: usize = 11;
/// Bytes behind a head or a tag that say how long the one before was.
const BEHIND: usize = 4;

/// Moves the time of the tag at the beginning of these bytes, which are at that place in the file; where the next begins.
pub(super) fn step(bytes: &mut [u8], at: u64, shifts: Shifts<'_>) -> usize {
    if bytes.starts_with(SIGNATURE) {
        let offset = bytes.get(5..9).and_then(|four| four.try_into().ok()).map_or(9, u32::from_be_bytes);
        return usize::try_from(offset).unwrap_or(9).clamp(9, 1 << 20) + BEHIND;
    }
    let Some(head) = bytes.first_chunk_mut::<HEAD>() else { return bytes.len() };
    let length = HEAD + u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize + BEHIND;
    // The upper byte comes last.
    let time = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
    let ticks = shifts.of(u32::from(head[0] & 0x1F), at + HEAD as u64);
    let time = i64::from(time).wrapping_add(ticks).rem_euclid(1 << 32);
    let [upper, rest @ ..] = u32::try_from(time).unwrap_or(0).to_be_bytes();
    head[4..7].copy_from_slice(&rest);
    head[7] = upper;
    length
}

#[cfg(test)]
mod tests {
    use model::media::Piece;

    use super::*;

    #[test]
    fn every_tag_is_moved() {
        let tag = |time: u32| {
            let [upper, a, b, c] = time.to_be_bytes();
            [&[9, 0, 0, 3, a, b, c, upper, 0, 0, 0][..], b"abc", &[0, 0, 0, 14]].concat()
        };
        let film = |time: u32| [&b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..], &tag(time), &tag(time + 40)].concat();
        let pieces = [Piece { from: 0, starts: vec![], ticks: 0x12_0000 }];
        let (mut bytes, mut at) = (film(0x12_3456), 0);
        while at < bytes.len() {
            at += step(&mut bytes[at..], at as u64, Shifts(&pieces));
        }
        assert_eq!(bytes, film(0x24_3456));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, at: u32) {
            let pieces = [Piece { from: 0, starts: vec![], ticks: i64::MIN }];
            step(&mut bytes, at.into(), Shifts(&pieces));
        }
    }
}
