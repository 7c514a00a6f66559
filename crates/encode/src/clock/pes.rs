//! Times of packetized elementary streams (ISO 13818-1 §2.4.3.6) and of the older ISO 11172-1 §2.4.3.3.

/// Ticks after which the 33-bit clock wraps.
const TURN: i64 = 1 << 33;

/// Moves a time of 33 bits spread over five bytes with marker bits, as presentation and decoding times are written.
pub(super) fn shift_time(bytes: &mut [u8], ticks: i64) {
    let Some(five) = bytes.first_chunk_mut::<5>() else { return };
    let [a, b, c, d, e] = five.map(i64::from);
    let time = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
    let time = time.wrapping_add(ticks).rem_euclid(TURN);
    let byte = |bits: i64| (bits & 0xFF) as u8;
    *five = [
        five[0] & 0xF1 | byte(time >> 29) & 0x0E,
        byte(time >> 22),
        byte(time >> 14) & 0xFE | five[2] & 1,
        byte(time >> 7),
        byte(time << 1) & 0xFE | five[4] & 1,
    ];
}

/// Moves the times of a packet of ISO 13818-1 that begins with these bytes.
pub(super) fn shift(packet: &mut [u8], ticks: i64) {
    let Some(flags) = packet.get(7).map(|byte| byte >> 6) else { return };
    if packet.get(6).is_none_or(|byte| byte >> 6 != 0b10) {
        return;
    }
    // They lie in a head that says how long it is.
    let bytes = packet.get(8).copied().unwrap_or(0);
    if flags & 0b10 != 0 && bytes >= 5 {
        shift_time(packet.get_mut(9..).unwrap_or_default(), ticks);
    }
    if flags == 0b11 && bytes >= 10 {
        shift_time(packet.get_mut(14..).unwrap_or_default(), ticks);
    }
}

/// Whether packets of a stream with that id have a head with times (ISO 13818-1 Table 2-21).
pub(super) fn has_times(stream_id: u8) -> bool {
    matches!(stream_id, 0xBD | 0xC0..=0xEF | 0xFA..=0xFE)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As it is written, behind four bits.
    pub(in crate::clock) fn written(bits: u8, time: u64) -> [u8; 5] {
        [
            bits << 4 | (time >> 29) as u8 & 0x0E | 1,
            (time >> 22) as u8,
            (time >> 14) as u8 | 1,
            (time >> 7) as u8,
            (time << 1) as u8 | 1,
        ]
    }

    #[test]
    fn a_time_is_moved_and_its_markers_stay() {
        let check = |time: u64, ticks: i64, expected: u64| {
            let mut bytes = written(2, time);
            shift_time(&mut bytes, ticks);
            assert_eq!(bytes, written(2, expected), "{time} {ticks}");
        };
        check(0, 0, 0);
        check(0x1_2345_6789, 0, 0x1_2345_6789);
        check(90_000, 540_000, 630_000);
        check(10, -11, (1 << 33) - 1);
        check((1 << 33) - 1, 2, 1);
    }

    proptest::proptest! {
        #[test]
        fn times_return(time in 0_u64..1 << 33, ticks: i64) {
            let mut bytes = written(3, time);
            shift_time(&mut bytes, ticks / 2);
            shift_time(&mut bytes, -(ticks / 2));
            assert_eq!(bytes, written(3, time));
        }
    }
}
