use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use model::Timestamp;
use seal::{Error, KeyProvider, KeyRing, Purpose, Ring, Vault};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn file() -> (tempfile::TempDir, KeyProvider) {
    let folder = tempfile::tempdir().unwrap();
    let provider = KeyProvider::File(folder.path().join("keys/ring"));
    (folder, provider)
}

#[test]
fn a_ring_is_made_once_and_is_private() {
    let (_folder, provider) = file();
    assert!(matches!(KeyRing::open(provider.clone()), Err(Error::NoRing { .. })));
    let ring = KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    let sealed = Vault::new(&ring, Purpose::Signing).seal("a", b"hush").unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(provider.path()), mode(provider.path().parent().unwrap())), (0o600, 0o700));
    let again = KeyRing::open_or_make(provider, NOW).unwrap();
    assert_eq!(Vault::new(&again, Purpose::Signing).open("a", &sealed).unwrap().expose(), b"hush");
}

#[test]
fn processes_that_start_together_have_one_ring() {
    let (_folder, provider) = file();
    let barrier = std::sync::Barrier::new(8);
    let start = || {
        barrier.wait();
        KeyRing::open_or_make(provider.clone(), NOW).unwrap()
    };
    let rings: Vec<KeyRing> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let sealed = Vault::new(&rings[0], Purpose::Signing).seal("a", b"hush").unwrap();
    for ring in &rings {
        assert_eq!(Vault::new(ring, Purpose::Signing).open("a", &sealed).unwrap().expose(), b"hush");
    }
    // A late caller has its ring only in memory.
    provider.create(&Ring::make(NOW).unwrap()).unwrap();
    assert!(KeyRing::open(provider).unwrap().open_sealed(Purpose::Signing, "a", &sealed).is_ok());
}

#[test]
fn rotations_at_the_same_time_lose_no_key() {
    let (_folder, provider) = file();
    let rings: Vec<KeyRing> = (0..8).map(|_| KeyRing::open_or_make(provider.clone(), NOW).unwrap()).collect();
    std::thread::scope(|scope| {
        for ring in &rings {
            scope.spawn(|| ring.rotate(Purpose::Media, NOW).unwrap());
        }
    });
    let there = provider.load().unwrap().unwrap();
    assert_eq!(there.current(Purpose::Media).unwrap().0, 9);
    for ring in &rings {
        let version = ring.version(Purpose::Media).unwrap();
        let own = ring.key(Purpose::Media, version).unwrap();
        assert_eq!(own.expose(), there.key(Purpose::Media, version).unwrap().expose());
    }
}

#[test]
fn a_rotation_does_not_replace_a_foreign_ring() {
    let (folder, provider) = file();
    let ring = KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    let foreign = KeyProvider::File(folder.path().join("foreign"));
    foreign.create(&Ring::make(NOW).unwrap()).unwrap();
    fs::copy(foreign.path(), provider.path()).unwrap();
    assert!(matches!(ring.rotate(Purpose::Media, NOW), Err(Error::RingExists { .. })));
    assert_eq!(fs::read(provider.path()).unwrap(), fs::read(foreign.path()).unwrap());
    assert_eq!(ring.version(Purpose::Media).unwrap(), 1);
    // A ring that was lost in the meantime is written again.
    fs::remove_file(provider.path()).unwrap();
    assert_eq!(ring.rotate(Purpose::Media, NOW).unwrap(), 2);
    assert!(provider.load().unwrap().is_some());
}

#[test]
fn a_ring_that_others_may_read_is_refused() {
    let (_folder, provider) = file();
    KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    fs::set_permissions(provider.path(), Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(provider.load(), Err(Error::Permissions { mode: 0o640, .. })));
    // The permissions of a credential are up to its provider.
    assert!(KeyProvider::Credential(provider.path().to_owned()).load().unwrap().is_some());
}

#[test]
fn a_damaged_ring_is_never_replaced_by_a_new_one() {
    let (_folder, provider) = file();
    KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    let whole = fs::read(provider.path()).unwrap();
    for cut in [0, 1, whole.len() / 2, whole.len() - 4] {
        fs::write(provider.path(), &whole[..cut]).unwrap();
        assert!(matches!(KeyRing::open_or_make(provider.clone(), NOW), Err(Error::Damaged { .. })), "{cut}");
    }
}

