//! Keys and what they close: a ring of versioned keys per purpose, small secrets sealed under them, and a stream
//! format with random access for objects.
//!
//! Three layers. A [`KeyProvider`] brings the [`KeyRing`] (a private file, or a read-only credential). The ring holds a
//! key-encryption key per [`Purpose`] and version. Under it lie small secrets ([`Vault`]) and the data keys of objects,
//! whose bytes are Tink's streaming AEAD ([`stream`]), so that any Tink library reads them.
//! [`recovery`] writes the ring as a file that only a passphrase opens.
//!
//! Deliberately absent: SQL, HTTP, and any knowledge of what is sealed.
//!
//! ```
//! use seal::{KeyProvider, KeyRing, Purpose, Vault};
//! let folder = tempfile::tempdir().unwrap();
//! let provider = KeyProvider::File(folder.path().join("ring"));
//! let ring = KeyRing::open_or_make(provider, model::Timestamp(1_700_000_000_000))?;
//!
//! let vault = Vault::new(&ring, Purpose::Signing);
//! let sealed = vault.seal("cdn-secret|installation", b"hush")?;
//! assert_eq!(vault.open("cdn-secret|installation", &sealed)?.expose(), b"hush");
//! assert!(vault.open("cdn-secret|elsewhere", &sealed).is_err(), "a sealed text stays where it belongs");
//! # Ok::<(), seal::Error>(())
//! ```

mod envelope;
mod error;
mod exported;
mod key;
mod keyring;
mod provider;
mod purpose;
pub mod recovery;
mod ring;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod vault;

pub use envelope::version;
pub use error::{Error, Result};
pub use key::{Key, Secret};
pub use keyring::{DataKey, KeyRing};
pub use provider::KeyProvider;
pub use purpose::Purpose;
pub use ring::{Entry, Ring};
pub use vault::{Renewed, Vault, is_sealed};
