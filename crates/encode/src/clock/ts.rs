//! Times of a transport stream (ISO 13818-1 §2.4.3).

use super::{Shifts, pes};

const SYNC: u8 = 0x47;

/// Bytes from one packet to the next: 188, or with a time in front (192) or a checksum behind (204).
pub(super) fn packet_bytes(head: &[u8]) -> usize {
    let in_a_row = |size: usize| {
        let starts = 0..size.min(head.len());
        let runs =
            starts.map(|start| head[start..].iter().step_by(size).take_while(|byte| **byte == SYNC).count());
        runs.max().unwrap_or(0)
    };
    // The longest packet comes last: of sizes that do equally well the first is taken.
    [188, 192, 204].into_iter().rev().max_by_key(|size| in_a_row(*size) * size).unwrap_or(188)
}

/// Moves the times of the packet at the beginning of these bytes, which are at that place in the file; its length.
pub(super) fn step<const BYTES: usize>(bytes: &mut [u8], at: u64, shifts: Shifts<'_>) -> usize {
    // Where packets have something in front of them, those few bytes are passed over one by one.
    let Some(packet) = bytes.get_mut(..188).filter(|packet| packet[0] == SYNC) else { return 1 };
    let id = u32::from(u16::from_be_bytes([packet[1] & 0x1F, packet[2]]));
    let ticks = shifts.of(id, at + 188);
    let is_scrambled = packet[3] & 0xC0 != 0;
    let mut payload = 4;
    if packet[3] & 0x20 != 0 {
        let length = usize::from(packet[4]);
        if length >= 7 && packet[5] & 0x10 != 0 {
            shift_reference(&mut packet[6..11], ticks);
        }
        payload += 1 + length;
    }
    let begins = packet[1] & 0x40 != 0 && packet[3] & 0x10 != 0 && !is_scrambled;
    if let Some(unit) = packet.get_mut(payload..).filter(|_| begins && ticks != 0)
        && let [0, 0, 1, stream, ..] = *unit
        && pes::has_times(stream)
    {
        pes::shift(unit, ticks);
    }
    // Bytes in between are not a packet, whatever they look like.
    BYTES
}

/// Moves a program clock reference: 33 bits of the same clock, and nine of a finer one behind them.
fn shift_reference(bytes: &mut [u8], ticks: i64) {
    let Some(five) = bytes.first_chunk_mut::<5>() else { return };
    let high = u32::from_be_bytes([five[0], five[1], five[2], five[3]]);
    let base = i64::from(high) << 1 | i64::from(five[4] >> 7);
    let base = base.wrapping_add(ticks).rem_euclid(1 << 33);
    let high = u32::try_from(base >> 1).unwrap_or(0).to_be_bytes();
    five[..4].copy_from_slice(&high);
    five[4] = five[4] & 0x7F | ((base & 1) as u8) << 7;
}

#[cfg(test)]
mod tests {
    use model::media::Piece;

    use super::*;
    use crate::clock::pes::tests::written;

    fn packet(time: u64) -> Vec<u8> {
        let reference = ((time >> 1) as u32).to_be_bytes();
        let mut packet = vec![SYNC, 0x41, 0x00, 0x30, 7, 0x10];
        packet.extend(reference);
        packet.extend([((time & 1) as u8) << 7 | 0x7E, 0]);
        packet.extend([0, 0, 1, 0xE0, 0, 0, 0x80, 0xC0, 10]);
        packet.extend(written(3, time));
        packet.extend(written(1, time));
        packet.resize(188, 0xFF);
        packet
    }

    #[test]
    fn presentation_decoding_and_reference_times_are_moved() {
        let pieces = [Piece { from: 188, starts: vec![(0x100, 188)], ticks: 90_000 }];
        for (at, expected) in [(0, 5_000_001), (188, 5_090_001)] {
            let mut bytes = packet(5_000_001);
            assert_eq!(step::<188>(&mut bytes, at, Shifts(&pieces)), 188);
            assert_eq!(bytes, packet(expected));
        }
    }

    #[test]
    fn packets_are_found_in_every_size() {
        for size in [188, 192, 204] {
            let mut packet = packet(1);
            packet.resize(size, 0);
            let whole = packet.repeat(20);
            assert_eq!(packet_bytes(&whole), size);
            assert_eq!(packet_bytes(&whole[7..]), size);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, at: u32) {
            bytes.splice(0..0, [SYNC, 0x41, 0, 0x30]);
            bytes.resize(bytes.len().max(188), 1);
            let pieces = [Piece { from: 0, starts: vec![], ticks: i64::MAX }];
            step::<188>(&mut bytes, at.into(), Shifts(&pieces));
            packet_bytes(&bytes);
        }
    }
}
