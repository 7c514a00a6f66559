//! The server's side of handshakes.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::certificate::Current;
use crate::{Error, Result};

/// A connection inside TLS.
pub type Stream<S> = tokio_rustls::server::TlsStream<S>;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Speaks TLS with the certificate of two files. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

impl Server {
    /// Reads a chain of certificates and their key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = Arc::new(Current::load(certificate, key, provider.clone())?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(Error::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(Error::Setup)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { current, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands. The caller bounds the time.
    ///
    /// # Errors
    /// When the client is gone, speaks something else, or does not know the certificate's authority.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<Stream<S>> {
        self.acceptor.accept(stream).await
    }

    /// Reloads the files for new connections; if they are invalid, the old ones stay in use.
    ///
    /// # Errors
    /// As [`Server::load`].
    pub fn reload(&self) -> Result<()> {
        self.current.reload()
    }

    /// Reloads the files whenever they change, until told to stop.
    pub async fn follow(&self, shutdown: CancellationToken) {
        let mut complaint = String::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let current = self.current.clone();
            let look = runtime::begin(move || current.is_stale().then(|| current.reload()));
            match look.await {
                Ok(Some(Ok(()))) => {
                    complaint.clear();
                    tracing::info!("certificate replaced");
                }
                // Written one after the other, the two files do not fit for a moment: that is said once.
                Ok(Some(Err(error))) => {
                    let said = error.to_string();
                    if said != complaint {
                        let error = model::Chain(&error);
                        tracing::warn!(%error, "the new certificate is invalid; the old one stays in use");
                        complaint = said;
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "cannot watch the certificate"),
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server(…)")
    }
}
