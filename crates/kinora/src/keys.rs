//! Where the key ring is, and how it comes to be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use model::Timestamp;
use seal::{Key, KeyProvider, KeyRing, Purpose, Ring};
use zeroize::Zeroizing;

/// Name of the credential with the ring: systemd's, or that of another tool that sets `$CREDENTIALS_DIRECTORY`.
const CREDENTIAL: &str = "kinora-keys";
/// Named a file with the ring that something else keeps, before [`CREDENTIAL`] was for all who do.
const FORMER: &str = "KINORA_KEYS_FILE";

/// The reminder that is shown until the ring is also stored elsewhere.
pub(crate) const REMINDER: &str = "The key ring exists only on this machine. If it is lost, EVERYTHING stored is lost. \
    Keep a copy elsewhere:  kinora key export FILE";

/// Finds the ring: where the settings say, else the credential, else `keys/ring` in the data folder.
pub(crate) fn provider(chosen: Option<&Path>, data: &Path) -> KeyProvider {
    if let Some(path) = chosen {
        return KeyProvider::File(path.to_owned());
    }
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(CREDENTIAL));
    let former = std::env::var_os(FORMER).map(PathBuf::from);
    if former.is_some() {
        eprintln!(
            "kinora: {FORMER} is deprecated: call that file {CREDENTIAL} and name its folder in CREDENTIALS_DIRECTORY"
        );
    }
    match credential.filter(|path| path.exists()).or(former) {
        Some(path) => KeyProvider::Credential(path),
        None => KeyProvider::File(data.join("keys/ring")),
    }
}

/// Opens the ring. The first start makes one; a data folder from before there was a ring hands its two keys over.
/// A folder that was in use (`used`) never gets a new ring in place of one that is missing.
pub(crate) fn open(
    provider: KeyProvider,
    data: &Path,
    used: bool,
    now: Timestamp,
) -> anyhow::Result<KeyRing> {
    let (vault, codes) = (data.join("keys/vault"), data.join("keys/codes"));
    // First the old key, then the ring: another process may be moving the one into the other.
    let ring = match (legacy(&vault)?, provider.load()?) {
        (_, Some(_)) => KeyRing::open(provider)?,
        (Some(old), None) => {
            let mut ring = Ring::make(now)?;
            ring.insert(Purpose::Legacy, 1, old, now);
            if let Some(codes) = legacy(&codes)? {
                ring.insert(Purpose::Codes, 1, codes, now);
            }
            provider.create(&ring).context("cannot move the keys of this data folder into a key ring")?;
            KeyRing::open(provider)?
        }
        (None, None) if used => bail!(
            "the key ring is not at {}, and without it nothing here can be decrypted: set `keys` in the settings to its \
             place, or restore it with `kinora key import FILE`",
            provider.path().display()
        ),
        (None, None) => KeyRing::open_or_make(provider, now)?,
    };
    for (path, purpose) in [(vault, Purpose::Legacy), (codes, Purpose::Codes)] {
        remove_moved(&path, ring.key(purpose, 1).ok().as_ref())?;
    }
    Ok(ring)
}

