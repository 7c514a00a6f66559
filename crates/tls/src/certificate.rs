//! The certificate in force and the files it came from.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::{Error, Result};

/// Fields that distinguish states of a file: device, inode, size, time of change in ns.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The certificate that new connections get.
#[derive(Debug)]
pub(crate) struct Current {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    pair: Arc<CertifiedKey>,
    stamps: [Stamp; 2],
}

impl Current {
    pub(crate) fn load(certificate: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self> {
        // Stamps are taken first: a change while reading is seen afterwards.
        let stamps = [stamp(certificate), stamp(key)];
        let pair = read(certificate, key, &provider)?;
        let state = RwLock::new(State { pair, stamps });
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), provider, state })
    }

    /// Whether the files are others than those in force.
    pub(crate) fn is_stale(&self) -> bool {
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        runtime::read(&self.state).stamps != stamps
    }

    /// Reads the files; what was in force stays when they are not right.
    pub(crate) fn reload(&self) -> Result<()> {
        let stamps = [stamp(&self.certificate), stamp(&self.key)];
        let pair = read(&self.certificate, &self.key, &self.provider)?;
        *runtime::write(&self.state) = State { pair, stamps };
        Ok(())
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(runtime::read(&self.state).pair.clone())
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Read { what, path, source }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(unreadable("the certificate", certificate))?;
    if chain.is_empty() {
        return Err(Error::NoCertificate { path: certificate.to_owned() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable("the key", key))?;
    let pair = CertifiedKey::from_der(chain, private, provider).map_err(|source| Error::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })?;
    Ok(Arc::new(pair))
}

fn stamp(path: &Path) -> Stamp {
    let found = fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