#[test]
fn a_credential_is_only_read_and_counts_as_kept_elsewhere() {
    let (_folder, provider) = file();
    let absent = KeyProvider::Credential(provider.path().to_owned());
    assert!(matches!(KeyRing::open_or_make(absent.clone(), NOW), Err(Error::NoRing { .. })));
    KeyRing::open_or_make(provider, NOW).unwrap();
    let ring = KeyRing::open_or_make(absent, NOW).unwrap();
    assert!(matches!(ring.rotate(Purpose::Media, NOW), Err(Error::ReadOnly { .. })));
    assert!(ring.is_exported().unwrap());
}

#[test]
fn a_rotated_key_seals_and_the_old_one_opens_in_every_process() {
    let (_folder, provider) = file();
    let ring = KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    let elsewhere = KeyRing::open(provider.clone()).unwrap();
    let vault = Vault::new(&ring, Purpose::Signing);
    let old = vault.seal("a", b"old").unwrap();
    assert_eq!(vault.renew("a", &old).unwrap(), None);

    assert_eq!(ring.rotate(Purpose::Signing, NOW).unwrap(), 2);
    let new = vault.renew("a", &old).unwrap().unwrap();
    assert_eq!(seal::version(&new).unwrap(), Some(2));
    for vault in [vault, Vault::new(&elsewhere, Purpose::Signing)] {
        assert_eq!(vault.open("a", &old).unwrap().expose(), b"old");
        assert_eq!(vault.open("a", &new).unwrap().expose(), b"old");
    }
    assert!(KeyRing::open(provider).unwrap().entries().iter().any(|e| e.version == 2));
}

#[test]
fn a_sealed_text_belongs_to_its_purpose_object_and_version() {
    let ring = seal::testing::ring(1);
    let sealed = Vault::new(&ring, Purpose::Signing).seal("a", b"text").unwrap();
    let open = |ring: &KeyRing, purpose, object| Vault::new(ring, purpose).open(object, &sealed).is_ok();
    assert!(open(&ring, Purpose::Signing, "a"));
    assert!(!open(&ring, Purpose::Signing, "b"));
    assert!(!open(&ring, Purpose::Sessions, "a"));
    assert!(!open(&seal::testing::ring(2), Purpose::Signing, "a"));
    for n in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[n] ^= 1;
        assert!(ring.open_sealed(Purpose::Signing, "a", &altered).is_err(), "byte {n}");
        assert!(ring.open_sealed(Purpose::Signing, "a", &sealed[..n]).is_err(), "cut at {n}");
    }
}

#[test]
fn an_export_counts_until_the_ring_changes() {
    let (_folder, provider) = file();
    let ring = KeyRing::open_or_make(provider.clone(), NOW).unwrap();
    assert!(!ring.is_exported().unwrap());
    provider.mark_exported(&provider.load().unwrap().unwrap()).unwrap();
    assert!(ring.is_exported().unwrap());
    let past = provider.load().unwrap().unwrap();
    ring.rotate(Purpose::Media, NOW).unwrap();
    assert!(!ring.is_exported().unwrap());
    provider.mark_exported(&provider.load().unwrap().unwrap()).unwrap();
    // An export that began before the rotation ends.
    provider.mark_exported(&past).unwrap();
    assert!(ring.is_exported().unwrap());
}

#[test]
fn a_ring_contains_its_past() {
    let past = Ring::make(NOW).unwrap();
    let mut now = past.clone();
    now.rotate(Purpose::Media, NOW).unwrap();
    assert!(now.contains(&past) && !past.contains(&now));
    assert!(!now.contains(&Ring::make(NOW).unwrap()));
}

proptest::proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(0_u8.., 0..80)) {
        proptest::prop_assert!(seal::testing::ring(1).open_sealed(Purpose::Media, "a", &bytes).is_err());
        proptest::prop_assert!(Ring::from_bytes(&bytes).is_err());
    }
}
