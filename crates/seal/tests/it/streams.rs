use proptest::prelude::*;
use seal::stream::{HEADER, Opener, Sealer, stored_length};
use seal::{Key, Result};

/// Plaintext of the first segment and of the others.
const FIRST: usize = 65_480;
const OTHERS: usize = 65_520;

fn key() -> Key {
    Key::new([7; 32])
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn sealed(plain: &[u8], associated: &[u8], piece: usize) -> Vec<u8> {
    let mut sealer = Sealer::new(&key(), associated).unwrap();
    let mut out = Vec::new();
    plain.chunks(piece).for_each(|piece| sealer.push(piece, &mut out).unwrap());
    sealer.finish(&mut out).unwrap();
    out
}

/// Opens a range, at most `most` segments at a time.
fn opened(stored: &[u8], plain: u64, range: std::ops::Range<u64>, most: u64) -> Result<Vec<u8>> {
    let header = stored.first_chunk::<HEADER>().ok_or(seal::Error::Open)?;
    let opener = Opener::new(&key(), b"film", header, plain)?;
    let (mut at, mut out) = (range.start, Vec::new());
    while at < range.end || (plain == 0 && out.is_empty()) {
        let span = opener.span(at..range.end, most);
        let bytes = stored.get(span.stored.start as usize..span.stored.end as usize);
        opener.open(&span, &mut bytes.ok_or(seal::Error::Open)?.to_vec(), &mut out)?;
        if plain == 0 {
            break;
        }
        at = span.plain.end;
    }
    Ok(out)
}

const LENGTHS: [usize; 10] =
    [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + OTHERS - 1, FIRST + OTHERS, FIRST + OTHERS + 1, 300_000, 16];

#[test]
fn every_length_comes_back_whatever_the_pieces() {
    for length in LENGTHS {
        let plain = noise(length);
        for piece in [1 << 20, 65_536, 997] {
            let stored = sealed(&plain, b"film", piece);
            assert_eq!(stored.len() as u64, stored_length(length as u64), "{length}");
            for most in [1, 4, 1000] {
                assert_eq!(
                    opened(&stored, length as u64, 0..length as u64, most).unwrap(),
                    plain,
                    "{length}"
                );
            }
        }
    }
}

#[test]
fn reads_that_end_at_boundaries_open_nothing_twice() {
    let length = (FIRST + 20 * OTHERS) as u64;
    let opener = Opener::new(&key(), b"film", &[40; HEADER], length).unwrap();
    for run in [1, 4, 8] {
        for start in [0, 1, FIRST as u64 - 1, FIRST as u64, 400_000] {
            let (mut at, mut stored) = (start, None);
            while at < length {
                let end = seal::stream::boundary(at, run);
                assert!(at < end && end - at <= run * OTHERS as u64);
                let span = opener.span(at..end.min(length), run);
                assert_eq!(span.plain, at..end.min(length));
                assert!(stored.is_none_or(|before| before == span.stored.start), "{run} {at}");
                (at, stored) = (end, Some(span.stored.end));
            }
        }
    }
}

#[test]
fn two_streams_of_the_same_bytes_share_nothing() {
    let (a, b) = (sealed(b"same", b"film", 9), sealed(b"same", b"film", 9));
    assert_ne!(a[1..HEADER], b[1..HEADER]);
    assert_ne!(a[HEADER..], b[HEADER..]);
}

#[test]
fn a_stream_under_another_name_or_key_does_not_open() {
    let plain = noise(100);
    assert!(opened(&sealed(&plain, b"other", 100), 100, 0..100, 4).is_err());
    let stored = sealed(&plain, b"film", 100);
    let opener = Opener::new(&Key::new([8; 32]), b"film", stored.first_chunk().unwrap(), 100).unwrap();
    let mut out = b"before".to_vec();
    assert!(opener.open(&opener.span(0..100, 4), &mut stored.clone()[HEADER..], &mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn cut_reordered_and_swapped_segments_are_refused() {
    let plain = noise(FIRST + 3 * OTHERS);
    let length = plain.len() as u64;
    let stored = sealed(&plain, b"film", 1 << 20);
    let all = |stored: &[u8], length| opened(stored, length, 0..length, 2);
    // The end taken away, and the length with it.
    assert!(all(&stored[..65_536 * 3], (FIRST + 2 * OTHERS) as u64).is_err());
    assert!(all(&stored[..stored.len() - 1], length).is_err());
    assert!(all(&stored[..stored.len() - 1], length - 1).is_err());
    // Two segments change places.
    let mut reordered = stored.clone();
    reordered[65_536..3 * 65_536].rotate_left(65_536);
    assert!(all(&reordered, length).is_err());
    // A segment from the same place of another stream under the same key.
    let mut swapped = stored.clone();
    swapped[65_536..2 * 65_536].copy_from_slice(&sealed(&plain, b"film", 1 << 20)[65_536..2 * 65_536]);
    assert!(all(&swapped, length).is_err());
    // Untouched segments still open: each one is authenticated by itself.
    assert_eq!(opened(&swapped, length, 0..FIRST as u64, 4).unwrap(), plain[..FIRST]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_equals_the_plaintext(length in 1_usize..200_000, a in 0.0..1.0, b in 0.0..1.0, most in 1_u64..5) {
        let plain = noise(length);
        let stored = sealed(&plain, b"film", 50_000);
        let at = |part: f64| (part * length as f64) as usize;
        let (start, end) = (at(a).min(at(b)), at(a).max(at(b)));
        prop_assume!(start < end);
        let got = opened(&stored, length as u64, start as u64..end as u64, most).unwrap();
        prop_assert!(got == plain[start..end]);
    }

    #[test]
    fn any_altered_byte_is_refused(length in 1_usize..140_000, place in 0.0..1.0, bit in 0_u8..8) {
        let plain = noise(length);
        let mut stored = sealed(&plain, b"film", 50_000);
        let n = (place * stored.len() as f64) as usize;
        stored[n] ^= 1 << bit;
        let read = opened(&stored, length as u64, 0..length as u64, 4);
        prop_assert!(read.is_err(), "byte {}", n);
    }
}