/// Removes a key of the first format once the ring, which is on disk, has it. The ring may be a foreign one, and then this
/// file is the only place of the key.
fn remove_moved(path: &Path, in_ring: Option<&Key>) -> anyhow::Result<()> {
    let Some(bytes) = read(path)? else { return Ok(()) };
    if in_ring.is_none_or(|key| key.expose() != bytes.as_slice()) {
        tracing::warn!(path = %path.display(), "the key ring lacks this old key, so it is kept");
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes the ring of a data folder in which nothing is yet, so that it can be exported before the first start. Answers
/// whether it did.
pub(crate) fn prepare(provider: &KeyProvider, data: &Path, now: Timestamp) -> anyhow::Result<bool> {
    let wanted = !is_used(data) && matches!(provider, KeyProvider::File(_)) && provider.load()?.is_none();
    if wanted {
        provider.create(&Ring::make(now)?)?;
    }
    Ok(wanted)
}

/// The ring of a data folder. One that was never started has none yet, or gets it from the service manager, which a
/// command does not see: none is created in its place.
pub(crate) fn load(provider: &KeyProvider, data: &Path) -> anyhow::Result<Ring> {
    let path = provider.path();
    match provider.load()? {
        Some(ring) => Ok(ring),
        None if is_used(data) => Err(seal::Error::NoRing { path: path.to_owned() }.into()),
        None => bail!(
            "there is no key ring at {}: give its place with --config, --data or --keys. Only for an installation that \
             was never started, `kinora key export FILE --new` creates one there",
            path.display()
        ),
    }
}

/// Whether a server was ever started on a data folder.
pub(crate) fn is_used(data: &Path) -> bool {
    ["kinora.db", "objects", "keys/vault"].iter().any(|name| data.join(name).exists())
}

/// Puts a ring in its place; `None` if all its keys are there already. A ring with other keys stays.
pub(crate) fn add(provider: &KeyProvider, ring: &Ring) -> seal::Result<Option<Ring>> {
    provider.update(|there| match there {
        Some(there) if there.contains(ring) => Ok(None),
        Some(there) if !ring.contains(&there) => {
            Err(seal::Error::RingExists { path: provider.path().to_owned() })
        }
        _ => Ok(Some(ring.clone())),
    })
}

/// Whether [`add`] would take a ring.
pub(crate) fn has_place_for(provider: &KeyProvider, ring: &Ring) -> anyhow::Result<bool> {
    let writable = matches!(provider, KeyProvider::File(_));
    Ok(provider.load()?.map_or(writable, |there| there.contains(ring) || (writable && ring.contains(&there))))
}

/// Whether losing the data folder means losing the keys: they are in it and were never exported.
pub(crate) fn stand_and_fall_with(data: &Path, provider: &KeyProvider) -> bool {
    let KeyProvider::File(path) = provider else { return false };
    real(path.parent().unwrap_or(path)).starts_with(real(data)) && !provider.was_exported()
}

/// Where a path leads, links followed as far as it is there already.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = path.ancestors().find_map(|there| Some((there, there.canonicalize().ok()?)));
    match found {
        Some((there, real)) => real.join(path.strip_prefix(there).unwrap_or(Path::new(""))),
        None => path,
    }
}

/// A raw key of the first format.
fn legacy(path: &Path) -> anyhow::Result<Option<Key>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(key) => Ok(Some(Key::new(key))),
        Err(_) => bail!("{} is damaged: restore it from a backup", path.display()),
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1);

    #[test]
    fn keys_from_before_move_into_the_ring() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        fs::create_dir(data.join("keys")).unwrap();
        fs::write(data.join("keys/vault"), [8; 32]).unwrap();
        fs::write(data.join("keys/codes"), [7; 32]).unwrap();
        let provider = || provider(Some(&data.join("keys/ring")), data);
        for _ in 0..2 {
            let ring = open(provider(), data, true, NOW).unwrap();
            assert_eq!(ring.key(Purpose::Legacy, 1).unwrap().expose(), &[8; 32]);
            assert_eq!(ring.key(Purpose::Codes, 1).unwrap().expose(), &[7; 32]);
            assert_eq!(fs::read_dir(data.join("keys")).unwrap().count(), 1);
        }
        // An old key that this ring has not is the only one of its kind.
        fs::write(data.join("keys/vault"), [9; 32]).unwrap();
        open(provider(), data, true, NOW).unwrap();
        assert_eq!(fs::read(data.join("keys/vault")).unwrap(), [9; 32]);

        fs::write(data.join("keys/vault"), [8; 31]).unwrap();
        fs::remove_file(data.join("keys/ring")).unwrap();
        assert!(open(provider(), data, true, NOW).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_ring_can_be_exported_before_the_first_start_and_only_then_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let inside = provider(None, &data);
        assert!(stand_and_fall_with(&data, &inside));
        let refused = load(&inside, &data).err().unwrap().to_string();
        assert!(refused.contains("--new") && !inside.path().exists(), "{refused}");
        assert!(prepare(&inside, &data, NOW).unwrap());
        let ring = load(&inside, &data).unwrap();
        assert!(!prepare(&inside, &data, NOW).unwrap());
        assert_eq!(inside.load().unwrap().unwrap().fingerprint(), ring.fingerprint());
        inside.mark_exported(&ring).unwrap();
        assert!(!stand_and_fall_with(&data, &inside));

        assert!(!stand_and_fall_with(&data, &provider(Some(&dir.path().join("ring")), &data)));
        fs::remove_file(inside.path()).unwrap();
        fs::create_dir(data.join("objects")).unwrap();
        assert!(!prepare(&inside, &data, NOW).unwrap());
        let refused = load(&inside, &data).err().unwrap().to_string();
        assert!(refused.contains("kinora key import"), "objects need the ring that is lost: {refused}");
    }

    #[test]
    fn a_data_folder_behind_a_link_is_the_same_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (data, link) = (dir.path().join("data"), dir.path().join("link"));
        fs::create_dir(&data).unwrap();
        std::os::unix::fs::symlink(&data, &link).unwrap();
        for (data, ring) in [(&link, &link), (&link, &data), (&data, &link)] {
            assert!(stand_and_fall_with(data, &provider(Some(&ring.join("keys/ring")), data)));
        }
        assert!(!stand_and_fall_with(&link, &provider(Some(&dir.path().join("data-keys/ring")), &link)));
    }

    #[test]
    fn a_missing_ring_is_only_made_where_nothing_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let provider = || provider(Some(&dir.path().join("elsewhere/ring")), dir.path());
        let refused = open(provider(), dir.path(), true, NOW).unwrap_err().to_string();
        assert!(refused.contains("`keys`") && refused.contains("kinora key import"), "{refused}");
        assert!(open(provider(), dir.path(), false, NOW).is_ok());
        assert!(open(provider(), dir.path(), true, NOW).is_ok());
    }
}
