//! Sealed data: bytes of the database, key rings, stored files, recovery files.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use seal::stream::{HEADER, Opener, Sealer, stored_length};
use seal::{Key, KeyRing, Purpose, Ring, Secret};

/// Keys that are the same in every run.
pub(crate) static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = Ring::make(Timestamp(0)).expect("randomness");
    for (n, purpose) in (1_u8..).zip(Purpose::ALL) {
        ring.insert(purpose, 1, Key::new([n; 32]), Timestamp(0));
    }
    KeyRing::in_memory(ring)
});

/// Sealed bytes from the database or a file: what was altered does not open, and nothing makes a reader fall over.
pub(crate) fn sealed(bytes: &[u8]) {
    let _ = seal::version(bytes);
    let purpose = Purpose::Signing;
    if KEYS.open_sealed(purpose, "object", bytes).is_ok() {
        assert!(KEYS.open_sealed(purpose, "another", bytes).is_err());
        altered(bytes, |bytes| KEYS.open_sealed(purpose, "object", bytes).is_err());
    }
    let (text, version) = KEYS.seal(purpose, "object", bytes).expect("it is sealed");
    assert_eq!(seal::version(&text).ok(), Some(Some(version)));
    assert_eq!(KEYS.open_sealed(purpose, "object", &text).expect("it opens").expose(), bytes);
    altered(&text, |text| KEYS.open_sealed(purpose, "object", text).is_err());
    if let Ok(ring) = Ring::from_bytes(bytes) {
        let again = Ring::from_bytes(ring.to_bytes().expose()).expect("what was written is read");
        assert!(again.contains(&ring) && ring.contains(&again));
    }
    recovery(bytes);
    stream(bytes);
}

/// Holds that `refuses` is true with a bit turned, of a few of the bytes.
fn altered(bytes: &[u8], refuses: impl Fn(&[u8]) -> bool) {
    let mut bytes = bytes.to_vec();
    for at in (0..bytes.len()).step_by(bytes.len() / 5 + 1) {
        bytes[at] ^= 1 << (at % 8);
        assert!(refuses(&bytes), "byte {at}");
        bytes[at] ^= 1 << (at % 8);
    }
}

/// A recovery file of little work: the fuzzer has better things to do than to count to 2^20.
fn recovery(bytes: &[u8]) {
    let work = bytes.split(|b| *b == b'\n').nth(1).and_then(|line| line.rsplit(|b| *b == b' ').next());
    let work = work.and_then(|work| std::str::from_utf8(work).ok()?.parse::<u8>().ok());
    if work.is_none_or(|work| work > 2) {
        return;
    }
    let body = STANDARD.encode(bytes);
    let text = format!("-----BEGIN AGE ENCRYPTED FILE-----\n{body}\n-----END AGE ENCRYPTED FILE-----\n");
    assert!(seal::recovery::read(&text, &Secret::new(b"a passphrase".to_vec())).is_err(), "who made it?");
}

/// A stored file: any range of it is that of the plaintext, and foreign bytes do not open.
fn stream(bytes: &[u8]) {
    let key = Key::new([9; 32]);
    let mut stored = vec![];
    let mut sealer = Sealer::new(&key, b"file").expect("randomness");
    sealer.push(bytes, &mut stored).expect("it is sealed");
    sealer.finish(&mut stored).expect("it is sealed");
    let length = bytes.len() as u64;
    assert_eq!(stored.len() as u64, stored_length(length));
    let open = |stored: &[u8], from: u64, to: u64| {
        let header = stored.first_chunk::<HEADER>()?;
        let opener = Opener::new(&key, b"file", header, length).ok()?;
        let span = opener.span(from..to, u64::MAX);
        let mut stored = stored.get(span.stored.start as usize..span.stored.end as usize)?.to_vec();
        let mut plain = Vec::new();
        opener.open(&span, &mut stored, &mut plain).ok().map(|()| plain)
    };
    if length > 0 {
        let (from, to) = (length / 3, length - length / 4);
        assert_eq!(open(&stored, from, to).as_deref(), Some(&bytes[from as usize..to as usize]));
        altered(&stored, |stored| open(stored, 0, length).is_none());
        assert_eq!(open(bytes, 0, 1), None);
    }
}
