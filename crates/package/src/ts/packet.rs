//! Transport packets (§2.4.3): one PES packet over a given number of them.

pub(super) const PACKET: usize = 188;
pub(super) const VIDEO: u16 = 0x100;
pub(super) const AUDIO: u16 = 0x101;

/// Bytes behind the header.
const ROOM: usize = 184;

/// An adaptation field with a clock.
const CLOCK: usize = 8;

/// Packets that so many bytes of a PES packet take, the first with a clock or without.
pub(super) fn count(bytes: u64, clock: bool) -> u32 {
    let first = (ROOM - if clock { CLOCK } else { 0 }) as u64;
    u32::try_from(1 + bytes.saturating_sub(first).div_ceil(ROOM as u64)).unwrap_or(u32::MAX)
}

/// Spreads a PES packet over transport packets.
///
/// Packets are filled one after another, but each of those that follow gets at least a byte: so a PES packet may
/// take more packets than it needs, up to one for each byte.
pub(super) struct Packets<'a> {
    out: &'a mut Vec<u8>,
    pid: u16,
    counter: &'a mut u8,
    /// The clock in the adaptation field of the first packet.
    clock: Option<Clock>,
    first: bool,
    bytes: usize,
    packets: usize,
    room: usize,
}

/// The program clock, and whether decoding can start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Ticks of 90 kHz.
    pub(super) base: u64,
    pub(super) random_access: bool,
}

impl<'a> Packets<'a> {
    /// Begins a PES packet of `bytes` over `packets`.
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        (pid, counter): (u16, &'a mut u8),
        clock: Option<Clock>,
        bytes: u64,
        packets: u32,
    ) -> Self {
        Self {
            out,
            pid,
            counter,
            clock,
            first: true,
            bytes: bytes as usize,
            packets: packets as usize,
            room: 0,
        }
    }

    /// Appends bytes of the PES packet.
    pub(super) fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.room == 0 {
                self.begin();
            }
            let (head, tail) = bytes.split_at(self.room.min(bytes.len()));
            self.out.extend_from_slice(head);
            self.room -= head.len();
            bytes = tail;
        }
    }

    fn begin(&mut self) {
        let [high, low] = (u16::from(std::mem::take(&mut self.first)) << 14 | self.pid).to_be_bytes();
        let clock = self.clock.take();
        let field = if clock.is_some() { CLOCK } else { 0 };
        self.packets = self.packets.saturating_sub(1);
        self.room = (ROOM - field).min(self.bytes.saturating_sub(self.packets)).max(1);
        self.bytes = self.bytes.saturating_sub(self.room);
        let adaptation = ROOM - self.room;
        let control = if adaptation > 0 { 0x30 } else { 0x10 };
        self.out.extend_from_slice(&[0x47, high, low, control | *self.counter & 15]);
        *self.counter = self.counter.wrapping_add(1) & 15;
        if adaptation == 0 {
            return;
        }
        let end = self.out.len() + adaptation;
        self.out.push((adaptation - 1) as u8);
        if let Some(clock) = clock {
            self.out.push(0x10 | if clock.random_access { 0x40 } else { 0 });
            // 33 bits, 6 reserved, 9 of the extension.
            let bits = (clock.base & ((1 << 33) - 1)) << 15 | 0x3f << 9;
            self.out.extend_from_slice(&bits.to_be_bytes()[2..]);
        } else if adaptation > 1 {
            self.out.push(0);
        }
        self.out.resize(end, 0xff);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_packet_takes_as_many_as_are_given(length in 22..2000_usize, extra in 0..16_u32, clocked in any::<bool>(), piece in 1..300_usize) {
            let clock = clocked.then_some(Clock { base: 1 << 32, random_access: true });
            let packets = count(length as u64, clocked) + extra;
            prop_assume!(length >= packets as usize);
            let payload: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let (mut out, mut counter) = (Vec::new(), 14);
            let mut writer = Packets::new(&mut out, (VIDEO, &mut counter), clock, length as u64, packets);
            payload.chunks(piece).for_each(|bytes| writer.put(bytes));
            prop_assert_eq!(out.len(), packets as usize * PACKET);
            prop_assert_eq!(u32::from(counter), (14 + packets) % 16);
            let mut read = Vec::new();
            for (n, packet) in out.chunks(PACKET).enumerate() {
                prop_assert_eq!(packet[0], 0x47);
                prop_assert_eq!(packet[1] & 0x40 != 0, n == 0);
                prop_assert_eq!(usize::from(packet[3] & 15), (14 + n) % 16);
                let skip = if packet[3] & 0x20 != 0 { 1 + usize::from(packet[4]) } else { 0 };
                read.extend_from_slice(&packet[4 + skip..]);
            }
            prop_assert_eq!(read, payload);
        }
    }
}
