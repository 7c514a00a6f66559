//! Times of a program stream (ISO 13818-1 §2.5.3), also of MPEG-1 (ISO 11172-1 §2.4.3).

use super::{Shifts, pes};

/// A pack's code.
const PACK: u8 = 0xBA;
/// The code of packets whose first byte says what is in them: AC-3, DTS and PCM of discs.
const PRIVATE: u8 = 0xBD;

/// Moves the times of the unit at the beginning of these bytes, which are at that place in the file; where to look for
/// the next one.
pub(super) fn step(bytes: &mut [u8], at: u64, shifts: Shifts<'_>) -> usize {
    let &mut [0, 0, 1, code, ..] = bytes else { return 1 };
    match code {
        PACK => {
            // No stream's own: it changes with the first.
            let ticks = shifts.of(u32::MAX, at + 4);
            match bytes.get(4) {
                Some(byte) if byte >> 6 == 0b01 => {
                    shift_reference(bytes.get_mut(4..).unwrap_or_default(), ticks);
                    14
                }
                Some(byte) if byte >> 4 == 0b0010 => {
                    pes::shift_time(bytes.get_mut(4..).unwrap_or_default(), ticks);
                    12
                }
                _ => 4,
            }
        }
        0xBB..=0xFF => {
            let Some(length) = bytes.get(4..6).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]])))
            else {
                return 4;
            };
            let end = 6 + length;
            if pes::has_times(code) && length > 0 {
                let packet_end = end.min(bytes.len());
                packet(&mut bytes[..packet_end], code, at + end as u64, shifts);
            }
            // Where it does not say how long it is, its payload is searched for the next.
            if length > 0 { end } else { 6 }
        }
        _ => 4,
    }
}

fn packet(packet: &mut [u8], code: u8, end: u64, shifts: Shifts<'_>) {
    let is_new = packet.get(6).is_some_and(|byte| byte >> 6 == 0b10);
    if is_new {
        let payload = 9 + usize::from(packet.get(8).copied().unwrap_or(0));
        let id = match packet.get(payload) {
            Some(kind) if code == PRIVATE => u32::from(*kind),
            _ => 0x100 | u32::from(code),
        };
        pes::shift(packet, shifts.of(id, end));
        return;
    }
    let ticks = shifts.of(0x100 | u32::from(code), end);
    let mut at = 6 + packet.iter().skip(6).take(16).take_while(|byte| **byte == 0xFF).count();
    if packet.get(at).is_some_and(|byte| byte >> 6 == 0b01) {
        at += 2;
    }
    let times = match packet.get(at).map(|byte| byte >> 4) {
        Some(0b0010) => 1,
        Some(0b0011) => 2,
        _ => 0,
    };
    for n in 0..times {
        pes::shift_time(packet.get_mut(at + 5 * n..).unwrap_or_default(), ticks);
    }
}

/// Moves a system clock reference: 33 bits in six bytes with marker bits, and nine of a finer clock among them.
fn shift_reference(bytes: &mut [u8], ticks: i64) {
    let Some(six) = bytes.first_chunk_mut::<6>() else { return };
    let bits = six.iter().fold(0_i64, |bits, byte| bits << 8 | i64::from(*byte));
    // 01 bbb 1 bbbbbbbbbbbbbbb 1 bbbbbbbbbbbbbbb 1 and the first two bits of the finer clock's nine.
    let base = (bits >> 43 & 7) << 30 | (bits >> 27 & 0x7FFF) << 15 | bits >> 11 & 0x7FFF;
    let base = base.wrapping_add(ticks).rem_euclid(1 << 33);
    const BITS: i64 = 7 << 43 | 0x7FFF << 27 | 0x7FFF << 11;
    let spread = (base >> 30 & 7) << 43 | (base >> 15 & 0x7FFF) << 27 | (base & 0x7FFF) << 11;
    let bits = bits & !BITS | spread;
    six.copy_from_slice(&bits.to_be_bytes()[2..]);
}

#[cfg(test)]
mod tests {
    use model::media::Piece;

    use super::*;
    use crate::clock::pes::tests::written;

    fn pack(base: u64) -> Vec<u8> {
        let bits = 1_u64 << 46
            | (base >> 30 & 7) << 43
            | 1 << 42
            | (base >> 15 & 0x7FFF) << 27
            | 1 << 26
            | (base & 0x7FFF) << 11
            | 1 << 10
            | 3;
        [&[0, 0, 1, PACK][..], &bits.to_be_bytes()[2..], &[0xFF, 1, 2, 3, 0xF8]].concat()
    }

    fn packet(code: u8, time: u64, payload: &[u8]) -> Vec<u8> {
        let body = [&[0x81, 0xC0, 10][..], &written(3, time), &written(1, time), payload].concat();
        [&[0, 0, 1, code, 0, body.len() as u8][..], &body].concat()
    }

    fn old_packet(time: u64) -> Vec<u8> {
        let body = [&[0xFF, 0xFF, 0x60, 0x20][..], &written(2, time), &[1, 2, 3]].concat();
        [&[0, 0, 1, 0xC0, 0, body.len() as u8][..], &body].concat()
    }

    #[test]
    fn packs_and_packets_are_moved() {
        let film = |time: u64| {
            let old = [&[0, 0, 1, PACK][..], &written(2, time), &[0x80, 0, 1]].concat();
            let units = [
                pack(time),
                packet(0xE0, time, &[0; 9]),
                packet(0xBD, time, &[0x80, 1]),
                old_packet(time),
                old,
            ];
            units.concat()
        };
        let pieces = [Piece { from: 0, starts: vec![], ticks: 5_000_000_000 }];
        let mut bytes = film(3_999_999_999);
        let mut at = 0;
        while at < bytes.len() {
            at += step(&mut bytes[at..], at as u64, Shifts(&pieces));
        }
        assert_eq!(bytes, film((3_999_999_999 + 5_000_000_000) % (1 << 33)));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(code: u8, mut bytes: Vec<u8>, at: u32) {
            bytes.splice(0..0, [0, 0, 1, code]);
            let pieces = [Piece { from: 0, starts: vec![], ticks: i64::MIN }];
            step(&mut bytes, at.into(), Shifts(&pieces));
        }
    }
}
