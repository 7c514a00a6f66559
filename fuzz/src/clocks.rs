//! Times within a source: where its clock jumps, and the bytes that are changed to give it one.

use encode::Container;
use encode::fuzzing::{set_clock, tags};
use model::media::Piece;

use crate::input;

/// Containers by a byte, with the bytes of a packet.
const KINDS: [(Container, usize); 4] =
    [(Container::MpegTs, 188), (Container::MpegTs, 192), (Container::MpegTs, 204), (Container::MpegPs, 0)];

/// Two pieces of an MPEG-TS or MPEG-PS: what is moved comes back when it is moved the other way.
pub(crate) fn clock(bytes: &[u8]) {
    let Some(([kind, from, a, b, c, d], file)) = bytes.split_first_chunk() else { return };
    let (container, packet) = KINDS[usize::from(*kind) % KINDS.len()];
    let ticks = i64::from(i32::from_be_bytes([*a, *b, *c, *d])) << 3;
    let pieces = |ticks: i64| {
        let from = u64::from(*from) * 8;
        let second = Piece { from, starts: vec![(0x1E0, from), (0x100, from + 200)], ticks: -ticks };
        [Piece { from: 0, starts: vec![], ticks }, second]
    };
    let mut moved = file.to_vec();
    let mut set = |ticks| set_clock(container, packet, &mut moved, &pieces(ticks));
    set(ticks).and_then(|()| set(-ticks)).expect("bytes in memory are read and written");
    assert_eq!(moved, file, "{container:?} {packet} {ticks}");
}

/// A Flash video file: once its clock is set there is no other file behind it, and all tags are still there.
pub(crate) fn flash(bytes: &[u8]) {
    let (from, file) = (u64::from(input::byte(bytes, 0)) * 8, bytes.get(1..).unwrap_or_default());
    let file = [b"FLV\x01\x05\0\0\0\x09\0\0\0\0", file].concat();
    let count = |file: &[u8]| tags(file).expect("bytes in memory are read");
    let set = |file: &[u8], pieces: &[Piece]| {
        let mut file = file.to_vec();
        set_clock(Container::Flv, 0, &mut file, pieces).expect("bytes in memory are written");
        file
    };
    let (before, once) = (count(&file), set(&file, &[]));
    assert_eq!(count(&once), (before.0, false));
    assert_eq!(set(&once, &[]), once);
    let pieces = |ticks| [Piece { from, starts: vec![(9, from), (8, from + 99)], ticks }];
    assert_eq!(set(&set(&file, &pieces(0x12_3456)), &pieces(-0x12_3456)), once);
}

/// A list of packets: pieces come in order, and there is never only one.
pub(crate) fn jumps(bytes: &[u8]) {
    const STREAMS: &[u8] = br#"{"streams": [
        {"index": 0, "id": "0x1e0", "codec_type": "video", "time_base": "1/90000"},
        {"index": 1, "id": "0x1c0", "codec_type": "audio", "time_base": "1/90000"},
        {"index": 2, "id": "0x80", "codec_type": "audio", "time_base": "1/90000"}]}"#;
    for container in [Container::MpegPs, Container::Flv] {
        let Ok(Some(jumps)) = encode::fuzzing::jumps(container, STREAMS, bytes) else { continue };
        let pieces = &jumps.pieces;
        assert!(pieces.len() > 1, "{pieces:?}");
        assert!(pieces.windows(2).all(|pair| pair[0].from <= pair[1].from), "{pieces:?}");
        assert_eq!(pieces[0].ticks, 0);
        let is_there = |piece: &Piece| piece.starts.iter().all(|(_, from)| *from >= piece.from);
        assert!(pieces.iter().all(is_there), "{pieces:?}");
        assert!(jumps.notes.iter().all(|note| note.contains("left out")));
    }
}
