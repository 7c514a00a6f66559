//! The program association and map tables (§2.4.4), one packet each.

use super::packet::{AUDIO, PACKET, VIDEO};

const PMT: u16 = 0x1000;
const PROGRAM: u16 = 1;

/// Both tables. `counter` counts those of the title.
pub(super) fn tables(video: bool, audio: bool, counter: u8) -> [u8; 2 * PACKET] {
    let mut out = [0xff; 2 * PACKET];
    let (first, second) = out.split_at_mut(PACKET);
    let mut pat = PROGRAM.to_be_bytes().to_vec();
    pat.extend((0xe000 | PMT).to_be_bytes());
    section(first, 0, counter, 0x00, PROGRAM, &pat);
    let clock = if video { VIDEO } else { AUDIO };
    let mut pmt = (0xe000 | clock).to_be_bytes().to_vec();
    pmt.extend([0xf0, 0]);
    for (present, kind, pid) in [(video, 0x1b, VIDEO), (audio, 0x0f, AUDIO)] {
        if present {
            pmt.push(kind);
            pmt.extend((0xe000 | pid).to_be_bytes());
            pmt.extend([0xf0, 0]);
        }
    }
    section(second, PMT, counter, 0x02, PROGRAM, &pmt);
    out
}

fn section(packet: &mut [u8], pid: u16, counter: u8, table: u8, id: u16, body: &[u8]) {
    // The length counts what follows it: id, version, numbers, body and CRC. It is far below a packet.
    let length = 5 + body.len() as u16 + 4;
    let mut section = vec![table];
    section.extend((0xb000 | length).to_be_bytes());
    section.extend(id.to_be_bytes());
    section.extend([0xc1, 0, 0]);
    section.extend_from_slice(body);
    section.extend(crc(&section).to_be_bytes());
    let [high, low] = (0x4000 | pid).to_be_bytes();
    packet[..5].copy_from_slice(&[0x47, high, low, 0x10 | counter & 15, 0]);
    packet[5..5 + section.len()].copy_from_slice(&section);
}

/// CRC-32/MPEG-2 (annex A).
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_catalogue_of_checksums() {
        assert_eq!(crc(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn tables_fill_a_packet_each() {
        let bytes = tables(true, true, 17);
        assert_eq!(bytes[..4], [0x47, 0x40, 0, 0x11]);
        assert_eq!(bytes[PACKET..PACKET + 4], [0x47, 0x50, 0, 0x11]);
        assert_eq!(crc(&bytes[5..5 + 3 + 13]), 0, "a section with its checksum has checksum 0");
    }
}
