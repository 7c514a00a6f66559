//! Errors of a certificate.

use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} from {path}")]
    Read {
        /// `the certificate` or `the key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A file is PEM and has no certificate.
    #[error("{path} has no certificate: it should begin with -----BEGIN CERTIFICATE-----")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key does not open the certificate, or is of a kind that TLS does not use.
    #[error("the key {key} does not belong to the certificate {certificate}")]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The library refuses to be set up.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}
