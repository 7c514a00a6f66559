//! MPEG-TS (ISO 13818-1) of stored samples: pure, and every length is known before a byte of media is read.
//!
//! A delivered segment is a list of units (tables, and one PES packet for each picture or few frames of
//! sound), grouped into [`Transform`]s that need one contiguous read of each track. Every count of packets follows from
//! the index: NAL lengths of four bytes become start codes of four bytes.
//!
//! **Continuity counters** run on across segments although each is made alone: a delivered segment has a multiple of
//! 16 packets of picture and of sound (the last PES packet is spread over as many as are missing), and tables are
//! counted by the grid segment they stand before.
//!
//! **Times**: grid time 0 is [`START`]; captions say so in `X-TIMESTAMP-MAP`.

use model::FrameRate;

mod adts;
mod packet;
mod segment;
mod tables;
mod transform;

pub(crate) use segment::{Stream, iframe, segment};
pub use transform::{Input, Transform};

/// Presentation time of grid time 0 in 90 kHz ticks: 10 s.
pub(crate) const START: u64 = 900_000;

/// How far the program clock is behind decoding, in 90 kHz ticks: 0.7 s, what a decoder buffers at most.
const DELAY: u64 = 63_000;

/// Ticks of 90 kHz, counted modulo 2³³.
fn clock(ticks: i128, timescale: u32) -> u64 {
    let timescale = i128::from(timescale.max(1));
    let scaled = (ticks * 90_000 + timescale / 2).div_euclid(timescale) + i128::from(START);
    (scaled.rem_euclid(1 << 33)) as u64
}

/// Upper bound of a rate of stored samples as MPEG-TS: headers of packets, and of each picture and ten times a
/// second of sound the headers and the rest of the last packet.
pub(crate) fn packed_rate(rate: u64, pictures: FrameRate) -> u64 {
    const UNIT_BITS: u64 = (8 + 19 + 6 + 183) * 8;
    // Tables and the packets that make counts multiples of 16, at most once a second.
    const SEGMENT_BITS: u64 = 32 * 188 * 8;
    let units = pictures.as_f64().ceil() as u64 + 12;
    (rate + units * UNIT_BITS).saturating_mul(188) / 184 + SEGMENT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_and_wrap() {
        assert_eq!(clock(0, 24_000), START);
        assert_eq!(clock(-2000, 24_000), START - 7500);
        assert_eq!(clock(1024, 44_100), START + 2090);
        assert_eq!(clock(96_000 * 3600 * 48_000, 48_000), (START + 96_000 * 3600 * 90_000) % (1 << 33));
    }
}
