//! The ring in use: shared, and replaced as a whole when a key is added.

use std::fmt;
use std::sync::{Arc, RwLock};

use model::Timestamp;

use crate::envelope::{self, Parts};
use crate::{Entry, Error, Key, KeyProvider, Purpose, Result, Ring, Secret};

/// The ring of this process. Cheap to clone; every clone sees a rotation at once.
#[derive(Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

struct Inner {
    provider: Option<KeyProvider>,
    ring: RwLock<Arc<Ring>>,
}

/// A fresh key for one object, and how it is kept.
#[derive(Debug)]
pub struct DataKey {
    /// The key.
    pub key: Key,
    /// The key as it is stored: sealed under the ring.
    pub sealed: Vec<u8>,
    /// The version of the key that it is sealed under.
    pub version: u32,
}

impl KeyRing {
    /// Opens the provider's ring.
    ///
    /// # Errors
    /// [`Error::NoRing`] if there is none, and those of [`KeyProvider::load`].
    pub fn open(provider: KeyProvider) -> Result<Self> {
        let ring = provider.load()?.ok_or_else(|| Error::NoRing { path: provider.path().to_owned() })?;
        provider.clear_left();
        Ok(Self::new(ring, Some(provider)))
    }

    /// Opens the provider's ring; makes one where there is none and the provider may write. Processes that start
    /// together have the same one.
    pub fn open_or_make(provider: KeyProvider, now: Timestamp) -> Result<Self> {
        if matches!(provider, KeyProvider::File(_)) && provider.load()?.is_none() {
            provider.create(&Ring::make(now)?)?;
        }
        Self::open(provider)
    }

    /// A ring that is only in memory.
    pub fn in_memory(ring: Ring) -> Self {
        Self::new(ring, None)
    }

    fn new(ring: Ring, provider: Option<KeyProvider>) -> Self {
        Self { inner: Arc::new(Inner { provider, ring: RwLock::new(Arc::new(ring)) }) }
    }

    /// Where it came from.
    pub fn provider(&self) -> Option<&KeyProvider> {
        self.inner.provider.as_ref()
    }

    /// Whether losing this machine leaves the keys. Reads a small file.
    pub fn is_exported(&self) -> Result<bool> {
        self.inner.provider.as_ref().map_or(Ok(true), |provider| provider.is_exported(&self.ring()))
    }

    /// Its keys, without their bytes.
    pub fn entries(&self) -> Vec<Entry> {
        self.ring().entries()
    }

    /// The version that a purpose's texts are sealed with now.
    pub fn version(&self, purpose: Purpose) -> Result<u32> {
        self.ring().current(purpose).map(|(version, _)| version)
    }

    /// A certain key. One that another process has added is fetched.
    pub fn key(&self, purpose: Purpose, version: u32) -> Result<Key> {
        let found = self.ring().key(purpose, version).cloned();
        if matches!(found, Err(Error::NoKey { .. })) && self.reload()? {
            return self.ring().key(purpose, version).cloned();
        }
        found
    }

    /// Adds a key that seals from now on; the older ones still open. It is on disk when this answers. Blocks.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::RingExists`] if the provider has a ring by now that lacks keys of this one.
    pub fn rotate(&self, purpose: Purpose, now: Timestamp) -> Result<u32> {
        let mut ring = runtime::write(&self.inner.ring);
        let rotated = |mut next: Ring| next.rotate(purpose, now).map(|_| next);
        let next = match &self.inner.provider {
            None => rotated(Ring::clone(&ring))?,
            Some(provider) => {
                let changed = provider.update(|stored| match stored {
                    Some(stored) if stored.contains(&ring) => rotated(stored).map(Some),
                    Some(_) => Err(Error::RingExists { path: provider.path().to_owned() }),
                    None => rotated(Ring::clone(&ring)).map(Some),
                });
                changed?.expect("the change always answers a ring")
            }
        };
        let version = next.current(purpose)?.0;
        *ring = Arc::new(next);
        Ok(version)
    }

    /// Makes a key for `object`, a name that is used once.
    pub fn data_key(&self, purpose: Purpose, object: &str) -> Result<DataKey> {
        let key = Key::random()?;
        let (sealed, version) = self.seal(purpose, object, key.expose())?;
        Ok(DataKey { key, sealed, version })
    }

    /// Opens a data key.
    pub fn open_data_key(&self, purpose: Purpose, object: &str, sealed: &[u8]) -> Result<Key> {
        Key::from_slice(self.open_sealed(purpose, object, sealed)?.expose()).ok_or(Error::Format)
    }

    /// Seals a small text under the newest key; answers its version too.
    pub fn seal(&self, purpose: Purpose, object: &str, plain: &[u8]) -> Result<(Vec<u8>, u32)> {
        let ring = self.ring();
        let (version, key) = ring.current(purpose)?;
        Ok((envelope::seal(key, purpose, object, version, plain)?, version))
    }

    /// Opens what was sealed for the same purpose and object.
    pub fn open_sealed(&self, purpose: Purpose, object: &str, sealed: &[u8]) -> Result<Secret> {
        match envelope::parse(sealed)? {
            Parts::Current { version, nonce, text } => {
                let key = self.key(purpose, version)?;
                envelope::open(&key, &envelope::associated(purpose, object, version), nonce, text)
            }
            Parts::Legacy { nonce, text } => {
                let key = self.key(Purpose::Legacy, 1)?;
                envelope::open(&key, &envelope::associated_before(object), nonce, text)
            }
        }
    }

    fn ring(&self) -> Arc<Ring> {
        runtime::read(&self.inner.ring).clone()
    }

    /// Takes the provider's ring if it has all that we have; answers whether it has more.
    fn reload(&self) -> Result<bool> {
        let Some(stored) = self.inner.provider.as_ref().map(KeyProvider::load).transpose()?.flatten() else {
            return Ok(false);
        };
        let mut ring = runtime::write(&self.inner.ring);
        let more = stored.contains(&ring) && !ring.contains(&stored);
        if more {
            *ring = Arc::new(stored);
        }
        Ok(more)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(…)")
    }
}
